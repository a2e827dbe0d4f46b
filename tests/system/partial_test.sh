#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# NAME.partial: what an interrupted job did is kept, and is replaced only when somebody says so; a
# file of that name that no job of imgz left is never touched, with whatever options.
source "$(dirname "$0")/lib.sh"
need python3 gunzip cmp sha256sum

MIB=1048576
fill mixed $((6 * MIB)) 1 >disk
fill random $((6 * MIB)) 2 >>disk
printf 'the end' >>disk
expect_exit 0 "$IMGZ" capture -q --reproducible disk disk.gz
SIZE=$(stat -c %s disk.gz)
JOBS=("capture --reproducible disk" "restore disk.gz")

# right JOB: new is what JOB makes; nothing else is left of it, nor in it.
right() {
    if [[ $1 == capture* ]]; then
        ok "$1: the right image" cmp new disk.gz
    else
        ok "$1: the right disk" cmp new disk
    fi
    absent new.partial new.partial.stamp
    equal "$1: no stamp" "$(python3 -c 'import os; print(os.listxattr("new"))')" '[]'
    rm new
}

# interrupted JOB [NEW]: leaves NEW.partial; a capture by a limit on the size of files, a restore by
# a signal.
mkfifo gate
has_some() { (($(stat -c %b "${1:-new}.partial") > 2048)); }
interrupted() {
    local new=${2:-new}
    if [[ $1 == capture* ]]; then
        # shellcheck disable=SC2086 # words
        expect_error 1 "File too large.*; $new\.partial is kept: add --resume to go on from there" \
            -- bash -c 'ulimit -f 5000; exec "$@"' - "$IMGZ" $1 "$new"
    else
        exec 3<>gate
        launch "$IMGZ" restore gate "$new" 3>&-
        timeout 20 head -c $((SIZE / 2)) disk.gz >&3
        wait_until has_some "$new"
        kill -INT "$CHILD"
        reap
        exec 3>&-
        equal "restore: exit code" "$CODE" 130
        expect_text "SIGINT; $new\.partial is kept: add --resume to go on from there"
    fi
    ok "$1: it is there" test -s "$new.partial"
    no "$1: but not under its name" test -e "$new"
}

title "what somebody else has put there stays"
echo precious >precious
for job in "${JOBS[@]}"; do
    for flags in "" --force --discard-partial --resume "--resume --force"; do
        for content in precious disk; do
            [[ $job != capture* || $content != disk ]] || cat precious disk >mixed
            cp $content new.partial
            chmod 600 new.partial
            # shellcheck disable=SC2086
            expect_error 1 'new\.partial may not be from an interrupted run' -- \
                "$IMGZ" $job $flags new
            ok "$job $flags: it is as it was" same new.partial $content
            no "$job $flags: and nothing else" test -e new
        done
    done
    rm new.partial
    : >new.partial
    # shellcheck disable=SC2086
    expect_exit 0 "$IMGZ" $job -q new
    right "$job"
done

title "what was done is kept, and gone on with"
for job in "${JOBS[@]}"; do
    interrupted "$job"
    before=$(sha256sum <new.partial)
    # shellcheck disable=SC2086
    expect_error 1 'new\.partial is left from an interrupted run; .*--resume, .*--discard-partial' \
        -- "$IMGZ" $job new
    equal "$job: it is as it was" "$(sha256sum <new.partial)" "$before"
    # shellcheck disable=SC2086
    expect_exit 0 "$IMGZ" $job --resume --json new
    ok "$job: not all is done again" python3 -c 'import json, sys
report = json.load(open(sys.argv[1]))
assert report["resumed_bytes"] + report["same_bytes"] >= 2 * 1048576, report' "$OUT"
    right "$job"
done

title "or dropped, by request"
for job in "${JOBS[@]}"; do
    for flag in --discard-partial --force; do
        interrupted "$job"
        # shellcheck disable=SC2086
        expect_exit 0 "$IMGZ" $job $flag --json new
        ok "$job $flag: all is done again" grep -q '"same_bytes": 0, "resumed_bytes": 0' "$OUT"
        right "$job"
    done
    # shellcheck disable=SC2086
    expect_error 2 'leave out one' -- "$IMGZ" $job --resume --discard-partial new
done

title "an empty file is as good as none"
: >new.partial
chmod 600 new.partial
expect_error 1 'File too large.*; new\.partial is kept: run the same command' -- bash -c \
    'ulimit -f 5000; exec "$@"' - "$IMGZ" capture --reproducible --resume disk new
expect_exit 0 "$IMGZ" capture -q --reproducible --resume disk new
right capture

title "signals"
fill text $((40 * MIB)) 3 >busy
expect_exit 0 "$IMGZ" capture -q busy busy.gz
for signal in INT HUP TERM; do
    launch "$IMGZ" capture -12 --threads 1 busy new
    wait_until test -s new.partial
    kill -$signal "$CHILD"
    reap
    equal "capture, SIG$signal: exit code" "$CODE" $((128 + $(kill -l $signal)))
    expect_text "^imgz: capture stopped by SIG$signal; new\.partial is kept: add --resume"
    expect_exit 0 "$IMGZ" capture -q --resume busy new
    ok "capture, SIG$signal: the right image" gunzips_to new busy
    rm new
