#!/usr/bin/env bash
# quick
# SPDX-License-Identifier: MIT
# Block devices, as loop devices with sectors of 512 and of 4096 bytes: captured, restored over what
# they held before, refused where writing would be a mistake, compared by hashes.
source "$(dirname "$0")/lib.sh"
need cmp gunzip python3 sha256sum losetup blockdev
need_loop
need_free 300

SIZE=$((9 * 1048576))

digest_of() {
    sha256sum <"$1" | cut -d' ' -f 1
}

# refused DEVICE PATTERN [capture options]: exit 1, a message, and not one byte changed.
refused() {
    local device=$1 pattern=$2 before
    shift 2
    before=$(digest_of "$device")
    expect_error 1 "$device" "$pattern" -- "$IMGZ" restore "$@" disk.gz "$device"
    equal "$device is unchanged" "$(digest_of "$device")" "$before"
}

fill mixed $SIZE 1 >disk
dd if=/dev/zero of=disk bs=64K seek=40 count=33 conv=notrunc status=none
fill random $SIZE 2 >noise
expect_exit 0 "$IMGZ" capture -q --reproducible disk from-file.gz

for sector in 512 4096; do
    title "sectors of $sector bytes"
    cp disk source
    cp noise target
    attach source --sector-size $sector
    source_device=$LOOP
    attach target --sector-size $sector
    target_device=$LOOP

    rm -f disk.gz
    expect_exit 0 "$IMGZ" capture -v "$source_device" disk.gz
    expect_text '[Dd]irect'
    ok "gunzip gives back the device" gunzips_to disk.gz disk
    expect_exit 0 "$IMGZ" capture -q --reproducible "$source_device" from-device.gz
    ok "a device and a file give the same image" same from-file.gz from-device.gz
    expect_exit 0 "$IMGZ" capture -q --reproducible --force --direct=off "$source_device" \
        from-device.gz
    ok "the same through the page cache" same from-file.gz from-device.gz
    expect_exit 0 "$IMGZ" capture -q --reproducible --force --direct=on disk from-device.gz
    ok "the same from a file read directly" same from-file.gz from-device.gz
    rm -f from-device.gz
    equal "one root hash" "$(root_of "$source_device")" "$(root_of disk.gz)"
    equal "the source is untouched" "$(digest_of source)" "$(digest_of disk)"
    expect_error 3 "$source_device" -- "$IMGZ" restore "$source_device" new.img
    expect_text "Did you mean 'imgz capture $source_device new.img'"

    expect_exit 0 "$IMGZ" restore disk.gz "$target_device"
    ok "every byte of the target is the disk's, zeros too" same "$target_device" disk
    ok "and so it is in the backing file" same target disk
    expect_exit 0 "$IMGZ" verify disk.gz --against "$target_device"
    flip target $((5 * 1048576 + 123)) 6
    blockdev --flushbufs "$target_device"
    expect_error 3 "$target_device" "$((5 * 1048576))" -- \
        "$IMGZ" verify disk.gz --against "$target_device"
    expect_exit 0 "$IMGZ" restore -q --force disk.gz "$target_device"
    ok "restored again" same "$target_device" disk
    ln -s "$target_device" by-name
    expect_exit 0 "$IMGZ" restore -q disk.gz by-name
    ok "a link to a device stays a link" test -L by-name
    rm by-name

    expect_exit 0 "$IMGZ" restore -q - "$target_device" < <(cat disk.gz)
    ok "its bytes" same "$target_device" disk
    # Nothing may hold the device once imgz has ended: who comes next wants to mount it.
    busy=0
    for _ in {1..10}; do
        "$IMGZ" restore -q disk.gz "$target_device" 2>"$ERR" || busy=$((busy + 1))
    done
    equal "restores at once after each other that failed" "$busy: $(cat "$ERR")" "0: "
    detach "$target_device"

    title "sectors of $sector bytes: other sizes"
    cat noise noise >target
    attach target --sector-size $sector
    expect_exit 0 "$IMGZ" restore -q disk.gz "$LOOP"
    ok "the head of a larger device" cmp -n $SIZE disk "$LOOP"
    ok "the tail of a larger device is as before" cmp -i $SIZE:0 "$LOOP" noise
    expect_exit 0 "$IMGZ" verify disk.gz --against "$LOOP"
    # A disk that ends inside a sector: the sectors after it are none of its business.
    for odd in 1 511 513 4097 1048577; do
        head -c $odd disk >odd-disk
        expect_exit 0 "$IMGZ" capture -q --force odd-disk odd.gz
        cat noise noise >target
        blockdev --flushbufs "$LOOP"
        expect_exit 0 "$IMGZ" restore -q odd.gz "$LOOP"
        ok "$odd bytes on a device" cmp -n $odd odd-disk "$LOOP"
        after=$(((odd + 4095) / 4096 * 4096))
        ok "what follows the $odd bytes" cmp -i $after:$after -n 2000000 "$LOOP" noise
    done
    detach "$LOOP"

    head -c $((SIZE - sector)) noise >target
    attach target --sector-size $sector
    refused "$LOOP" "small"
    refused "$LOOP" "small" --force
    expect_error 1 "$LOOP" -- "$IMGZ" restore - "$LOOP" < <(cat disk.gz)
    detach "$LOOP"

    cp noise target
    attach target --sector-size $sector -r
    refused "$LOOP" "(read-only|write-protected)"
    refused "$LOOP" "(read-only|write-protected)" --force
    detach "$LOOP"
    detach "$source_device"
