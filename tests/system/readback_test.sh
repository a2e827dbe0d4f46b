#!/usr/bin/env bash
# quick
# SPDX-License-Identifier: MIT
# restore --read-back: what was written is read from the drive again. A drive that acknowledges what
# it does not keep is found out, and the place is named.
source "$(dirname "$0")/lib.sh"
source "$HERE/faultdisk.sh"
need python3 cmp
need_loop

fill mixed 9000000 1 >disk
truncate -s 12M disk
expect_exit 0 "$IMGZ" capture -q disk disk.gz
fill random 12582912 2 >backing
serve_disk backing mnt
attach mnt/disk --direct-io=on

title "a drive that keeps everything"
expect_exit 0 "$IMGZ" restore -v --read-back disk.gz "$LOOP"
expect_text 'reading /dev/loop[0-9]+ back, with direct I/O'
expect_text '^restored .* read back: all equal'
ok "the same disk" same disk "$LOOP"
expect_exit 0 "$IMGZ" restore --read-back --json --progress=json disk.gz "$LOOP"
expect_text '"phase":"finish"'
ok "the report is that of a restore" python3 -c 'import json, sys
report = json.load(open(sys.argv[1]))
assert report["ok"] and report["raw_bytes"] == 12582912 and report["bad_chunk_count"] == 0, report
assert report["written_bytes"] > 0 and report["flush_ns"] > 0, report' "$OUT"

title "a drive that loses a block"
rule 'lose 5242880 4096'
fill random 12582912 3 >backing
expect_exit 0 "$IMGZ" restore -q disk.gz "$LOOP"
no "it was lost" same disk "$LOOP"
expect_error 3 'reading back' 'offset 5242880' 'use another target' -- \
    "$IMGZ" restore --read-back disk.gz "$LOOP"
rule clear 'lose 1048576 512' 'lose 8388608 512'
fill random 12582912 4 >backing
run "$IMGZ" restore --read-back --json disk.gz "$LOOP"
equal "exit code" "$CODE" 3
ok "both places are counted" python3 -c 'import json, sys
report = json.load(open(sys.argv[1]))
assert report["bad_chunk_count"] == 2 and report["bad_offset"] == 1048576, report
error = report["error"]
assert error["code"] == "EBADMSG" and error["stage"] == "compare", report' "$OUT"
rule clear
expect_exit 0 "$IMGZ" restore -q --read-back disk.gz "$LOOP"

title "a drive that cannot be read back"
rule clear 'fail r 3145728 512 5 -1'
expect_error 1 'offset 3145728' -- "$IMGZ" restore --read-back disk.gz "$LOOP"
rule clear

title "a larger drive, a file, a pipe"
truncate -s 16M bigger
attach bigger --direct-io=on
expect_exit 0 "$IMGZ" restore -q --read-back disk.gz "$LOOP"
expect_exit 0 "$IMGZ" restore --read-back disk.gz back
ok "the same disk in a file" same disk back
expect_exit 0 "$IMGZ" restore -q --read-back - again <disk.gz
ok "the same disk from a pipe" same disk again
expect_error 2 'cannot be read back' -- "$IMGZ" restore --read-back disk.gz -
expect_error 2 'takes no --read-back' -- "$IMGZ" capture --read-back disk none.gz
absent none.gz

finish
