#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Capture, gunzip, restore, verify and hash agree for every size around every boundary, at every
# kind of level, and the image does not depend on the number of threads.
source "$(dirname "$0")/lib.sh"
need gunzip cmp sha256sum md5sum python3

CHUNK=1048576

# round_trip SIZE LEVEL [options]: of the file 'disk', which has that size.
round_trip() {
    local size=$1 level=$2
    shift 2
    rm -f disk.gz back
    expect_exit 0 "$IMGZ" capture -q --level "$level" "$@" disk disk.gz
    ok "size $size level $level: gunzip gives back the disk" gunzips_to disk.gz disk
    expect_exit 0 "$IMGZ" restore -q disk.gz back
    ok "size $size level $level: restore gives back the disk" same disk back
    equal "size $size level $level: nothing else left" "$(ls)" $'back\ndisk\ndisk.gz'
}

title "sizes and levels"
sizes=(0 1 511 512 4095 4096 4097 $((CHUNK - 1)) $((CHUNK)) $((CHUNK + 1))
    $((3 * CHUNK - 1)) $((3 * CHUNK)) $((3 * CHUNK + 1)))
for size in "${sizes[@]}"; do
    fill mixed "$size" "$size" >disk
    for level in fast 0 1 6 12; do
        round_trip "$size" "$level"
        expect_exit 0 "$IMGZ" verify -q disk.gz
    done
done
for level in 2 3 4 5 7 8 9 10 11; do
    round_trip $((3 * CHUNK + 1)) "$level"
done

title "chunk sizes"
for chunk in 65536 262144 16777216; do
    for delta in -1 0 1; do
        fill mixed $((chunk + delta)) "$chunk" >disk
        round_trip $((chunk + delta)) fast --chunk-size "$chunk"
        expect_exit 0 "$IMGZ" verify -q disk.gz
    done
done
fill mixed 1000000 1 >disk
round_trip 1000000 1 --chunk-size 64K
equal "a chunk size is part of the tag" \
    "$("$IMGZ" hash disk.gz | head -n 1 | cut -d' ' -f 1)" IMGZ-ROOT-65536

title "one root hash"
fill mixed $((7 * CHUNK + 4321)) 5 >disk
cp --sparse=always disk sparse
cp --sparse=never disk dense
root=$(root_of disk)
equal "a root hash has 32 digits" "${#root}" 32
equal "root of a sparse copy" "$(root_of sparse)" "$root"
equal "root of a dense copy" "$(root_of dense)" "$root"
equal "root of a pipe" "$(root_of - < <(cat disk))" "$root"
for level in fast 0 1 6 12; do
    for threads in 1 3; do
        rm -f disk.gz
        "$IMGZ" capture -q --level "$level" --threads "$threads" sparse disk.gz
        equal "root of an image, level $level, $threads threads" "$(root_of disk.gz)" "$root"
        equal "root hashed by $threads threads" "$(root_of --threads "$threads" disk)" "$root"
    done
done
no "another disk has another root" test "$(fill mixed 5000 6 | root_of -)" = "$root"

title "digests"
expect_exit 0 "$IMGZ" hash --digest sha256,md5,sha1 disk
equal "the root comes first" "$(head -n 1 "$OUT")" "# IMGZ-ROOT (disk) = $root"
equal "sha256" "$(sed -n 's/^SHA256 (disk) = //p' "$OUT")" "$(sha256sum disk | cut -d' ' -f 1)"
equal "md5" "$(sed -n 's/^MD5 (disk) = //p' "$OUT")" "$(md5sum disk | cut -d' ' -f 1)"
equal "sha1" "$(sed -n 's/^SHA1 (disk) = //p' "$OUT")" "$(sha1sum disk | cut -d' ' -f 1)"
sed -n '/^SHA256/p' "$OUT" >sums
ok "sha256sum -c accepts the line" sha256sum -c sums
expect_exit 0 "$IMGZ" hash --digest sha256 disk.gz
equal "sha256 of the disk inside an image" "$(sed -n 's/^SHA256 .* = //p' "$OUT")" \
    "$(sha256sum disk | cut -d' ' -f 1)"
rm -f disk.gz
expect_exit 0 "$IMGZ" capture -q --digest sha256,md5 disk disk.gz
expect_exit 0 "$IMGZ" info disk.gz
expect_out "$(sha256sum disk | cut -d' ' -f 1)"
expect_out "$(md5sum disk | cut -d' ' -f 1)"
expect_exit 0 "$IMGZ" verify -q --digest sha256 disk.gz
: >disk
expect_exit 0 "$IMGZ" hash --digest sha256 disk
expect_out "^SHA256 \(disk\) = $(sha256sum </dev/null | cut -d' ' -f 1)$"

title "the same bytes whatever the number of threads"
fill mixed $((9 * CHUNK + 77)) 8 >disk
for level in fast 1 6; do
    for threads in 1 2 3 7; do
        "$IMGZ" capture -q --force --reproducible --level "$level" --threads "$threads" \
            disk "image-$threads"
        ok "level $level: $threads threads make the image 1 thread makes" \
            same image-1 "image-$threads"
    done
    "$IMGZ" capture -q --force --reproducible --level "$level" --threads 2 sparse other
    "$IMGZ" capture -q --force --reproducible --level "$level" --threads 2 - piped <disk
    # Only the header says whether the size was known beforehand.
    ok "level $level: a pipe makes the same image" cmp -i 34 image-1 piped
    for threads in 1 2 3 7; do
        "$IMGZ" restore -q --force --threads "$threads" "image-$threads" back
        ok "level $level: restored by $threads threads" same disk back
    done
done

title "verify against a file"
"$IMGZ" capture -q --force disk disk.gz
expect_exit 0 "$IMGZ" verify disk.gz --against disk
expect_exit 0 "$IMGZ" verify --against disk disk.gz
cp disk other
flip other 5000000 3
expect_error 3 other -- "$IMGZ" verify disk.gz --against other
truncate -s -1 other
expect_error 3 other -- "$IMGZ" verify disk.gz --against other
truncate -s +2 other
expect_error 3 other -- "$IMGZ" verify disk.gz --against other

finish
