#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# After a restore to a drive: the system looks for its partitions, and --fix-gpt moves the backup of
# the GPT to the end of a larger one. Such a drive is no longer what the image says, byte by byte,
# but verify --against knows what moving changes, and nothing else.
source "$(dirname "$0")/lib.sh"
need cmp python3 losetup blockdev sfdisk partx
need_loop

MIB=1048576
SIZE=$((8 * MIB))

# make SECTOR [LABEL]: an image of a disk with two partitions and data: disk.gz.
make() {
    rm -f disk disk.gz
    fill random $SIZE 1 >disk
    attach disk --sector-size "$1"
    printf 'label: %s\nstart=%d, size=%d\nstart=%d, size=%d\n' "${2:-gpt}" \
        $((MIB / $1)) $((2 * MIB / $1)) $((4 * MIB / $1)) $((2 * MIB / $1)) |
        sfdisk -q --wipe always "$LOOP" >/dev/null 2>&1
    blockdev --flushbufs "$LOOP"
    detach "$LOOP"
    expect_exit 0 "$IMGZ" capture -q --chunk-size 64K --digest sha256 disk disk.gz
}

# fresh BYTES [losetup options]: a device full of noise.
fresh() {
    rm -f target
    fill random "$1" 2 >target
    attach target "${@:2}"
}

moved() { # moved FILE: what the report says
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["gpt_moved"])' "$1"
}

# change DEVICE OFFSET: inverts a byte there.
change() {
    python3 - "$1" "$2" <<'PYTHON'
import os
import sys

fd = os.open(sys.argv[1], os.O_RDWR)
offset = int(sys.argv[2])
byte = os.pread(fd, 1, offset)[0] ^ 0xFF
os.pwrite(fd, bytes([byte]), offset)
os.fsync(fd)
PYTHON
    blockdev --flushbufs "$1"
}

# set_header FILE SECTOR-BYTES LBA [FIELD VALUE]: sets 8 bytes of the GPT header there, or none, and
# makes its checksums right.
set_header() {
    python3 - "$@" <<'PYTHON'
import os
import struct
import sys
import zlib

fd = os.open(sys.argv[1], os.O_RDWR)
sector, lba = int(sys.argv[2]), int(sys.argv[3])
header = bytearray(os.pread(fd, 92, lba * sector))
if len(sys.argv) > 4:
    struct.pack_into("<Q", header, int(sys.argv[4]), int(sys.argv[5]))
first, count, size = struct.unpack_from("<QII", header, 72)
struct.pack_into("<I", header, 88, zlib.crc32(os.pread(fd, count * size, first * sector)))
struct.pack_into("<I", header, 16, 0)
struct.pack_into("<I", header, 16, zlib.crc32(header))
os.pwrite(fd, header, lba * sector)
os.fsync(fd)
PYTHON
    [[ ! -b $1 ]] || blockdev --flushbufs "$1"
}

for sector in 512 4096; do
    old=$((SIZE - (sector == 512 ? 33 : 5) * sector)) # the old backup
    title "a larger drive, sectors of $sector"
    make $sector
    for more in $sector $((3 * sector)) 65536 $((24 * MIB)); do
        fresh $((SIZE + more)) --sector-size $sector
        expect_exit 0 "$IMGZ" restore --json --read-back --fix-gpt disk.gz "$LOOP"
        expect_text "^moved +the backup of the partition table \(GPT\) to the end of $LOOP"
        equal "the report says so" "$(moved "$OUT")" True
        ok "nothing is left to say of it" grep -q '"backup_gpt_offset": null' "$OUT"
        ok "sfdisk finds nothing wrong" bash -c "sfdisk --verify $LOOP 2>&1 | grep -i 'no errors'"
        no "the backup is at its end" bash -c "sfdisk --verify $LOOP 2>&1 | grep 'not on the end'"
        equal "both partitions are there" "$(sfdisk -d "$LOOP" 2>/dev/null | grep -c start=)" 2

        expect_exit 0 "$IMGZ" verify --json disk.gz --against "$LOOP"
        expect_text "note +the backup of the partition table \(GPT\) was moved to the end of $LOOP"
        equal "verify says so" "$(moved "$OUT")" True
        expect_exit 0 "$IMGZ" verify -q --digest sha256 --paranoid disk.gz --against "$LOOP"
        expect_exit 0 "$IMGZ" verify -q --direct off disk.gz --against "$LOOP"

        # Anything else is still a difference.
        for offset in 100 $((sector + 60)) $((sector + 100)) $((2 * sector + 32)) \
            $((2 * sector + 60)) $((446 + 12)) $MIB $((5 * MIB)) $((old - 1)) \
            $((SIZE + more - 1)) $((SIZE + more - sector + 33)) \
            $((SIZE + more - 33 * 512)); do
            ((offset != SIZE + more - 33 * 512 || sector == 512)) || continue
            # The very end is behind the header, in its last sector: it means nothing.
            ((offset != SIZE + more - 1)) || continue
            change "$LOOP" "$offset"
            expect_exit 3 "$IMGZ" verify -q disk.gz --against "$LOOP"
            change "$LOOP" "$offset"
        done
        expect_exit 0 "$IMGZ" verify -q disk.gz --against "$LOOP"
        expect_exit 0 "$IMGZ" restore -q --only-changed --fix-gpt disk.gz "$LOOP"
        expect_exit 0 "$IMGZ" verify -q disk.gz --against "$LOOP"
        detach "$LOOP"
    done
