#!/usr/bin/env bash
# quick
# SPDX-License-Identifier: MIT
# A file system that will not give a file its final name: that is found out before anything is read,
# or another way is taken. A result that is complete is never removed for want of its name, and what
# is said to be left is what is there.
source "$(dirname "$0")/lib.sh"
source "$HERE/faultfs.sh"
need python3 gunzip cmp

fill mixed 3000000 1 >disk
expect_exit 0 "$IMGZ" capture -q disk disk.gz
serve_folder back mnt

# made JOB: mnt/new is what JOB makes, and nothing else lies there.
made() {
    if [[ $1 == capture* ]]; then
        ok "$1: the image is right" gunzips_to mnt/new disk
    else
        ok "$1: the disk is right" same mnt/new disk
    fi
    equal "$1: nothing else is there" "$(ls -A back)" new
}

JOBS=("capture disk" "restore disk.gz")

title "neither a rename that replaces nothing, nor a link"
for job in "${JOBS[@]}"; do
    for flags in "" --resume --force; do
        for error in EINVAL EOPNOTSUPP; do
            refuse noreplace $error
            refuse link EPERM
            # shellcheck disable=SC2086 # words
            expect_exit 0 "$IMGZ" $job $flags -v mnt/new
            [[ -n $flags ]] || expect_text 'cannot rename without replacing, nor link'
            made "$job"
            # shellcheck disable=SC2086
            [[ $flags == --force ]] || expect_error 1 'mnt/new exists' -- "$IMGZ" $job mnt/new
            rm mnt/new
            allow_all
        done
    done
done

title "no rename that replaces nothing"
for job in "${JOBS[@]}"; do
    refuse noreplace EINVAL
    # shellcheck disable=SC2086
    expect_exit 0 "$IMGZ" $job -v mnt/new
    no "a link does it: nothing is said" grep -q 'without replacing' "$ERR"
    made "$job"
    rm mnt/new
    allow_all
done

title "no rename at all"
mkfifo gate
for job in "capture gate" "restore gate"; do
    for flags in "" --force; do
        refuse rename EPERM
        [[ -n $flags ]] || refuse link EPERM
        # The pipe does not end: it is found out before more than a header is read.
        exec 3<>gate
        head -c 1000 disk.gz >&3
        # shellcheck disable=SC2086
        expect_error 1 'creating mnt/new: files in that folder cannot be renamed' -- \
            "$IMGZ" $job $flags mnt/new
        exec 3>&-
        equal "$job: nothing is there" "$(ls -A back)" ""
        allow_all
    done
done

# begin JOB...: starts it with a pipe for its source, in which the beginning of $FILE is.
begin() {
    FILE=disk
    [[ $1 == capture ]] || FILE=disk.gz
    exec 3<>gate
    head -c 1000 $FILE >&3
    launch "$IMGZ" "$@" mnt/new 3>&-
    ok "$1 has begun" wait_until test -e mnt/new.partial
}

# complete: the job gets the rest of it, and ends.
complete() {
    timeout 20 tail -c +1001 $FILE >gate 3>&-
    exec 3>&-
    reap
}

title "what is complete is kept, whatever happens to its name"
for job in "capture gate" "restore gate"; do
    for why in refused taken; do
        # shellcheck disable=SC2086
        begin $job
        case $why in
        refused) refuse rename EIO -1 new ;;
        taken) echo precious >mnt/new ;;
        esac
        complete
        equal "$job, $why: exit code" "$CODE" 1
        expect_text '; mnt/new\.partial is complete, and is kept: rename it yourself'
        if [[ $why == refused ]]; then
            expect_text 'giving mnt/new its final name: Input/output error;'
            no "nothing has its name" test -e mnt/new
        else
            expect_text 'completing mnt/new: a file of that name has appeared'
            equal "what appeared is as it was" "$(cat mnt/new)" precious
        fi
        allow_all
        mv mnt/new.partial mnt/new
        made "$job"
        rm mnt/new
    done
done

title "the name is refused while the job runs, and another way is found"
begin capture gate
refuse noreplace EINVAL
refuse link EPERM
complete
equal "exit code" "$CODE" 0
made capture
rm mnt/new
allow_all

title "links, but no renames"
for job in "${JOBS[@]}"; do
    refuse rename EOPNOTSUPP
    # shellcheck disable=SC2086
    expect_exit 0 "$IMGZ" $job --force mnt/new
    made "$job"
    echo precious >mnt/new
    # shellcheck disable=SC2086
    expect_error 1 'Operation not supported; .*new\.partial is complete, and is kept' -- \
        "$IMGZ" $job --force mnt/new
    equal "$job: what a link cannot replace is as it was" "$(cat mnt/new)" precious
    rm mnt/new mnt/new.partial
    allow_all
done

title "the last flush fails"
begin restore gate
refuse fsync EIO
complete
equal "exit code" "$CODE" 1
expect_text 'flushing mnt/new: Input/output error; .*; mnt/new\.partial is kept: add --resume'
allow_all
expect_exit 0 "$IMGZ" restore -q --resume disk.gz mnt/new
made restore
rm mnt/new

title "what cannot be removed is said to be there"
for job in "capture gate" "restore gate"; do
    # shellcheck disable=SC2086
    begin $job
    refuse unlink EPERM
    kill -INT "$CHILD"
    reap
    exec 3>&-
    equal "$job: exit code" "$CODE" 130
    expect_text '; mnt/new\.partial is useless, but removing it failed \(Operation not perm'
    no "nothing else is said of it" grep -q 'nothing is left' "$ERR"
    ok "it is there" test -e mnt/new.partial
    allow_all
    rm mnt/new.partial
done
if have chattr && mkdir append && chattr +a append 2>/dev/null; then
    for job in "${JOBS[@]}"; do
        # shellcheck disable=SC2086
        expect_error 1 'creating append/new: files in that folder cannot be renamed' -- \
            "$IMGZ" $job append/new
        equal "$job: nothing is made there" "$(ls -A append)" ""
    done
    chattr -a append
else
    skip "chattr +a" "this file system has no such attribute"
fi

title "a file system that opens no file twice"
for error in ENOENT EACCES EBUSY; do
    refuse reopen $error -1 'new*'
    for job in "${JOBS[@]}"; do
        # shellcheck disable=SC2086
        expect_exit 0 "$IMGZ" $job mnt/new
        ok "$job: it is asked a few times" test "$(grep -c '^open new.partial' mnt/.faultfs)" -le 4
        made "$job"
        rm mnt/new
    done
    # Another one on the same target is still seen.
    begin capture gate
    expect_error 1 'new.*(is being written by another imgz|denied|busy)' -- \
        "$IMGZ" capture disk mnt/new
    complete
    equal "the first one is not disturbed" "$CODE" 0
    made capture
    rm mnt/new
    allow_all
done
refuse stat EACCES -1 new.partial
expect_error 1 'creating mnt/new: Permission denied' -- "$IMGZ" capture disk mnt/new
allow_all
rm -f mnt/new.partial

# The kernel believes this, and does not ask again: as the last.
title "a file system that never heard of it"
refuse noreplace ENOSYS
refuse link EPERM
for job in "${JOBS[@]}"; do
    # shellcheck disable=SC2086
    expect_exit 0 "$IMGZ" $job mnt/new
    made "$job"
    rm mnt/new
done

finish
