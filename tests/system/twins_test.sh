#!/usr/bin/env bash
# quick
# SPDX-License-Identifier: MIT
# verify --against an image compares the disk in it, whatever level, chunk size and order the two
# have; what differs is found, and a damaged image is not equal to anything.
source "$(dirname "$0")/lib.sh"
need python3 cmp gunzip

SIZE=5300000
fill mixed $SIZE 1 >disk
dd if=/dev/zero of=disk bs=64K seek=20 count=33 conv=notrunc status=none
cp disk other
flip other 4000000 3
expect_exit 0 "$IMGZ" capture -q disk image.gz
expect_exit 0 "$IMGZ" capture -q -9 disk small.gz
expect_exit 0 "$IMGZ" capture -q --chunk-size 64K disk fine.gz
expect_exit 0 "$IMGZ" capture -q --chunk-size 16M disk coarse.gz
expect_exit 0 bash -c '"$1" capture -q - piped.gz <disk' - "$IMGZ"
expect_exit 0 "$IMGZ" capture -q other other.gz
expect_exit 0 "$IMGZ" capture -q --chunk-size 64K other other-fine.gz

title "equal"
for one in image fine coarse piped; do
    for two in small fine coarse piped; do
        expect_exit 0 "$IMGZ" verify $one.gz --against $two.gz
        expect_text "compared +the disk in $two.gz with $one.gz: .* all equal"
        expect_text "$("$IMGZ" hash $one.gz | sed 's/.* = //')"
    done
done
expect_exit 0 bash -c '"$1" verify image.gz --against - <fine.gz' - "$IMGZ"
expect_text 'the disk in standard input'
expect_exit 0 "$IMGZ" verify --json image.gz --against fine.gz
ok "JSON says so" python3 -c 'import json, sys
report = json.load(open(sys.argv[1]))
assert report["against_image"] is True and report["chunk_bytes"] == 1 << 20, report
assert report["chunk_count"] == 6 and report["raw_bytes"] == int(sys.argv[2]), report' "$OUT" $SIZE
expect_exit 0 "$IMGZ" verify --json image.gz --against disk
ok "and of a raw disk that it is none" python3 -c 'import json, sys
assert json.load(open(sys.argv[1]))["against_image"] is False' "$OUT"
expect_exit 0 "$IMGZ" verify --digest sha256 image.gz --against fine.gz
expect_text "sha256 +$(sha256sum <disk | cut -d' ' -f 1)"

expect_error 1 "gunzip -c fine.gz .* imgz verify --paranoid image.gz --against -" -- \
    "$IMGZ" verify --paranoid image.gz --against fine.gz
expect_exit 0 bash -c 'gunzip -c fine.gz | "$1" verify --paranoid image.gz --against -' - "$IMGZ"

title "different"
for one in image fine coarse; do
    for two in other other-fine; do
        expect_error 3 "comparing the disk in $two.gz with $one.gz: they differ in 1 of" -- \
            "$IMGZ" verify $one.gz --against $two.gz
    done
done
expect_error 3 "they differ in 1 of 81 chunks of 64 KiB, the first at offset 3997696" -- \
    "$IMGZ" verify fine.gz --against other.gz
head -c 5200000 disk >shorter
for chunk in 64K 1M; do
    expect_exit 0 "$IMGZ" capture -q -f --chunk-size $chunk shorter shorter.gz
    expect_error 3 "not the same disk" -- "$IMGZ" verify image.gz --against shorter.gz
    expect_error 3 "not the same disk" -- "$IMGZ" verify shorter.gz --against image.gz
    expect_error 3 "not the same disk" -- \
        bash -c '"$1" verify shorter.gz --against - <image.gz' - "$IMGZ"
    expect_error 3 "not the same disk" -- \
        bash -c '"$1" verify image.gz --against - <shorter.gz' - "$IMGZ"
done

title "damaged"
# What is read of the first are its hashes; all of the other.
for name in small fine piped; do
    cp $name.gz bad.gz
    flip bad.gz 300000 1
    expect_error 3 "bad.gz" "damaged" -- "$IMGZ" verify image.gz --against bad.gz
done
head -c 500000 image.gz >cut.gz
expect_error 3 "cut.gz" -- "$IMGZ" verify image.gz --against cut.gz
expect_error 3 "" -- bash -c '"$1" verify image.gz --against - <cut.gz' - "$IMGZ"

title "an image of an image"
# What is compared with a disk that is an image is that image as a file, if the sizes say so.
expect_exit 0 "$IMGZ" capture -q image.gz inner.gz
expect_exit 0 "$IMGZ" verify inner.gz --against image.gz
expect_text 'compared +image.gz with inner.gz'
cp image.gz bad.gz
flip bad.gz 300000 1
expect_error 3 "they differ in 1 of 1 chunk of 1024 KiB" -- "$IMGZ" verify inner.gz --against bad.gz
expect_exit 0 "$IMGZ" capture -q image.gz inner2.gz
expect_exit 0 "$IMGZ" verify inner.gz --against inner2.gz
expect_text 'compared +the disk in inner2.gz with inner.gz'

finish
