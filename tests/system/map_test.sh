#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# capture --map: what was read, what is bad and what was not tried, as ddrescue's own tools read it;
# and going back, with map and image, for what is missing and nothing else.
source "$(dirname "$0")/lib.sh"
source "$HERE/faultdisk.sh"
need python3 gunzip cmp ddrescue ddrescuelog
need_loop

fill mixed 12582912 1 >disk
cp disk backing
serve_disk backing mnt
attach mnt/disk --direct-io=on

# counted STATUS BYTES MAP: ddrescuelog, given the blocks of STATUS in MAP, has so many bytes.
counted() {
    local bytes
    bytes=$(python3 -c 'import re, sys
total = 0
for line in open(sys.argv[2]):
    fields = line.split("#")[0].split()
    if len(fields) == 3 and fields[2] == sys.argv[1] and fields[1][:1].isdigit():
        total += int(fields[1], 0)
print(total)' "$1" "$3")
    equal "$3 has $2 bytes of status $1" "$bytes" "$2"
}

# map_is MAP FINISHED BAD UNTRIED: bytes of each, covering the disk; and ddrescuelog agrees.
map_is() {
    ok "ddrescuelog reads $1" ddrescuelog -t "$1"
    counted + "$2" "$1"
    counted - "$3" "$1"
    counted '?' "$4" "$1"
    equal "$1 covers the disk" "$(($2 + $3 + $4))" 12582912
    equal "ddrescuelog sees as many bad sectors" \
        "$(ddrescuelog --list-blocks=- "$1" | wc -l)" "$(($3 / 512))"
    equal "and as many that are not tried" \
        "$(ddrescuelog --list-blocks='?' "$1" | wc -l)" "$(($4 / 512))"
}

# The parts of the disk that are bad: a sector; some in two chunks; a chunk and more.
A='fail r 1049088 512 5 -1'
B='fail r 3145216 1024 5 -1'
C='fail r 6291456 1500160 5 -1'
BAD=$((512 + 1024 + 1500160))

title "a map of a capture"
expect_exit 0 "$IMGZ" capture -q --map good.map "$LOOP" good.gz
map_is good.map 12582912 0 0
ok "ddrescuelog calls it done" ddrescuelog --done-status good.map
rule clear "$A" "$B" "$C"
expect_exit 4 "$IMGZ" capture --reproducible --digest sha256 --on-error=zero --map disk.map \
    "$LOOP" disk.gz
expect_text 'unreadable'
map_is disk.map $((12582912 - BAD)) $BAD 0
no "ddrescuelog calls it not done" ddrescuelog --done-status disk.map
equal "the first bad sector" "$(ddrescuelog --list-blocks=- disk.map | head -n 1)" 2049
absent disk.map.partial

title "half of it can be read now"
# All that is good fails now: it is not read.
rule clear "$B" 'fail r 0 1049088 5 -1' 'fail r 1049600 2095616 5 -1' \
    'fail r 3146240 3145216 5 -1' 'fail r 7791616 4791296 5 -1'
cp disk.gz before.gz
expect_exit 4 "$IMGZ" capture --reproducible --json --map disk.map "$LOOP" disk.gz
expect_out '"mended": true'
expect_out "\"missing_bytes\": $BAD"
expect_out '"regained_bytes": 1500672'
expect_out '"unreadable": \[{"offset": 3145216, "bytes": 1024}\]'
map_is disk.map $((12582912 - 1024)) 1024 0
zeroed 3145216 1024
ok "what could be read is in the image" gunzips_to disk.gz wanted
expect_exit 0 "$IMGZ" verify -q --digest sha256 disk.gz
expect_exit 0 "$IMGZ" info disk.gz
expect_out 'unreadable.bytes  *1024'
expect_out 'unreadable.ranges  *3145216\+1024$'
expect_out "digest.sha256  *$(sha256sum <wanted | cut -c 1-64)"

title "nothing more can be read"
cp disk.gz before.gz
expect_exit 4 "$IMGZ" capture --map disk.map "$LOOP" disk.gz
expect_text '^mended  *nothing: the 1 KiB that disk.gz lacks still cannot be read'
ok "the image is as it was" same disk.gz before.gz
absent disk.gz.partial
map_is disk.map $((12582912 - 1024)) 1024 0

title "nothing more of an image that ends with zeros"
rule clear "$A" 'fail r 11534336 1048576 5 -1'
expect_exit 4 "$IMGZ" capture -q --on-error=zero --map tail.map "$LOOP" tail.gz
cp tail.gz before.gz
expect_exit 4 "$IMGZ" capture --map tail.map "$LOOP" tail.gz
expect_text '^mended  *nothing'
ok "the image is as it was" same tail.gz before.gz
absent tail.gz.partial
map_is tail.map $((12582912 - 512 - 1048576)) $((512 + 1048576)) 0

title "another disk of the same size"
fill mixed 12582912 7 >other-disk
cp disk.gz before.gz
cp disk.map before.map
expect_error 1 'mending disk\.gz: other-disk differs from the image at offset 0:' \
    'another disk, or has changed' '--override changed' -- \
    "$IMGZ" capture --map disk.map other-disk disk.gz
ok "the image is as it was" same disk.gz before.gz
ok "so is the map" same disk.map before.map
absent disk.gz.partial
expect_error 2 "'mounted' is not known: 'imgz capture' takes a list of changed" -- \
    "$IMGZ" capture --override mounted --map disk.map other-disk disk.gz
cp disk.gz mixed.gz
cp disk.map mixed.map
expect_exit 0 "$IMGZ" capture -q --override changed --map mixed.map other-disk mixed.gz
cp disk wanted
dd if=other-disk of=wanted bs=512 skip=6143 seek=6143 count=2 conv=notrunc status=none
ok "by force: what was missing is of the other one" gunzips_to mixed.gz wanted

title "all of it"
rule clear 'fail r 0 3145216 5 -1' 'fail r 3146240 9436672 5 -1'
expect_exit 0 "$IMGZ" capture --reproducible --map disk.map "$LOOP" disk.gz
expect_text '^mended  *disk.gz, with 1 KiB of 1 KiB that it lacked'
map_is disk.map 12582912 0 0
ok "the image is the disk" gunzips_to disk.gz disk
expect_exit 0 "$IMGZ" verify -q --digest sha256 disk.gz
rule clear
expect_exit 0 "$IMGZ" capture -q --reproducible --digest sha256 "$LOOP" right.gz
ok "and the same, byte for byte, as of a disk that was good all the time" same disk.gz right.gz
expect_exit 0 "$IMGZ" capture --map disk.map "$LOOP" disk.gz
expect_text '^mended  *nothing: disk.gz and its map have all of'
ok "an image that lacks nothing is left" same disk.gz right.gz

title "a map that is lost"
rule clear "$A" "$B" "$C"
expect_exit 4 "$IMGZ" capture -q --on-error=zero "$LOOP" lost.gz
printf '0 + 1\n0 %d +\n' "$(blockdev --getsize64 "$LOOP")" >lost.map
# All that is good fails now: it is not read.
rule clear "$B" 'fail r 0 1049088 5 -1' 'fail r 1049600 2095616 5 -1' \
    'fail r 3146240 3145216 5 -1' 'fail r 7791616 4791296 5 -1'
expect_exit 4 "$IMGZ" capture --json --map lost.map "$LOOP" lost.gz
expect_out "\"missing_bytes\": $BAD"
map_is lost.map $((12582912 - 1024)) 1024 0
zeroed 3145216 1024
ok "what can be read now is in the image" gunzips_to lost.gz wanted
rule clear

title "zeros that were never read"
truncate -s 64M holes
printf 'here' | dd of=holes bs=1 seek=40000000 conv=notrunc status=none
cp holes holes-backing
serve_disk holes-backing holes-mnt
attach holes-mnt/disk --direct-io=on
rule clear 'fail r 39999488 1024 5 -1' 'fail r 50000384 512 5 -1' 'fail r 67108352 512 5 -1'
expect_exit 4 "$IMGZ" capture -q --reproducible --chunk-size 64K --on-error=zero --map holes.map \
    "$LOOP" holes.gz
rule clear
expect_error 2 'chunks of 64 KiB, not of 1024' '--chunk-size' -- "$IMGZ" capture --map holes.map \
    "$LOOP" holes.gz
expect_exit 0 "$IMGZ" capture -q --reproducible --chunk-size 64K --threads 3 --map holes.map \
    "$LOOP" holes.gz
ok "runs of zeros are cut and joined again" gunzips_to holes.gz holes
expect_exit 0 "$IMGZ" capture -q --reproducible --chunk-size 64K "$LOOP" sparse.gz
ok "to the same image" same holes.gz sparse.gz
detach "$LOOP"

title "ddrescue begins, imgz goes on"
serve_disk backing mnt2
attach mnt2/disk --direct-io=on
END='fail r 11534336 1048576 5 -1'
rule clear "$A" "$C" "$END"
run ddrescue -q --no-trim --no-scrape "$LOOP" raw rescue.map
equal "its file ends where it could read last" "$(stat -c %s raw)" 11534336
expect_exit 0 "$IMGZ" capture -q raw short.gz
expect_error 2 'has 11 MiB .11534336 bytes., but .* has 12 MiB .12582912 bytes.' \
    'a copy that ended early' -- "$IMGZ" capture --map rescue.map "$LOOP" short.gz
truncate -s "$(blockdev --getsize64 "$LOOP")" raw
expect_exit 0 "$IMGZ" capture -q raw rescue.gz
rule clear "$A"
expect_exit 4 "$IMGZ" capture -q --map rescue.map "$LOOP" rescue.gz
map_is rescue.map $((12582912 - 512)) 512 0
zeroed 1049088 512
ok "the rest is there" gunzips_to rescue.gz wanted
rule clear
gunzip -c rescue.gz >raw
run ddrescue -q -r 1 "$LOOP" raw rescue.map
ok "and ddrescue takes the map back" same raw disk
map_is rescue.map 12582912 0 0

title "a job that fails"
rule clear "$A" "$C"
expect_error 1 'offset 1049088' 'none.gz.partial is kept: add --resume' -- \
    "$IMGZ" capture --map stop.map "$LOOP" none.gz
rest_as_told none.gz
absent none.gz stop.map.partial
map_is stop.map 1048576 0 11534336
rm stop.map
expect_exit 4 "$IMGZ" capture -q --on-error=zero --map stop.map "$LOOP" stop.gz
map_is stop.map $((12582912 - 512 - 1500160)) $((512 + 1500160)) 0
cp stop.gz before.gz
cp stop.map before.map
flip stop.gz 30000
expect_error 3 'damaged' -- "$IMGZ" capture --map stop.map "$LOOP" stop.gz
ok "the map stays with the image" same stop.map before.map
absent stop.gz.partial
cp before.gz stop.gz
rule clear 'fail r 6291456 1500160 19 -1'
expect_error 1 'offset 6291456' 'gone' -- "$IMGZ" capture --map stop.map "$LOOP" stop.gz

title "a file that cannot grow, and bad sectors in all that goes to it"
RULES=()
for ((at = 0; at < 12582912; at += 1048576)); do RULES+=("fail r $at 512 5 -1"); done
rule clear "${RULES[@]}"
LIMITED=(bash -c 'ulimit -f 2000; exec "$@"' - "$IMGZ" capture -q --on-error=zero)
expect_error 1 'File too large' 'is kept: add --resume' -- \
    "${LIMITED[@]}" --map limit.map "$LOOP" limit.gz
no "nothing has its name" test -e limit.gz
ok "ddrescuelog reads its map" ddrescuelog -t limit.map
ok "what is kept of it is called read" grep -q ' +$' limit.map
expect_error 1 'File too large' 'run the same command to go on from there' -- \
    "${LIMITED[@]}" --resume --map limit.map "$LOOP" limit.gz
ok "ddrescuelog reads what is kept" ddrescuelog -t limit.map
ok "some of it is there" test -s limit.gz.partial
expect_exit 4 "$IMGZ" capture -q --on-error=zero --resume --map limit.map "$LOOP" limit.gz
map_is limit.map $((12582912 - 12 * 512)) $((12 * 512)) 0
cp limit.gz limit-before.gz
rule clear "${RULES[@]:6}"
expect_error 1 'File too large' 'run the same command to go on from there' -- \
    "${LIMITED[@]}" --resume --map limit.map "$LOOP" limit.gz
ok "it is as it was" same limit.gz limit-before.gz
expect_exit 4 "$IMGZ" capture -q --resume --map limit.map "$LOOP" limit.gz
map_is limit.map $((12582912 - 6 * 512)) $((6 * 512)) 0

title "a job that is killed"
rule clear 'delay r 400'
launch "$IMGZ" capture --threads 1 --chunk-size 64K --map killed.map "$LOOP" killed.gz
ok "the map is kept on the way" wait_until grep -q ' +$' killed.map
kill -9 "$CHILD"
reap
rule clear
ok "ddrescuelog reads what is left of it" ddrescuelog -t killed.map
no "it is not called finished" ddrescuelog --done-status killed.map
expect_error 1 'were read before' 'resume' -- "$IMGZ" capture --map killed.map "$LOOP" killed.gz
expect_exit 0 "$IMGZ" capture -q --resume --chunk-size 64K --map killed.map "$LOOP" killed.gz
map_is killed.map 12582912 0 0
ok "what was left is gone on with" gunzips_to killed.gz disk
rule 'delay r 400'
launch "$IMGZ" capture --threads 1 --chunk-size 64K --map stopped.map "$LOOP" stopped.gz
ok "the map is kept on the way" wait_until grep -q ' +$' stopped.map
kill -INT "$CHILD"
reap
rule clear
equal "a signal: exit code" "$CODE" 130
expect_text 'stopped.gz.partial is kept: add --resume'
expect_exit 0 "$IMGZ" capture -q --resume --chunk-size 64K --map stopped.map "$LOOP" stopped.gz
map_is stopped.map 12582912 0 0
ok "and gone on with" gunzips_to stopped.gz disk

title "what is there is not lost"
rule clear
expect_error 1 'were read before' 'none.gz' -- "$IMGZ" capture --map before.map "$LOOP" none.gz
absent none.gz
ok "the map is as it was" same before.map stop.map
expect_error 1 'exists and was not changed' 'name the map that was kept with it' -- \
    "$IMGZ" capture --map none.map "$LOOP" stop.gz
absent none.map
rule clear 'fail r 12000256 512 5 -1'
expect_error 1 'offset 12000256' -- "$IMGZ" capture --force --map stop.map "$LOOP" stop.gz
ok "with --force too, until the new image is there" same stop.gz before.gz
ok "and so does its map" python3 -c 'import sys
def blocks(path):
    return [line for line in open(path) if not line.startswith("#")][1:]
assert blocks(sys.argv[1]) == blocks(sys.argv[2])' stop.map before.map
rule clear
expect_exit 0 "$IMGZ" capture -q --force --map stop.map "$LOOP" stop.gz
map_is stop.map 12582912 0 0
ok "the image is new" gunzips_to stop.gz disk

title "what is no map"
printf '0x0 ? 1\n0x0 0x200 +\n0x400 0x200 -\n' >bad.map
expect_error 3 'bad.map, line 3' -- "$IMGZ" capture --map bad.map "$LOOP" none.gz
expect_error 3 'disk, line 1' -- "$IMGZ" capture --map disk "$LOOP" none.gz
cp bad.map keep.map
expect_error 3 'line 3' -- "$IMGZ" capture --force --map bad.map "$LOOP" stop.gz
ok "it is not replaced, not even by force" same bad.map keep.map
printf '0x0 + 1\n0x0 0x2000000 +\n' >large.map
expect_error 2 'another disk' -- "$IMGZ" capture --map large.map "$LOOP" stop.gz
head -c 1000000 disk >short
expect_error 2 'another disk' -- "$IMGZ" capture --map stop.map short stop.gz
expect_error 1 'not a regular file' -- "$IMGZ" capture --map /dev/null "$LOOP" none.gz
expect_error 2 'file or a block device' -- "$IMGZ" capture --map pipe.map - none.gz
expect_error 2 'both a map file' -- "$IMGZ" capture --map none.gz "$LOOP" none.gz
touch clash
ln -s clash link.gz
for pair in 'a.gz.partial a.gz' 'a.gz.partial.map ./a.gz' "m $PWD/m.partial" 'clash link.gz'; do
    read -r map image <<<"$pair"
    expect_error 2 'both a map file' -- "$IMGZ" capture --force --map "$map" "$LOOP" "$image"
    absent a.gz a.gz.partial m m.partial m.partial.partial
done
cp disk m.partial
expect_error 2 'both a map file' -- "$IMGZ" capture --map m m.partial none.gz
ok "the source is as it was" same m.partial disk
rm m.partial
expect_error 1 'No such file' -- "$IMGZ" capture --map nowhere/m "$LOOP" none.gz
expect_error 2 '--map needs a file' -- "$IMGZ" capture --map - "$LOOP" none.gz
expect_error 2 'takes no --map' -- "$IMGZ" hash --map m "$LOOP"
absent none.gz

finish
