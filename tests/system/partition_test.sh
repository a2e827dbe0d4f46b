#!/usr/bin/env bash
# quick
# SPDX-License-Identifier: MIT
# The image of a whole disk restored into a partition: it used to be written, exit 0, and no system
# found the disk's partitions any more. Refused, until it is overruled; what else is restored into a
# partition is not.
source "$(dirname "$0")/lib.sh"
need cmp sha256sum losetup sfdisk partx mkfs.ext4 mkfs.vfat
need_loop

MIB=1048576

digest_of() {
    sha256sum <"$1" | cut -d' ' -f 1
}

# table LABEL SIZE: a file with a partition table and something in it.
table() {
    rm -f "disk.$1"
    truncate -s "$2" "disk.$1"
    printf 'label: %s\nstart=2048, size=2048\nstart=4096, size=2048\n' "$1" |
        sfdisk -q "disk.$1" >/dev/null 2>&1
    fill mixed 200000 1 | dd of="disk.$1" bs=1M seek=1 conv=notrunc status=none
    expect_exit 0 "$IMGZ" capture -q --force "disk.$1" "$1.gz"
}

table gpt 8M
table dos 8M
table sun 8M
mkfs.ext4 -qF disk.ext4 6M
mkfs.vfat -C disk.vfat 6000 >/dev/null
fill random 5000000 3 >disk.noise
truncate -s 5M disk.zero
for name in ext4 vfat noise zero; do
    expect_exit 0 "$IMGZ" capture -q disk.$name $name.gz
done
# The table of a disk of 4096 byte sectors.
truncate -s 8M disk.large
attach disk.large --sector-size 4096
printf 'label: gpt\nstart=256, size=256\n' | sfdisk -q "$LOOP" >/dev/null 2>&1
detach "$LOOP"
expect_exit 0 "$IMGZ" capture -q disk.large large.gz

truncate -s 40M parted
printf 'label: gpt\nstart=2048, size=40960\n' | sfdisk -q parted
fill random $((20 * MIB)) 2 | dd of=parted bs=1M seek=1 conv=notrunc status=none
attach parted
whole=$LOOP
partx -a "$whole" >/dev/null 2>&1
[[ -b ${whole}p1 ]] || skip_all "partx makes no partition devices here"

# refused DEVICE IMAGE TABLE [PATTERN]
refused() {
    local before
    before=$(digest_of "$1")
    expect_error 1 "$1 is a partition, but the image is of a whole disk .*\($3\)" \
        "nothing was written; name the disk${4:-}" '--override partition' -- \
        "$IMGZ" restore "$2" "$1"
    expect_error 1 "is a partition" -- \
        "$IMGZ" restore --override mounted,held,sector-size,too-small "$2" "$1"
    expect_error 1 "is a partition" -- "$IMGZ" restore --discard - "$1" < <(exec cat "$2")
    equal "$1 is unchanged" "$(digest_of "$1")" "$before"
}

title "a whole disk into a partition"
for name in gpt dos; do
    refused "${whole}p1" $name.gz $name " $whole"
done
refused "${whole}p1" large.gz gpt
expect_exit 0 "$IMGZ" restore -v --override partition dos.gz "${whole}p1"
expect_text "overridden: ${whole}p1 is a partition"
ok "then it is written" cmp -n $((8 * MIB)) disk.dos "${whole}p1"
expect_exit 0 "$IMGZ" restore -q --override partition,sector-size large.gz "${whole}p1"
ok "then it is written, too" cmp -n $((8 * MIB)) disk.large "${whole}p1"

title "what belongs in a partition"
for name in ext4 vfat noise zero sun; do
    expect_exit 0 "$IMGZ" restore -q $name.gz "${whole}p1"
    ok "$name" cmp -n "$(stat -c %s disk.$name)" disk.$name "${whole}p1"
done

title "a partition that device mapper shows"
partx -d "$whole" >/dev/null 2>&1
name=imgz-test-$$
if have dmsetup && dmsetup create $name --uuid "part1-$name" \
    --table "0 40960 linear $whole 2048" 2>/dev/null; then
    refused /dev/mapper/$name gpt.gz gpt
    dmsetup remove $name
    ok "another mapped device" dmsetup create $name --table "0 40960 linear $whole 2048"
    expect_exit 0 "$IMGZ" restore -q gpt.gz /dev/mapper/$name
    dmsetup remove $name
else
    skip "device mapper" "dmsetup makes no device here"
fi

title "a whole disk onto a whole disk, or into a file"
expect_exit 0 "$IMGZ" restore -q gpt.gz "$whole"
ok "all of it" cmp -n $((8 * MIB)) disk.gpt "$whole"
expect_exit 0 "$IMGZ" restore -q dos.gz back
ok "the file" same disk.dos back
detach "$whole"

finish