done

title "sizes that are no multiple of 4096"
for size in 512 1024 3584 $((1048576 + 512)) $((3 * 1048576 - 512)) $((65536 + 1536)); do
    head -c $size disk >source
    cat source >copy
    attach source
    expect_exit 0 "$IMGZ" capture -q --force "$LOOP" odd.gz
    ok "capture of a device of $size bytes" gunzips_to odd.gz copy
    detach "$LOOP"
    head -c $size noise >target
    attach target
    expect_exit 0 "$IMGZ" restore -q odd.gz "$LOOP"
    ok "restore of a device of $size bytes" same "$LOOP" copy
    detach "$LOOP"
done
head -c $((1048576 + 700)) disk >source # the system cuts the device to whole sectors
attach source
expect_exit 0 "$IMGZ" capture -q --force "$LOOP" odd.gz
head -c $((1048576 + 512)) disk >copy
ok "capture of a device on an odd file" gunzips_to odd.gz copy
detach "$LOOP"

title "a device that is in use"
cp noise target
attach target
python3 -c 'import os, sys, time
os.open(sys.argv[1], os.O_RDONLY | os.O_EXCL)
print("held", flush=True)
time.sleep(600)' "$LOOP" >held &
holder=$!
CHILDREN+=("$holder")
ok "somebody holds the device" wait_until grep -q held held
refused "$LOOP" "(use|held)"
kill "$holder"
wait "$holder" 2>/dev/null
expect_exit 0 "$IMGZ" restore -q disk.gz "$LOOP"
detach "$LOOP"

if have mkfs.ext4; then
    truncate -s 32M filesystem
    attach filesystem
    mkfs.ext4 -q "$LOOP"
    mount_at "$LOOP" mounted
    cp disk mounted/precious
    sync
    expect_error 1 "$LOOP" "mounted" -- "$IMGZ" restore disk.gz "$LOOP"
    expect_error 1 "$LOOP" "mounted" -- "$IMGZ" restore --force disk.gz "$LOOP"
    ok "what is mounted is still there" same disk mounted/precious
    expect_exit 0 "$IMGZ" capture -q --force "$LOOP" mounted.gz # reading one is allowed
    umount_at mounted
    ok "the filesystem is well" e2fsck -fn "$LOOP"
    detach "$LOOP"
else
    skip "mounted device" "mkfs.ext4 is not installed"
fi

if have sfdisk && have partx && have mkfs.ext4; then
    rm -f disk2
    truncate -s 64M disk2
    echo 'label: gpt
start=2048, size=40960
start=43008, size=40960' | sfdisk -q disk2
    attach disk2
    whole=$LOOP
    partx -a "$whole" >/dev/null 2>&1
    if [[ -b ${whole}p1 ]]; then
        mkfs.ext4 -q "${whole}p1"
        expect_exit 0 "$IMGZ" capture -q --force "${whole}p1" part.gz
        ok "a partition is a device like any other" cmp -n $((40960 * 512)) \
            <(gunzip -c part.gz) "${whole}p1"
        mount_at "${whole}p1" mounted
        expect_error 1 "$whole" "mounted|use" -- "$IMGZ" restore --force disk.gz "$whole"
        expect_exit 0 "$IMGZ" restore -q disk.gz "${whole}p2"
        ok "the partition beside it" cmp -n $SIZE disk "${whole}p2"
        umount_at mounted
        ok "the mounted one is well" e2fsck -fn "${whole}p1"
        partx -d "$whole" >/dev/null 2>&1
    else
        skip partitions "partx makes no partition devices here"
    fi
    detach "$whole"
else
    skip partitions "sfdisk, partx or mkfs.ext4 is not installed"
fi

title "a damaged image"
cp noise target
attach target
cp disk.gz bad.gz
flip bad.gz $(($(stat -c %s bad.gz) / 2)) 4
expect_error 3 bad.gz -- "$IMGZ" restore bad.gz "$LOOP"
expect_text "$LOOP" # it must be said that the device is now incomplete
detach "$LOOP"

title "a device that stops reading"
head -c $SIZE disk >source
attach source -r
truncate -s $((4 * 1048576 + 512)) source
expect_error 1 "$LOOP" "offset [0-9]+" -- "$IMGZ" capture "$LOOP" broken.gz
rest_as_told broken.gz
expect_error 1 "$LOOP" -- "$IMGZ" hash "$LOOP"
detach "$LOOP"

title "imgz devices"
cp noise target
attach target --sector-size 4096 -r
expect_exit 0 "$IMGZ" devices
expect_out "$LOOP"
expect_exit 0 "$IMGZ" devices --json
ok "devices --json names it with size and sector size" python3 -c '
import json, sys
listed = {device["path"]: device for device in json.load(open(sys.argv[1]))["devices"]}
device = listed[sys.argv[2]]
assert device["size_bytes"] == int(sys.argv[3]), device
assert device["logical_sector_bytes"] == 4096, device
assert device["read_only"] is True, device' "$OUT" "$LOOP" $SIZE
detach "$LOOP"

finish
