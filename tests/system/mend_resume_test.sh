#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# capture --map --resume: going back to a failing drive is interrupted, and goes on. What the drive
# gave the first time is not asked of it again: it may not give it twice.
source "$(dirname "$0")/lib.sh"
source "$HERE/faultdisk.sh"
need python3 cmp gunzip
need_loop

SIZE=12582912
OPTIONS=(--reproducible --chunk-size 64K --map disk.map)
fill mixed $SIZE 1 >disk
cp disk backing
serve_disk backing mnt
attach mnt/disk --direct-io=on
expect_exit 0 "$IMGZ" capture -q "${OPTIONS[@]}" disk right.gz
WHOLE=$(stat -c %s right.gz)

# The parts that are bad at first: a sector; some in two chunks; many chunks.
A=(1049088 512)
B=(3145216 1024)
C=(6291456 1500160)
rm disk.map
rule clear "fail r ${A[*]} 5 -1" "fail r ${B[*]} 5 -1" "fail r ${C[*]} 5 -1"
expect_exit 4 "$IMGZ" capture -q "${OPTIONS[@]}" --on-error=zero "$LOOP" old.gz
mv disk.map old.map
LACKED=$((A[1] + B[1] + C[1]))

# from_old [FILE [BYTES]]: the image and its map as they were, and the first bytes of FILE left by
# an interrupted run that could read everything.
from_old() {
    rm -f disk.gz* disk.map
    cp old.gz disk.gz
    cp old.map disk.map
    (($# > 0)) || return 0
    (umask 077 && head -c "${2:-$WHOLE}" "$1" >disk.gz.partial)
    printf '0x0 ? 1\n0x0 0x%x +\n' "$(stat -c %s disk)" >disk.gz.partial.map
}

# unchanged: image and map are as they were.
unchanged() {
    ok "the image is as it was" same disk.gz old.gz
    ok "the map is as it was" same disk.map old.map
}

# interrupt PID: by a signal, in a read that comes back when that has been heard.
interrupt() {
    kill -INT "$1"
    sleep 1
    rule clear
}

# report KEY: a number of the last report.
report() {
    python3 -c 'import json, sys
print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$OUT" "$1"
}

title "killed, and the drive dies"
from_old
HANGS=$((C[0] + 1000448))
rule clear 'delay r 150' "slow $HANGS 65536 -1"
launch "$IMGZ" capture --resume --threads 1 "${OPTIONS[@]}" "$LOOP" disk.gz
ok "some of it is written" wait_until asked $HANGS 65536
kill -9 "$CHILD"
# The last second of it may be lost; where nothing at all can be read the device is gone.
rule clear "fail r 4096 $SIZE 5 -1"
reap
unchanged
ok "what was done is there" test -s disk.gz.partial
ok "and marked, if it lacks something" test ! -k disk.gz.partial
expect_exit 4 "$IMGZ" capture --resume --json "${OPTIONS[@]}" "$LOOP" disk.gz
ok "what was read before counts" test "$(report regained_bytes)" -ge $((A[1] + B[1] + 200000))
ok "what was not is missing" test "$(report regained_bytes)" -le $((A[1] + B[1] + 1000448))
equal "all that lacked is told" "$(report missing_bytes)" $LACKED
equal "nothing is lost between" $(($(report regained_bytes) + $(report unreadable_bytes))) $LACKED
no "A is not read again" asked "${A[@]}"
no "nor is B" asked "${B[@]}"
zeroed "$(report unreadable | tr -dc '0-9,' | cut -d, -f 1)" "$(report unreadable_bytes)"
ok "every byte that was read is there" gunzips_to disk.gz wanted
expect_exit 0 "$IMGZ" verify -q disk.gz
ok "nothing is left" test ! -e disk.gz.partial
no "no mark" test -k disk.gz
absent disk.gz.partial.map
rule clear
expect_exit 0 "$IMGZ" capture --resume "${OPTIONS[@]}" "$LOOP" disk.gz
ok "and the rest another day" same disk.gz right.gz

# resumed NAME: goes on, the drive being well, to the image of a drive that always was.
resumed() {
    rule clear
    expect_exit 0 "$IMGZ" capture --resume --json "${OPTIONS[@]}" "$LOOP" disk.gz
    ok "$1: byte for byte the same" same disk.gz right.gz
    ok "$1: nothing is left" test ! -e disk.gz.partial
    equal "$1: all is regained" "$(report regained_bytes)" $LACKED
}

title "cut anywhere"
for bytes in 0 34 433 434 100000 $((WHOLE / 3)) $((WHOLE / 2)) $((WHOLE * 2 / 3)) \
    $((WHOLE - 2000)) $((WHOLE - 1)) $WHOLE; do
    from_old right.gz "$bytes"
    resumed "the first $bytes bytes"
done
from_old right.gz $((WHOLE - 1))
resumed "all but one byte"
equal "all of it was there" "$(report resumed_bytes)" $SIZE
for bad in A B C; do
    declare -n place=$bad
    no "$bad is not read again" asked "${place[@]}"
done

title "what is there is checked"
for at in 700 $((WHOLE / 4)) $((WHOLE / 2)) $((WHOLE * 3 / 4)); do
    from_old right.gz
    flip disk.gz.partial "$at"
    resumed "a bit has flipped at $at"
done
from_old right.gz $((WHOLE / 2))
truncate -s $((WHOLE + 1000000)) disk.gz.partial
resumed "the file was made longer ahead"
cp disk other
printf 'other' | dd of=other bs=1 seek=500000 conv=notrunc status=none
expect_exit 0 "$IMGZ" capture -q --reproducible --chunk-size 64K other other.gz
from_old other.gz $((WHOLE / 2))
expect_error 1 'disk\.gz\.partial does not belong to it: they differ at offset 458752' -- \
    "$IMGZ" capture --resume "${OPTIONS[@]}" "$LOOP" disk.gz
unchanged
ok "nor is what was left" cmp -n $((WHOLE / 2)) disk.gz.partial other.gz
rm disk.gz.partial
resumed "when it is removed"
from_old right.gz
rm disk.gz.partial.map
expect_error 1 'without its map disk\.gz\.partial\.map' -- \
    "$IMGZ" capture --resume "${OPTIONS[@]}" "$LOOP" disk.gz
chmod 666 disk.map
mv disk.map disk.gz.partial.map
cp old.map disk.map
expect_error 1 'useless without its map disk\.gz\.partial\.map' -- \
    "$IMGZ" capture --resume "${OPTIONS[@]}" "$LOOP" disk.gz
unchanged
rm disk.gz.partial
resumed "when it is removed"
from_old right.gz
printf '0x0 ? 1\n0x0 0x1000 +\n0x1000 0x200 -\n0x1200 0x%x +\n' $((SIZE - 0x1200)) \
    >disk.gz.partial.map
expect_error 1 'marks offset 4096 of the disk unreadable, but disk\.gz has it' -- \
    "$IMGZ" capture --resume "${OPTIONS[@]}" "$LOOP" disk.gz
unchanged

title "killed before it wrote"
from_old right.gz
: >disk.gz.partial
rm disk.gz.partial.map
resumed "what is empty needs no map"
from_old right.gz
: >disk.gz.partial
resumed "nor is one believed that is not of it"

title "nothing more can be read"
from_old old.gz $((WHOLE / 2))
cp old.map disk.gz.partial.map
chmod +t disk.gz.partial
rule clear "fail r 4096 $SIZE 5 -1"
expect_exit 4 "$IMGZ" capture --resume --json "${OPTIONS[@]}" "$LOOP" disk.gz
equal "nothing is regained" "$(report regained_bytes)" 0
ok "the image is as it was" same disk.gz old.gz
ok "nothing is left" test ! -e disk.gz.partial

title "without --resume"
from_old right.gz
expect_error 1 'disk\.gz\.partial is left from an interrupted run' \
    'with --resume, or start over with --discard-partial' -- \
    "$IMGZ" capture "${OPTIONS[@]}" "$LOOP" disk.gz
unchanged
ok "what was left is as it was" same disk.gz.partial right.gz
rm disk.gz.partial
expect_exit 4 "$IMGZ" capture --json "${OPTIONS[@]}" "$LOOP" disk.gz
equal "without it nothing is there" "$(report regained_bytes)" 0
absent disk.gz.partial disk.gz.partial.map

title "a umask for groups"
from_old
rule clear "slow ${C[0]} 65536 -1"
(umask 002 && exec "$IMGZ" capture -q --resume --threads 1 "${OPTIONS[@]}" "$LOOP" disk.gz) &
ok "it reads" wait_until asked "${C[0]}" 65536
interrupt $!
wait $!
ok "it is kept" test -s disk.gz.partial
resumed "its map is believed"

title "stopped, and failing"
for how in --resume ''; do
    from_old
    rule clear "slow ${C[0]} 65536 -1"
    # shellcheck disable=SC2086 # it may be none
    launch "$IMGZ" capture $how --threads 1 "${OPTIONS[@]}" "$LOOP" disk.gz
    ok "it reads" wait_until asked "${C[0]}" 65536
    interrupt "$CHILD"
    reap
    equal "exit code" "$CODE" 130
    unchanged
    advice='run the same command to go on'
    [[ -n $how ]] || advice='add --resume to go on'
    expect_text "disk\\.gz is unchanged; disk\\.gz\\.partial is kept: $advice from there"
    ok "it is kept" test -s disk.gz.partial
    resumed "after a signal"
done
from_old
rule clear "fail r ${A[*]} 5 -1" "fail r ${C[*]} 19 -1"
expect_error 1 "offset ${C[0]}" 'is kept: run the same command' -- \
    "$IMGZ" capture --resume "${OPTIONS[@]}" "$LOOP" disk.gz
unchanged
ok "it lacks something, and is marked" test -k disk.gz.partial
# Also by who does not name the map: its own tells what it lacks. Several reads are under way when
# the drive is gone: any of them may be the first to fail.
expect_error 1 "offset (6|7)[0-9]{6}:" 'is kept: run the same command' -- \
    "$IMGZ" capture --force --resume --reproducible --chunk-size 64K "$LOOP" disk.gz
unchanged
rule clear "fail r ${A[*]} 5 -1"
expect_exit 4 "$IMGZ" capture --resume --json "${OPTIONS[@]}" "$LOOP" disk.gz
zeroed "${A[@]}"
ok "what it lacked is still known" gunzips_to disk.gz wanted
equal "and told" "$(report unreadable_bytes)" "${A[1]}"
rule clear
expect_exit 0 "$IMGZ" capture "${OPTIONS[@]}" "$LOOP" disk.gz
ok "and can be read another day" same disk.gz right.gz

title "runs of zeros"
# Longer than one run may be (64 MiB with such chunks): runs begin and end elsewhere once there is
# data.
rm disk
truncate -s 200M disk
printf 'here' | dd of=disk bs=1 seek=40000000 conv=notrunc status=none
cp disk backing-zeros
serve_disk backing-zeros mnt-zeros
attach mnt-zeros/disk --direct-io=on
expect_exit 0 "$IMGZ" capture -q --force --reproducible --chunk-size 64K disk right.gz
WHOLE=$(stat -c %s right.gz)
rm old.*
rule clear 'fail r 39999488 1024 5 -1' 'fail r 50000384 512 5 -1' 'fail r 209714688 512 5 -1'
expect_exit 4 "$IMGZ" capture -q "${OPTIONS[@]/disk.map/old.map}" --on-error=zero "$LOOP" old.gz
LACKED=2048
for bytes in $(seq 434 $(((WHOLE - 434) / 20)) "$WHOLE"); do
    from_old right.gz "$bytes"
    resumed "the first $bytes bytes"
done

finish