done

title "moved by others"
make 512
fresh $((SIZE + MIB))
expect_exit 0 "$IMGZ" restore disk.gz "$LOOP"
expect_text "sgdisk -e $LOOP"
expect_exit 0 "$IMGZ" verify --json disk.gz --against "$LOOP"
equal "not yet" "$(moved "$OUT")" False
ok "sfdisk moves it" sfdisk --relocate gpt-bak-std "$LOOP"
expect_exit 0 "$IMGZ" verify --json disk.gz --against "$LOOP"
equal "now it is" "$(moved "$OUT")" True
# The place of the old backup is nobody's any more.
dd if=/dev/zero of="$LOOP" bs=512 seek=$((SIZE / 512 - 33)) count=33 conv=notrunc,fsync status=none
expect_exit 0 "$IMGZ" verify -q disk.gz --against "$LOOP"
if have sgdisk; then
    expect_exit 0 "$IMGZ" restore -q disk.gz "$LOOP"
    ok "sgdisk moves it" sgdisk -e "$LOOP"
    expect_exit 0 "$IMGZ" verify -q disk.gz --against "$LOOP"
else
    skip sgdisk "not installed"
fi
detach "$LOOP"

title "a table that was changed, and is right in itself"
fresh $((SIZE + MIB))
last=$(((SIZE + MIB) / 512 - 1))
# put_right: as the restore leaves it.
put_right() {
    expect_exit 0 "$IMGZ" restore -q --only-changed --fix-gpt disk.gz "$LOOP"
    expect_exit 0 "$IMGZ" verify -q disk.gz --against "$LOOP"
}
put_right
set_header "$LOOP" 512 1 56 1234 # the disk's GUID
set_header "$LOOP" 512 $last 56 1234
ok "it is right" bash -c "sfdisk --verify $LOOP 2>&1 | grep -i 'no errors'"
expect_exit 3 "$IMGZ" verify -q disk.gz --against "$LOOP"
put_right
change "$LOOP" $((SIZE + MIB - 33 * 512 + 60)) # another name, in the backup alone
set_header "$LOOP" 512 $last
expect_exit 3 "$IMGZ" verify -q disk.gz --against "$LOOP"
put_right

title "an image that lies about where its backup is"
for lba in 0 1 32 33 34 $((4 * MIB / 512)) $((SIZE / 512)) $((last + 1)) 36028797018963967 \
    9223372036854775807 18446744073709551615; do
    cp disk lying
    set_header lying 512 1 32 "$lba"
    expect_exit 0 "$IMGZ" capture -q --force lying lying.gz
    expect_exit 3 "$IMGZ" verify --json lying.gz --against "$LOOP"
    equal "a backup at $lba" "$(moved "$OUT")" False
done
detach "$LOOP"

title "zeros where the old backup would be"
truncate -s $((SIZE - 65536)) disk
truncate -s $SIZE disk
expect_exit 0 "$IMGZ" capture -q --force --chunk-size 64K disk disk.gz
for more in 512 $MIB; do
    fresh $((SIZE + more))
    expect_exit 0 "$IMGZ" restore -q --fix-gpt disk.gz "$LOOP"
    expect_exit 0 "$IMGZ" verify --json disk.gz --against "$LOOP"
    equal "its backup is known" "$(moved "$OUT")" True
    detach "$LOOP"
done

title "where there is nothing to move"
make 512
fresh $SIZE
expect_exit 0 "$IMGZ" restore --json --fix-gpt disk.gz "$LOOP"
equal "a drive of the same size" "$(moved "$OUT")" False
ok "holds the disk" same disk "$LOOP"
detach "$LOOP"
make 512 dos
fresh $((SIZE + MIB))
expect_exit 0 "$IMGZ" restore --json --fix-gpt disk.gz "$LOOP"
equal "no GPT" "$(moved "$OUT")" False
expect_exit 0 "$IMGZ" verify -q disk.gz --against "$LOOP"
detach "$LOOP"
expect_error 2 "is not a block device.*--fix-gpt" -- "$IMGZ" restore --fix-gpt disk.gz back
absent back
expect_error 2 "is not a block device.*--fix-gpt" -- "$IMGZ" restore --fix-gpt disk.gz - >/dev/null

title "the system looks for partitions"
make 512
fresh $((SIZE + MIB)) -P
whole=$LOOP
expect_exit 0 "$IMGZ" restore -v --fix-gpt disk.gz "$whole"
expect_text "$whole: the system has read its partition table again"
partx -u "$whole" >/dev/null 2>&1 # some kernels do not know this table
if [[ -b ${whole}p1 ]]; then
    # One of them is in use: the system goes on with it.
    sleep 600 9<"${whole}p1" &
    holder=$!
    CHILDREN+=("$holder")
    ok "somebody has it open" wait_until test -e "/proc/$holder/fd/9"
    expect_exit 0 "$IMGZ" restore --json disk.gz "$whole"
    expect_text "warning: the system still has the old partitions of $whole.*--rereadpt"
    ok "and in JSON" grep -q '"code": "table-not-read"' "$OUT"
    kill "$holder"
    wait "$holder" 2>/dev/null
else
    skip "a partition in use" "partx makes no partition devices here"
fi
partx -d "$whole" >/dev/null 2>&1
detach "$whole"

finish
