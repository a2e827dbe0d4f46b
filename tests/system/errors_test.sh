#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What goes wrong around a job: each failure has its exit code and a line that says what, where and
# why, nothing that was there is lost, and nothing half-made is left.
source "$(dirname "$0")/lib.sh"
need gunzip cmp python3 mkfifo

fill mixed 6000000 1 >disk
expect_exit 0 "$IMGZ" capture -q disk disk.gz
echo precious >precious

title "a target that exists"
for job in "capture disk" "restore disk.gz"; do
    # shellcheck disable=SC2086 # the job and its operand are words of their own
    expect_error 1 precious exists force -- "$IMGZ" $job precious
    equal "$job: the file is as it was" "$(cat precious)" precious
    no "$job: nothing temporary" test -e precious.partial
done
mkdir folder
expect_error 1 folder -- "$IMGZ" capture disk folder
expect_error 1 folder -- "$IMGZ" capture --force disk folder
expect_error 1 folder -- "$IMGZ" restore --force disk.gz folder
ok "the folder is still there" test -d folder
ln -s precious link
expect_error 1 link exists -- "$IMGZ" capture disk link
ln -s nowhere dangling
expect_error 1 dangling link -- "$IMGZ" capture disk dangling
expect_error 1 dangling link -- "$IMGZ" restore disk.gz dangling
ok "a dangling link is as it was" test -L dangling
no "and nothing was made where it points" test -e nowhere
expect_error 2 disk -- "$IMGZ" capture disk disk
expect_error 2 disk.gz -- "$IMGZ" restore disk.gz ./disk.gz
ln disk second-name
expect_error 2 second-name -- "$IMGZ" capture --force disk second-name

title "a target that exists, with --force"
cp precious other
expect_exit 0 "$IMGZ" capture -q --force disk other
ok "replaced by an image" gunzips_to other disk
cp precious other
expect_exit 0 "$IMGZ" restore -q --force disk.gz other
ok "replaced by a disk" same other disk
# A job that fails must not have touched what --force lets it replace.
cp precious other
head -c 100000 disk.gz >cut.gz
expect_error 3 cut.gz -- "$IMGZ" restore --force cut.gz other
equal "still there after a failure" "$(cat other)" precious
expect_error 1 missing -- "$IMGZ" capture --force missing other
equal "still there when there is no source" "$(cat other)" precious
# The source itself as the target would be gone before it is read to the end.
cp disk self
expect_error 2 self -- "$IMGZ" capture --force self self
ok "a source that is the target is as it was" same self disk
cp disk.gz self
expect_error 2 self -- "$IMGZ" restore --force self self
ok "an image that is the target is as it was" same self disk.gz
no "nothing temporary" test -e self.partial

title "a source that is not there, or is nothing to read"
for job in capture restore; do
    expect_error 1 missing "No such file" -- "$IMGZ" $job missing new
    absent new
    expect_error 1 folder -- "$IMGZ" $job folder new
    absent new
    expect_error 1 nowhere "No such file" -- "$IMGZ" $job "$([[ $job == capture ]] &&
        echo disk || echo disk.gz)" nowhere/new
    expect_error 1 precious "Not a directory" -- "$IMGZ" $job "$([[ $job == capture ]] &&
        echo disk || echo disk.gz)" precious/new
done
expect_error 1 missing -- "$IMGZ" verify missing
expect_error 1 missing -- "$IMGZ" verify disk.gz --against missing
expect_error 1 missing -- "$IMGZ" hash missing
expect_error 1 missing -- "$IMGZ" info missing
expect_error 1 folder -- "$IMGZ" hash folder
expect_error 1 folder -- "$IMGZ" info folder

title "sizes 0 and odd"
: >empty
expect_exit 0 "$IMGZ" capture -q empty empty.gz
ok "a disk of nothing" gunzips_to empty.gz empty
head -c 12345 disk >odd
expect_exit 0 "$IMGZ" capture -q odd odd.gz
ok "a disk that is no multiple of a sector" gunzips_to odd.gz odd
head -c $((4096 * 3 + 512)) disk >odd
expect_exit 0 "$IMGZ" capture -q --force odd odd.gz
ok "a disk that is no multiple of 4096" gunzips_to odd.gz odd

