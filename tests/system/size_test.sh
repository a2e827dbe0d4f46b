#!/usr/bin/env bash
# quick
# SPDX-License-Identifier: MIT
# A raw disk that comes through a pipe and is cut short looks like a smaller disk; with --size it is
# an error, and so is one that is larger.
source "$(dirname "$0")/lib.sh"
need python3 cmp
SIZE=5000000
fill mixed $SIZE 1 >disk

title "the size that is expected"
expect_exit 0 "$IMGZ" capture -q --size $SIZE - out.gz < <(exec cat disk)
ok "the disk is in the image" gunzips_to out.gz disk
expect_exit 0 "$IMGZ" capture -q --force --size $SIZE disk out.gz
: >nothing
expect_exit 0 "$IMGZ" capture -q --force --reproducible - plain.gz < <(exec cat disk)
expect_exit 0 "$IMGZ" capture -q --force --reproducible --size $SIZE - out.gz < <(exec cat disk)
ok "it leaves no trace in the image" same out.gz plain.gz
rm -f out.gz

title "another one"
for bytes in 0 1 65536 1048576 $((SIZE - 1)); do
    expect_error 3 "reading standard input at offset $bytes: the input ended early" \
        "$bytes of the $SIZE bytes" "was the transfer interrupted" "nothing is left" -- \
        "$IMGZ" capture --size $SIZE - out.gz < <(exec head -c $bytes disk)
    absent out.gz
done
for bytes in 1 65536 1048576 3000000 $((SIZE - 1)); do
    expect_error 3 "reading standard input at offset $bytes: it has more than the $bytes bytes" \
        -- "$IMGZ" capture --size $bytes - out.gz < <(exec cat disk)
    absent out.gz
done
expect_error 3 "disk has $SIZE bytes, not the 1048576 expected" "nothing was read" -- \
    "$IMGZ" capture --size 1M disk out.gz
absent out.gz
expect_error 3 "not the 1048576 expected" -- "$IMGZ" capture --resume --size 1M disk out.gz
absent out.gz
expect_exit 0 "$IMGZ" capture -q --map out.map disk out.gz
expect_error 3 "not the 1048576 expected" -- "$IMGZ" capture --map out.map --size 1M disk out.gz
ok "the image is as it was" gunzips_to out.gz disk
expect_error 2 "it must be a size" -- "$IMGZ" capture --size large disk other.gz

title "progress knows the total"
slowly() {
    head -c 3000000 disk
    sleep 1.3
    tail -c +3000001 disk
}
expect_exit 0 "$IMGZ" capture --progress json --force --size $SIZE - out.gz < <(slowly)
ok "every line has it" python3 -c '
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1]) if line.startswith("{")]
assert lines and all(line["raw_bytes_total"] == int(sys.argv[2]) for line in lines), lines' \
    "$ERR" $SIZE

finish