done
interrupted "restore disk.gz"
expect_exit 0 "$IMGZ" restore -q --resume - new <disk.gz
right restore

title "a capture from a pipe cannot be gone on with"
exec 3<>gate
launch "$IMGZ" capture gate new 3>&-
timeout 20 cat disk >&3
wait_until test -s new.partial
kill -INT "$CHILD"
reap
exec 3>&-
equal "exit code" "$CODE" 130
expect_text '; nothing is left of new'
absent new

title "what proved to be bad is no use"
cp disk.gz bad.gz
flip bad.gz $((SIZE * 3 / 4))
expect_error 3 'bad\.gz.*; nothing is left of new' -- "$IMGZ" restore bad.gz new
absent new
# Not even where some of it, which was good, is written.
exec 3<>gate
launch "$IMGZ" restore gate new 3>&-
timeout 20 head -c $((SIZE / 2)) bad.gz >&3
wait_until has_some
timeout 20 tail -c +$((SIZE / 2 + 1)) bad.gz >gate 3>&-
exec 3>&-
reap
equal "exit code" "$CODE" 3
expect_text '; nothing is left of new'
absent new
interrupted "restore disk.gz"
expect_error 3 'new\.partial is kept: run the same command' -- "$IMGZ" restore --resume bad.gz new
expect_exit 0 "$IMGZ" restore -q --resume disk.gz new
right restore

title "killed"
for round in 1 2; do
    launch "$IMGZ" capture -12 --threads 1 busy new
    wait_until test -s new.partial
    kill -KILL "$CHILD"
    reap
    expect_error 1 'new\.partial is left from an interrupted run' -- "$IMGZ" capture busy new
    if ((round == 1)); then
        expect_exit 0 "$IMGZ" capture -q --resume busy new
    else
        # A copy has lost the stamp, and is known by how it begins.
        cp new.partial copy && mv copy new.partial && chmod 600 new.partial
        expect_exit 0 "$IMGZ" capture -q --discard-partial busy new
    fi
    ok "the right image" gunzips_to new busy
    no "nothing else is left" test -e new.partial
    rm -f new
done

title "two names of one file"
# As a job leaves it that ends between giving the one and taking away the other.
cp disk new
ln new new.partial
expect_exit 0 "$IMGZ" restore -q --force disk.gz new
right restore

if have_root; then
    source "$HERE/faultfs.sh"
    title "a file system without attributes"
    serve_folder back mnt
    for job in "${JOBS[@]}"; do
        refuse xattr EOPNOTSUPP
        for flag in --resume --discard-partial; do
            interrupted "$job" mnt/new
            equal "$job: its stamp lies beside it" "$(cd back && echo *)" \
                "new.partial new.partial.stamp"
            # shellcheck disable=SC2086
            expect_error 1 'mnt/new\.partial is left' -- "$IMGZ" $job mnt/new
            # shellcheck disable=SC2086
            expect_exit 0 "$IMGZ" $job -q $flag mnt/new
            equal "$job: nothing else is left" "$(ls -A back)" new
            rm mnt/new
        done
        # It goes with its file.
        expect_error 3 'bad\.gz.*; nothing is left of mnt/new' -- "$IMGZ" restore bad.gz mnt/new
        equal "$job: nothing is there" "$(ls -A back)" ""
        # A stamp that was left behind does not speak for another file.
        interrupted "$job" mnt/new
        mv mnt/new.partial mnt/away
        cp precious mnt/new.partial
        # shellcheck disable=SC2086
        expect_error 1 'new\.partial may not be from' -- "$IMGZ" $job --force mnt/new
        equal "$job: it is as it was" "$(cat mnt/new.partial)" precious
        rm mnt/new.partial mnt/away
        cp precious mnt/new.partial.stamp
        # shellcheck disable=SC2086
        expect_exit 0 "$IMGZ" $job -q mnt/new
        equal "$job: nor is somebody's own replaced" "$(cat mnt/new.partial.stamp)" precious
        rm mnt/new mnt/new.partial.stamp
        # Neither can be made: then nothing is kept.
        refuse create EACCES -1 '*.stamp'
        # shellcheck disable=SC2086
        expect_error 1 'File too large.*nothing is left of mnt/new' -- \
            bash -c 'ulimit -f 5000; exec "$@"' - "$IMGZ" $job mnt/new
        equal "$job: nothing is there" "$(ls -A back)" ""
        allow_all
        # Not a byte can be written: there is nothing to keep.
        refuse write ENOSPC
        # shellcheck disable=SC2086
        expect_error 1 'No space left on device.*nothing is left of mnt/new' -- \
            "$IMGZ" $job mnt/new
        equal "$job: nothing is there" "$(ls -A back)" ""
        allow_all
    done
fi

finish