title "no permission"
if have_root && have setpriv && id nobody >/dev/null 2>&1; then
    as_nobody=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
    mkdir closed open
    chmod 755 closed
    chmod 777 open
    cp disk secret
    chmod 600 secret
    cp disk disk.gz open/
    chmod 644 open/*
    if "${as_nobody[@]}" "$IMGZ" --version >/dev/null 2>&1; then
        expect_error 1 secret "Permission denied" -- "${as_nobody[@]}" "$IMGZ" capture \
            secret open/new
        absent open/new
        expect_error 1 closed/new "Permission denied" -- "${as_nobody[@]}" "$IMGZ" capture \
            open/disk closed/new
        absent closed/new
        expect_error 1 closed/new "Permission denied" -- "${as_nobody[@]}" "$IMGZ" restore \
            open/disk.gz closed/new
        expect_exit 0 "${as_nobody[@]}" "$IMGZ" capture -q open/disk open/new.gz
        ok "nobody can use it" gunzips_to open/new.gz disk
        expect_exit 0 "${as_nobody[@]}" "$IMGZ" restore -q open/new.gz open/new
        ok "nobody can restore" same open/new disk
        expect_exit 0 "${as_nobody[@]}" "$IMGZ" devices
    else
        skip "no permission" "nobody cannot run $IMGZ"
    fi
else
    skip "no permission" "needs root, setpriv and nobody"
fi
rm -rf open closed secret

title "no space left"
if have_root && mkdir -p small && mount_at tmpfs small -t tmpfs -o size=2M 2>/dev/null; then
    expect_error 1 small/new "No space" -- "$IMGZ" capture -0 disk small/new
    rest_as_told small/new
    expect_error 1 small/new "No space" -- "$IMGZ" restore --override no-room disk.gz small/new
    rest_as_told small/new
    ok "nothing else lies there" test -z "$(ls -A small)"
    umount_at small
    truncate -s 4M small.img
    if have mkfs.ext4 && have_loop && mkfs.ext4 -q -O ^has_journal small.img 2>/dev/null; then
        attach small.img
        mount_at "$LOOP" small
        expect_error 1 small/new "No space" -- "$IMGZ" capture -0 <(cat disk disk) small/new
        absent small/new
        expect_exit 0 "$IMGZ" capture -q <(cat disk disk) twice.gz
        expect_error 1 small/new "No space" -- "$IMGZ" restore --override no-room twice.gz small/new
        rest_as_told small/new
        umount_at small
        detach "$LOOP"
    else
        skip "full ext4" "needs loop devices and mkfs.ext4"
    fi
else
    skip "full filesystem" "a tmpfs cannot be mounted here"
fi
for job in "capture -0 disk" "restore disk.gz"; do
    expect_error 1 limited "(too large|File too)" -- \
        bash -c "ulimit -f 2000; '$IMGZ' $job limited" # 2000 KiB
    rest_as_told limited
done

title "nothing is held when imgz has ended"
if have_root && mount_at tmpfs small -t tmpfs -o size=40M 2>/dev/null; then
    for words in "capture -q disk small/new" "restore -q --force disk.gz small/new"; do
        for _ in 1 2 3 4 5; do
            # shellcheck disable=SC2086
            expect_exit 0 "$IMGZ" $words
            ok "umount at once after $words" umount small
            mount -t tmpfs -o size=40M tmpfs small
        done
    done
    umount_at small
else
    skip "umount at once" "a tmpfs cannot be mounted here"
fi

title "a source that shrinks while it is read"
cp disk shrinking
truncate -s 300M shrinking
python3 "$LAYOUT" put shrinking 200000000 text 90000000 5
launch "$IMGZ" capture --threads 1 -12 shrinking shrunk.gz
if wait_until test -s shrunk.gz.partial; then
    kill -STOP "$CHILD"
    truncate -s 210000000 shrinking
    kill -CONT "$CHILD"
    reap
    equal "a source cut while it is read: exit code" "$CODE" 1
    expect_text '^imgz: .*shrinking'
    absent shrunk.gz
else
    fail "the capture did not start"
fi
rm -f shrinking

title "signals"
mkfifo gate
for signal in INT TERM HUP; do
    number=$(kill -l $signal)
    # Waiting for more input.
    exec 3<>gate
    launch "$IMGZ" capture -q - new <gate 3>&-
    timeout 20 cat disk >&3
    ok "the capture has begun" wait_until test -e new.partial
    kill -$signal "$CHILD"
    reap
    exec 3>&-
    equal "capture stopped by SIG$signal while it waits" "$CODE" $((128 + number))
    absent new
    exec 3<>gate
    launch "$IMGZ" restore -q - new <gate 3>&-
    timeout 20 head -c 1000000 disk.gz >&3
    ok "the restore has begun" wait_until test -e new.partial
    kill -$signal "$CHILD"
    reap
    exec 3>&-
    equal "restore stopped by SIG$signal while it waits" "$CODE" $((128 + number))
    rest_as_told new
done
# In the middle of work: with all the processors busy, and with a reader that is slow.
fill text 60000000 6 >busy
for signal in INT TERM; do
    number=$(kill -l $signal)
    launch "$IMGZ" capture -12 busy new
    wait_until test -s new.partial
    kill -$signal "$CHILD"
    reap
    equal "capture stopped by SIG$signal at work" "$CODE" $((128 + number))
    expect_text "^imgz: capture stopped by SIG$signal; new.partial is kept: add --resume to go on"
    rest_as_told new
    mkfifo slow
    launch timeout 30 bash -c 'exec 4<slow; head -c 100000 <&4 >/dev/null; sleep 25'
    sleeper=$CHILD
    launch bash -c 'exec "$1" restore -q disk.gz - >slow' - "$IMGZ"
    sleep 0.5
    kill -$signal "$CHILD"
    reap
    equal "restore to a stuck pipe stopped by SIG$signal" "$CODE" $((128 + number))
    CHILD=$sleeper
    kill "$CHILD"
    reap
    rm -f slow
done
rm -f busy

title "killed, and run again"
exec 3<>gate
launch "$IMGZ" capture -q - new <gate 3>&-
timeout 20 cat disk >&3
wait_until test -e new.partial
# A second one on the same target must see the first.
expect_error 1 new "(use|another|progress|being)" -- "$IMGZ" capture disk new
expect_error 1 new "(use|another|progress|being)" -- "$IMGZ" restore --force disk.gz new
ok "the first is not disturbed" test -e new.partial
{
    kill -KILL "$CHILD"
    reap
} 2>/dev/null # the shell's own word about a killed job is not wanted
exec 3>&-
no "no image appears under its name" test -e new
ok "what was begun lies under the temporary name" test -e new.partial
# The kernel lets go of a killed process's files a moment after it is gone.
ok "nobody holds it any more" wait_until flock -n new.partial true
expect_exit 0 "$IMGZ" capture -q --force disk new
ok "the next run may replace it" gunzips_to new disk
no "nothing temporary" test -e new.partial
rm -f new

title "a trap under the temporary name"
ln -s precious new.partial
run "$IMGZ" capture -q disk new
equal "a link is not followed" "$(cat precious)" precious
if [[ $CODE -eq 0 ]]; then
    ok "and the image is right" gunzips_to new disk
    no "the image is not a link" test -L new
else
    no "no image" test -e new
fi
rm -f new new.partial
ln precious new.partial # a second name of a file somebody needs
run "$IMGZ" capture -q disk new
equal "a file with another name is not written into" "$(cat precious)" precious
rm -f new new.partial
mkdir new.partial
expect_error 1 new.partial -- "$IMGZ" capture disk new
ok "a folder is as it was" test -d new.partial
rmdir new.partial

title "a long name"
long=$(printf 'n%.0s' {1..250})
run "$IMGZ" capture -q disk "$long" # with .partial it is longer than a name may be
[[ $CODE -eq 0 ]] && ok "a long name works" gunzips_to "$long" disk
[[ $CODE -eq 1 ]] && expect_text '^imgz: .*nnnn'
ok "exit 0 or 1" test "$CODE" -le 1
rm -f "$long"
long=$(printf 'n%.0s' {1..300})
expect_error 1 "too long" -- "$IMGZ" capture disk "$long"

title "odd names"
cp disk "a name with spaces, ' and \\"
expect_exit 0 "$IMGZ" capture -q "a name with spaces, ' and \\" "./-- image"
ok "its image" gunzips_to "./-- image" disk
cp disk ./--level
expect_exit 0 "$IMGZ" capture -q --force -- --level new
ok "a file called like an option" gunzips_to new disk
rm -f ./--level "./-- image"
printf -v name 'line\nbreak\e[31m, \u009b31m, \u202efdp.exe\u2066'
no_tricks='line[?]break[?]\[31m, [?]{2}31m, [?]{3}fdp[.]exe[?]{3}'
cp disk "$name"
expect_exit 0 "$IMGZ" capture -q --force "$name" new
expect_exit 1 "$IMGZ" capture "$name" new
expect_error 1 "$no_tricks.gz" -- "$IMGZ" verify "$name.gz"
expect_exit 0 "$IMGZ" capture -v "$name" "$name.gz"
expect_text "^imgz: reading $no_tricks"
expect_text "^captured +$no_tricks .* to $no_tricks.gz "
expect_exit 0 "$IMGZ" info "$name.gz"
expect_out "^image +$no_tricks.gz\$"
expect_out '^ +source[.]path +.*line%0Abreak%1B\[31m, %C2%9B31m, %E2%80%AEfdp.exe%E2%81%A6$'
expect_exit 0 "$IMGZ" info --json "$name.gz"
ok "JSON has the name as it is" python3 -c '
import json, sys
assert json.load(open(sys.argv[1]))["image"] == sys.argv[2]' "$OUT" "$name.gz"
expect_exit 0 "$IMGZ" bench -q --seconds 1 "$name"
expect_out "^$no_tricks \\("

title "more descriptors and less memory"
rm -f new
expect_exit 0 bash -c "ulimit -n 40; '$IMGZ' capture -q disk new"
ok "few descriptors are enough" gunzips_to new disk
run bash -c "ulimit -n 6; '$IMGZ' capture -q --force disk new"
ok "too few: no crash" test "$CODE" -le 1
ok "and the image is whole" gunzips_to new disk
if [[ -z $SANITIZED ]]; then
    run bash -c "ulimit -v 60000; '$IMGZ' capture -q --force --threads 64 --chunk-size 16M disk new"
    equal "too little memory: exit code" "$CODE" 1
    expect_text '^imgz: .*ulimit -v.*raise that limit'
    ok "and the image is whole" gunzips_to new disk
fi

finish
