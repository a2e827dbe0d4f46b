#!/usr/bin/env bash
# quick
# SPDX-License-Identifier: MIT
# A source that does not hold still while it is read: its image is of no moment, and every hash in
# it is right. It used to be captured without a word. Warned of, in words and in JSON; the exit code
# is 0, for the job is done.
source "$(dirname "$0")/lib.sh"
need python3 cmp

MIB=1048576
fill random $((24 * MIB)) 1 >disk

# codes FILE: the codes of the warnings in a report, in one line.
codes() {
    python3 -c '
import json, sys
warnings = json.load(open(sys.argv[1]))["warnings"]
assert all(warning["text"] for warning in warnings)
print(" ".join(warning["code"] for warning in warnings))' "$1"
}

# warned CODES PATTERN COMMAND...: exit 0, with these warnings in JSON and this in words.
warned() {
    local wanted=$1 pattern=$2
    shift 2
    expect_exit 0 "$IMGZ" "$@" --json
    equal "$*: warnings" "$(codes "$OUT")" "$wanted"
    expect_text "^imgz: warning: .*$pattern"
    expect_exit 0 "$IMGZ" "$@" --json --quiet
    equal "$*: warnings, quietly" "$(codes "$OUT")" "$wanted"
    no "quiet: nothing is said" test -s "$ERR"
}

title "a file that is written to while it is read"
# The pipe holds the job up at its end, so that somebody can write meanwhile.
meddled() { # meddled COMMAND...: runs "imgz capture --json disk -", and COMMAND in the middle of it
    mkfifo pipe
    "$IMGZ" capture -v --chunk-size 64K --threads 1 disk pipe >report 2>said &
    local job=$!
    CHILDREN+=("$job")
    exec 7<pipe
    head -c 100000 <&7 >/dev/null
    "$@"
    cat <&7 >/dev/null
    exec 7<&-
    wait "$job"
    CODE=$?
    rm -f pipe
}
# write_to FILE: another byte, later than what was there.
write_to() {
    printf x | dd of="$1" bs=1 seek=12345 conv=notrunc status=none
}
cp disk kept
meddled write_to disk
equal "written to: exit code" "$CODE" 0
ok "written to: told" grep -q '^imgz: warning: disk was written to while it was read' said
cp kept disk
meddled truncate -s +4096 disk
equal "grown: exit code" "$CODE" 0
ok "grown: told" grep -q "^imgz: warning: disk changed from $((24 * MIB)) to " said
truncate -s -4096 disk
meddled cat disk >/dev/null
equal "read: exit code" "$CODE" 0
no "read: nothing to tell" grep -q warning said
expect_exit 0 "$IMGZ" capture --json disk disk.gz
equal "held still: no warnings" "$(codes "$OUT")" ""
no "held still: nothing to tell" grep -q warning "$ERR"

if ! have_root || ! have_loop; then
    skip "devices" "needs root and loop devices"
    finish
fi
need mkfs.ext4

title "a device that is mounted"
mkfs.ext4 -qF disk
attach disk
mount_at "$LOOP" mounted
warned source-mounted "$LOOP is mounted at $PWD/mounted: .*unmount it" \
    capture --force "$LOOP" live.gz
warned source-mounted "$LOOP is mounted" hash "$LOOP"
warned source-mounted "$LOOP is mounted" capture --map live.map --force "$LOOP" live.gz
mount_at "$LOOP" again
expect_exit 0 "$IMGZ" hash "$LOOP"
expect_text "^imgz: warning: $LOOP is mounted at $PWD/mounted, and 1 more: "
umount_at again
expect_exit 0 "$IMGZ" verify --json live.gz --against "$LOOP"
equal "verify --against" "$(codes "$OUT")" source-mounted
mount -o remount,ro mounted
expect_exit 0 "$IMGZ" capture -q --json --force "$LOOP" live.gz
equal "read-only: no warning" "$(codes "$OUT")" ""
mount -o remount,rw mounted

title "a device that holds the image"
expect_exit 0 "$IMGZ" capture --json "$LOOP" mounted/image.gz
ok "both are told" grep -q source-has-image "$OUT"
expect_text "^imgz: warning: $PWD/mounted/image.gz.* lies on $LOOP, the source"
expect_exit 0 "$IMGZ" capture --json "$LOOP" mounted/image.gz --force
expect_exit 0 "$IMGZ" capture "$LOOP" - >/dev/null
bash -c '"$0" capture "$1" - >mounted/out.gz 2>said' "$IMGZ" "$LOOP"
ok "through standard output, too" grep -q "mounted/out.gz lies on $LOOP" said
umount_at mounted

title "a device that a program may write to"
sleep 600 9<>"$LOOP" &
holder=$!
CHILDREN+=("$holder")
ok "somebody may write to it" wait_until test -e "/proc/$holder/fd/9"
warned source-open "$LOOP is held by [a-z]*, process $holder" capture --force "$LOOP" live.gz
kill "$holder"
wait "$holder" 2>/dev/null

title "a device that was written to"
fill random $((24 * MIB)) 5 | dd of="$LOOP" bs=1M oflag=direct iflag=fullblock status=none
mkfifo pipe
"$IMGZ" capture --chunk-size 64K --threads 1 "$LOOP" pipe 2>said &
job=$!
CHILDREN+=("$job")
exec 7<pipe
head -c 100000 <&7 >/dev/null
dd if=kept of="$LOOP" bs=4096 count=2 seek=200 oflag=direct conv=notrunc status=none
cat <&7 >/dev/null
exec 7<&-
wait "$job"
equal "exit code" "$?" 0
ok "told" grep -Eq "^imgz: warning: [0-9]+ bytes were written to $LOOP while it was read" said
expect_exit 0 "$IMGZ" capture -q --json --force "$LOOP" live.gz
equal "nobody writes: no warning" "$(codes "$OUT")" ""
detach "$LOOP"

finish
