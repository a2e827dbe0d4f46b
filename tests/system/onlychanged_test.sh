#!/usr/bin/env bash
# quick
# SPDX-License-Identifier: MIT
# restore --only-changed: what a device holds already is not written, everything else is, and the
# result is the same disk.
source "$(dirname "$0")/lib.sh"
source "$HERE/faultdisk.sh"
need python3 cmp
need_loop

MIB=1048576
fill mixed 9000000 1 >disk
truncate -s $((12 * MIB + 512)) disk
printf 'the last sector' | dd of=disk bs=1 seek=$((12 * MIB + 17)) conv=notrunc status=none
expect_exit 0 "$IMGZ" capture -q disk disk.gz
fill random $((13 * MIB)) 2 >backing
serve_disk backing mnt
attach mnt/disk --direct-io=on

# figures_are SAME WRITTEN: bytes of the disk that were there, and that were written as data (a
# number, or "some").
figures_are() {
    ok "same $1, written $2" python3 -c 'import json, sys
report = json.load(open(sys.argv[1]))
same, written = sys.argv[2:]
assert report["same_bytes"] == int(same), report
assert report["written_bytes"] == int(written) if written != "some" else report["written_bytes"] > 0
assert report["raw_bytes"] == 12 * 1048576 + 512, report' "$OUT" "$1" "$2"
}
changed() { # changed OPTION...
    expect_exit 0 "$IMGZ" restore --only-changed --json "$@" disk.gz "$LOOP"
    ok "the same disk" cmp -n $((12 * MIB + 512)) disk "$LOOP"
}
scribble() { # scribble OFFSET BYTES
    fill random "$2" "$1" | dd of="$LOOP" bs=512 seek=$(($1 / 512)) conv=notrunc,fsync status=none
    blockdev --flushbufs "$LOOP"
}

title "nothing is there"
changed
figures_are 0 some

title "everything is there"
changed
figures_are $((12 * MIB + 512)) 0
expect_exit 0 "$IMGZ" restore --only-changed disk.gz "$LOOP"
expect_text '^same .*100(\.0)?%'

title "some of it has changed: data, zeros, the last sector"
scribble $((2 * MIB + 4096)) 512
scribble $((11 * MIB + 512)) 1024
scribble $((12 * MIB)) 512
changed --threads 1
expect_out '"bad_chunk_count": 0'
changed
figures_are $((12 * MIB + 512)) 0
scribble $((2 * MIB + 4096)) 512
changed
figures_are $((11 * MIB + 512)) some
scribble 0 $((12 * MIB + 512))
changed --read-back
figures_are 0 some
expect_exit 0 "$IMGZ" restore -q --only-changed - "$LOOP" <disk.gz

title "what cannot be read is written"
rule clear "fail r $((3 * MIB)) 512 5 1"
changed
figures_are $((11 * MIB + 512)) some
rule clear

title "a damaged image is no reason to keep anything"
cp disk.gz bad.gz
flip bad.gz 1000000
expect_error 3 'offset' -- "$IMGZ" restore --only-changed bad.gz "$LOOP"

title "hardly any data: slots are then smaller than a chunk"
truncate -s $((12 * MIB)) sparse
printf 'the last sector' | dd of=sparse bs=1 seek=$((12 * MIB)) conv=notrunc status=none
truncate -s $((12 * MIB + 512)) sparse
expect_exit 0 "$IMGZ" capture -q sparse sparse.gz
for option in '' --paranoid; do
    scribble $((5 * MIB)) 512
    # shellcheck disable=SC2086 # none, or one
    expect_exit 0 "$IMGZ" restore -q --only-changed $option sparse.gz "$LOOP"
    ok "the same disk" cmp -n $((12 * MIB + 512)) sparse "$LOOP"
    # shellcheck disable=SC2086
    expect_exit 0 "$IMGZ" restore --json --only-changed $option sparse.gz "$LOOP"
    ok "all of it is there" grep -q "\"same_bytes\": $((12 * MIB + 512))" "$OUT"
done

title "only a device holds something before"
expect_error 2 'not a block device' -- "$IMGZ" restore --only-changed disk.gz file
absent file
expect_error 2 'not a block device' -- "$IMGZ" restore --only-changed disk.gz -

finish
