#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Sources that fail otherwise than by a few sectors: they vanish, shrink, are slow in places, or
# have more bad sectors than anybody wants to read about. Each has a clear end.
source "$(dirname "$0")/lib.sh"
source "$HERE/faultdisk.sh"
need python3 gunzip cmp ddrescuelog
need_loop

fill mixed 33554432 1 >disk

# serve NAME: a copy of the disk as NAME/disk.
serve() {
    cp disk "$1.backing"
    serve_disk "$1.backing" "$1"
}

title "a device that vanishes"
serve device
attach device/disk --direct-io=on
rule 'delay r 500'
launch "$IMGZ" capture --threads 1 --on-error=zero --map gone.map "$LOOP" gone.gz
sleep 1
kill_disk
reap
equal "exit code" "$CODE" 1
expect_text "^imgz: reading $LOOP at offset [0-9]*: No such device; the device is gone"
expect_text '; gone.gz.partial is kept: add --resume'
rest_as_told gone.gz
ok "its map is whole" ddrescuelog -t gone.map
ok "and claims what was kept" grep -q ' +$' gone.map
rm gone.map
expect_error 1 "$LOOP at offset 0: Input/output error" -- "$IMGZ" capture "$LOOP" gone.gz
expect_error 1 "$LOOP at offset [0-9]*: No such device" -- \
    "$IMGZ" capture --on-error=zero "$LOOP" gone.gz
absent gone.gz
detach "$LOOP"

title "a file that vanishes"
serve file
rule 'delay r 500'
launch "$IMGZ" capture --threads 1 --on-error=zero file/disk gone.gz
sleep 1
kill_disk
reap
equal "exit code" "$CODE" 1
expect_text '^imgz: reading file/disk at offset [0-9]*: '
rest_as_told gone.gz
rm gone.map

title "half a device is dead, which is not gone"
serve half
attach half/disk --direct-io=on
rule 'fail r 0 20971520 5 -1'
expect_exit 4 "$IMGZ" capture -q --json --on-error=zero --retries 0 "$LOOP" half.gz
expect_out '"unreadable": \[{"offset": 0, "bytes": 20971520}\]'
rule clear 'fail r 9437184 24117248 5 -1'
expect_exit 4 "$IMGZ" capture -q --json --force --on-error=zero --retries 0 "$LOOP" half.gz
expect_out '"unreadable": \[{"offset": 9437184, "bytes": 24117248}\]'

title "a source that shrinks"
rule clear 'delay r 300'
launch "$IMGZ" capture --threads 1 half/disk short.gz
sleep 0.7
truncate -s 20000000 half.backing
reap
equal "a file: exit code" "$CODE" 1
expect_text '^imgz: reading half/disk: it ended at offset 20000000 but had 32 MiB'
absent short.gz
rule clear 'delay r 300'
cp disk half.backing
launch "$IMGZ" capture --threads 1 "$LOOP" short.gz
sleep 0.7
truncate -s 19999744 half.backing
losetup -c "$LOOP"
reap
equal "a device: exit code" "$CODE" 1
# Between the two commands above what is behind the new end is an error.
expect_text "^imgz: reading $LOOP(: it ended at offset [0-9]* | at offset [0-9]*: Input)"
absent short.gz
rule clear
detach "$LOOP"

# What a read of 3 seconds at the beginning of the disk holds up is what has no slot: with one
# worker there are ten, so nine chunks are read meanwhile.
title "a slow place does not hold up the others"
serve slow
attach slow/disk --direct-io=on
rule 'slow 4096 512 3000' 'comb 1048576 8388608 1048576'
launch "$IMGZ" capture -v --on-error=zero --threads 1 "$LOOP" slow.gz
sleep 1.5
cat slow/ctl >reads
reap
equal "exit code" "$CODE" 4
for chunk in 1 2 3 4 5 6 7 8; do
    ok "chunk $chunk was read meanwhile" grep -q "^$((chunk * 1048576)) " reads
    ok "and its bad sector was found" grep -q "^$((chunk * 1048576)) 512$" reads
done
no "and no more than there are slots for" grep -q "^$((10 * 1048576)) " reads

title "thousands of bad sectors are a summary"
rule clear 'comb 0 33554432 8192'
expect_exit 4 "$IMGZ" capture --force --on-error=zero --retries 0 --map many.map "$LOOP" many.gz
expect_text '^unreadable 2 MiB in 4096 places, the first at byte 0; the image has zeros there'
ok "in a few lines" test "$(wc -l <"$ERR")" -le 6
equal "the map has them all" "$(ddrescuelog --list-blocks=- many.map | wc -l)" 4096
expect_exit 0 "$IMGZ" info many.gz
expect_out 'unreadable.range-count  *4096'
expect_exit 4 "$IMGZ" capture -v --force --on-error=zero --retries 0 "$LOOP" many.gz
ok "with -v they are a few more" test "$(grep -c 'cannot be read' "$ERR")" -le 12
rule clear 'comb 0 16777216 8192'
expect_exit 4 "$IMGZ" capture --map many.map "$LOOP" many.gz
expect_text '^mended  *many.gz, with 1 MiB of 2 MiB that it lacked'
ok "going back: in a few lines" test "$(wc -l <"$ERR")" -le 6
rule clear
expect_exit 0 "$IMGZ" capture --map many.map "$LOOP" many.gz
ok "all is there" gunzips_to many.gz disk

title "more than an image lists, without their map"
rule clear 'comb 0 33554432 4096'
expect_exit 4 "$IMGZ" capture -q --force --on-error=zero --retries 0 "$LOOP" many.gz
expect_exit 0 "$IMGZ" verify many.gz
expect_text '^unreadable 4 MiB in 8192 places, the first at byte 0; the image has zeros there'
rule clear
printf '0 + 1\n0 33554432 +\n' >made.map
expect_exit 0 "$IMGZ" capture -q --map made.map "$LOOP" many.gz
ok "those that are not listed are found, too" gunzips_to many.gz disk

finish
