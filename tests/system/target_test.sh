#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A restore over the wrong drive: what is in use, holds what is read or does not fit is refused,
# with what was found and how to go on, until it is overruled by name.
source "$(dirname "$0")/lib.sh"
need cmp python3 sha256sum losetup blockdev mkfs.ext4 e2fsck sfdisk partx mkswap unshare
need_loop
need_free 300

MIB=1048576
SIZE=$((9 * MIB))

digest_of() {
    sha256sum <"$1" | cut -d' ' -f 1
}

# refused DEVICE PATTERN... -- [restore options]: exit 1, one message with all patterns, and not one
# byte of the device changed. $IMAGE is what is restored.
IMAGE=disk.gz
refused() {
    local device=$1 patterns=() before
    shift
    while [[ $1 != -- ]]; do
        patterns+=("$1")
        shift
    done
    shift
    before=$(digest_of "$device")
    expect_error 1 "$device" "nothing was written" "${patterns[@]}" -- \
        "$IMGZ" restore "$@" "$IMAGE" "$device"
    no "$device is not called incomplete" grep -q incomplete "$ERR"
    equal "$device is unchanged" "$(digest_of "$device")" "$before"
}

# overruled DEVICE NAMES [restore options]: written, and every byte is the disk's.
overruled() {
    local device=$1 names=$2
    shift 2
    expect_exit 0 "$IMGZ" restore --override "$names" "$@" "$IMAGE" "$device"
    blockdev --flushbufs "$device"
    ok "$device holds the disk" cmp -n $SIZE disk "$device"
}

# fresh [SIZE [losetup options]]: a loop device full of noise: $LOOP.
fresh() {
    local size=${1:-$((32 * MIB))}
    rm -f target
    head -c "$size" noise >target
    attach target "${@:2}"
}

# fresh_filesystem: the same with an ext4 on it, mounted at 'mounted'.
fresh_filesystem() {
    fresh
    mkfs.ext4 -qF -L precious "$LOOP"
    mount_at "$LOOP" mounted "$@"
}

fill mixed $SIZE 1 >disk
fill random $((32 * MIB)) 2 >noise
expect_exit 0 "$IMGZ" capture -q disk disk.gz

title "mounted"
fresh_filesystem -o ro
refused "$LOOP" "$LOOP is mounted at $PWD/mounted" "umount $PWD/mounted" '--override mounted' --
refused "$LOOP" mounted -- --force
refused "$LOOP" mounted -- --override swap,held,root,image-disk,sector-size,too-small
mkdir "with space"
mount --bind mounted "with space"
MOUNTS+=("$PWD/with space")
refused "$LOOP" "mounted at $PWD/with space" --
umount_at "with space"
overruled "$LOOP" mounted -v
expect_text "overridden: $LOOP is mounted"
umount_at mounted
expect_exit 0 "$IMGZ" restore -q --override mounted disk.gz "$LOOP" # there is nothing to overrule
detach "$LOOP"

title "a partition that is mounted, and its neighbours"
truncate -s 32M parted
sfdisk -q parted <<'TABLE'
label: gpt
start=2048, size=20480
start=22528, size=20480
TABLE
attach parted
whole=$LOOP
partx -a "$whole" >/dev/null 2>&1
if [[ -b ${whole}p1 ]]; then
    mkfs.ext4 -q -L root "${whole}p1"
    mount_at "${whole}p1" mounted -o ro
    refused "$whole" "${whole}p1 is mounted at $PWD/mounted" --
    refused "${whole}p1" "${whole}p1 is mounted" --
    expect_exit 0 "$IMGZ" restore disk.gz "${whole}p2"
    expect_text "writing to ${whole}p2: 10 MiB, a partition of $whole, loop"
    expect_text "now on ${whole}p2: nothing recognised"
    ok "the partition beside it" cmp -n $SIZE disk "${whole}p2"
    umount_at mounted
    ok "the mounted one is well" e2fsck -fn "${whole}p1"

    title "a partition that is held"
    attach "${whole}p2"
    upper=$LOOP
    refused "$whole" "${whole}p2 is held by $upper" "losetup -d $upper" '--override held' --
    refused "${whole}p2" "held by $upper" --
    detach "$upper"

    title "imgz devices with partitions"
    mount_at "${whole}p1" mounted -o ro
    expect_exit 0 "$IMGZ" devices
    expect_out "^ *${whole}p1 +10 MiB .*ext4 \"root\" +mounted at $PWD/mounted\$"
    expect_out "^$whole +32 MiB .*gpt +in use\$"
    expect_exit 0 "$IMGZ" devices --json
    ok "devices --json says what blkid and sysfs say" python3 - "$OUT" "$whole" "$PWD" <<'PYTHON'
import json, os, subprocess, sys
path, whole, folder = sys.argv[1:]
device = {d["path"]: d for d in json.load(open(path))["devices"]}[whole]
assert device["contents"] == "gpt" and not device["running_system"], device
assert device["mounted_at"] == folder + "/mounted", device
assert device["in_use"] == whole + "p1 is mounted at " + folder + "/mounted", device
first, second = device["partitions"]
for part in first, second:
    sysfs = "/sys/class/block/" + os.path.basename(part["path"]) + "/"
    assert part["offset_bytes"] == 512 * int(open(sysfs + "start").read()), part
    assert part["size_bytes"] == 512 * int(open(sysfs + "size").read()), part
    for tag, key in ("TYPE", "contents"), ("LABEL", "label"):
        said = subprocess.run(["blkid", "-p", "-o", "value", "-s", tag, part["path"]],
                              stdout=subprocess.PIPE, text=True).stdout.strip()
        assert part[key] == said, (tag, said, part)
assert first["mounted_at"] == folder + "/mounted", first
assert first["in_use"] == "mounted at " + folder + "/mounted", first
assert second["in_use"] == "" and second["mounted_at"] == "", second
PYTHON
    umount_at mounted

    title "a partition that is swap"
    mkswap "${whole}p2" >/dev/null 2>&1
    if swapon "${whole}p2" 2>/dev/null; then
        refused "$whole" "${whole}p2 is swap" "swapoff ${whole}p2" '--override swap' --
        expect_exit 0 "$IMGZ" restore -q disk.gz "${whole}p1"
        overruled "$whole" swap
        ok "swapoff" swapoff "${whole}p2"
    else
        skip "swap partition" "swapon is refused here"
    fi
    partx -d "$whole" >/dev/null 2>&1
else
    skip partitions "partx makes no partition devices here"
fi
detach "$whole"

title swap
fresh
mkswap "$LOOP" >/dev/null 2>&1
if swapon "$LOOP" 2>/dev/null; then
    # The system itself protects it: there is nothing to overrule.
    refused "$LOOP" "$LOOP is swap" "swapoff $LOOP" --
    no "no way out but one" grep -q -e --override "$ERR"
    refused "$LOOP" "$LOOP is swap" -- --override swap
    expect_exit 0 "$IMGZ" devices
    expect_out "^$LOOP .* swap\$"
    ok "swapoff" swapoff "$LOOP"
    overruled "$LOOP" swap # no longer
else
    skip swap "swapon is refused here"
fi
detach "$LOOP"

title "imgz devices where names play tricks"
fresh
printf -v name 'a\nb\e[31m\u202e'
mkfs.ext4 -qF -L "$name" "$LOOP"
mount_at "$LOOP" "$name"
expect_exit 0 "$IMGZ" devices
expect_out "^$LOOP .*ext4 \"a[?]b[?]\[31m[?]{3}\" +mounted at $PWD/a[?]b[?]\[31m[?]{3}\$"
expect_exit 0 "$IMGZ" devices --json
ok "devices --json has them as they are" python3 -c '
import json, sys
path, loop, name = sys.argv[1:]
device = {d["path"]: d for d in json.load(open(path))["devices"]}[loop]
assert device["label"] == name, device
assert device["mounted_at"].endswith("/" + name), device' "$OUT" "$LOOP" "$name"
umount_at "$name"
detach "$LOOP"

title "held by other programs and loop devices"
fresh
below=$LOOP
python3 -c 'import os, sys, time
os.open(sys.argv[1], os.O_RDONLY | os.O_EXCL)
print("held", flush=True)
time.sleep(600)' "$below" >held &
holder=$!
CHILDREN+=("$holder")
ok "somebody holds the device" wait_until grep -q held held
refused "$below" "another program" '--override held' --
refused "$below" "another program" -- --override mounted
overruled "$below" held -v
expect_text "overridden: $below is held"
kill "$holder"
wait "$holder" 2>/dev/null
# As a virtual machine has its disk, which O_EXCL does not see; to read it is no claim.
sleep 600 9<>"$below" &
holder=$!
CHILDREN+=("$holder")
ok "somebody may write to it" wait_until test -e "/proc/$holder/fd/9"
refused "$below" "$below is held by [a-z]*, process $holder" '--override held' --
expect_exit 0 "$IMGZ" devices
expect_out "^$below .*held by [a-z]*, process $holder"
overruled "$below" held
kill "$holder"
wait "$holder" 2>/dev/null
sleep 600 9<"$below" &
holder=$!
CHILDREN+=("$holder")
ok "somebody reads it" wait_until test -e "/proc/$holder/fd/9"
expect_exit 0 "$IMGZ" restore -q disk.gz "$below"
kill "$holder"
wait "$holder" 2>/dev/null
attach "$below"
upper=$LOOP
refused "$below" "$below is held by $upper" "losetup -d $upper" --
overruled "$below" held
detach "$upper"
# What O_EXCL does not see: a loop device over a file in a file system on the target.
mkfs.ext4 -qF "$below"
mount_at "$below" mounted
truncate -s 1M mounted/file
attach mounted/file
upper=$LOOP
expect_error 1 "$below is mounted" "held by $upper \\($PWD/mounted/file\\)" \
    '--override mounted,held' -- "$IMGZ" restore disk.gz "$below"
expect_error 1 "held by $upper" '--override held' -- \
    "$IMGZ" restore --override mounted disk.gz "$below"
detach "$upper"
umount_at mounted
ok "the file system is well" e2fsck -fn "$below"
detach "$below"

title "the disk of the running system"
fresh_filesystem
root_device=$LOOP
mkdir mounted/{proc,sys,dev,in,usr,bin,lib,lib64}
cp "$IMGZ" disk.gz mounted/in
# in_system COMMAND...: with the mounted file system as root, in a mount namespace of its own.
cat >in_system <<'BASH'
for folder in proc sys dev usr bin lib lib64; do
    [[ ! -d /$folder ]] || mount --rbind "/$folder" "mounted/$folder" || exit 99
done
exec chroot mounted "$@"
BASH
in_system=(unshare --mount bash in_system)
if "${in_system[@]}" /in/imgz --version >/dev/null 2>&1; then
    expect_error 1 "$root_device is mounted at / \\(the running system\\)" \
        '--override (held,)?root' -- \
        "${in_system[@]}" /in/imgz restore --override mounted,image-disk /in/disk.gz "$root_device"
    expect_exit 0 "${in_system[@]}" /in/imgz devices
    expect_out "^$root_device .* the running system\$"
else
    skip "running system" "a program cannot be run in a chroot here"
fi
umount_at mounted
ok "its file system is well" e2fsck -fn "$root_device"
detach "$root_device"

title "what cannot be told"
fresh
before=$(digest_of "$LOOP")
for folder in /proc /sys; do
    without=(unshare --mount bash -c "umount -l $folder && exec \"\$@\"" -)
    if ! "${without[@]}" true 2>/dev/null; then
        skip "no $folder" "it cannot be unmounted here"
        continue
    fi
    expect_error 1 "opening $LOOP: cannot tell whether it is in use" \
        "nothing was written; are /proc and /sys mounted" -- \
        "${without[@]}" "$IMGZ" restore --override held,mounted,swap,root disk.gz "$LOOP"
    equal "no $folder: $LOOP is unchanged" "$(digest_of "$LOOP")" "$before"
done
detach "$LOOP"

title "the disk that holds the image"
fresh_filesystem
below=$LOOP
cp disk.gz mounted/image.gz
image=$PWD/mounted/image.gz
expect_error 1 "$LOOP is where the image $image is read from" '--override mounted,image-disk' -- \
    "$IMGZ" restore mounted/image.gz "$LOOP"
expect_error 1 '--override image-disk' -- \
    "$IMGZ" restore --override mounted mounted/image.gz "$LOOP"
expect_error 1 "$image" '--override image-disk' -- \
    "$IMGZ" restore --override mounted - "$LOOP" <mounted/image.gz
truncate -s 16M mounted/disk
attach mounted/disk
expect_exit 0 "$IMGZ" restore -q mounted/image.gz "$LOOP" # a loop device beside the image
detach "$LOOP"
umount_at mounted
detach "$below"

title "what is read"
cp disk.gz image
truncate -s %4096 image
attach image
image_device=$LOOP
everything=mounted,swap,held,root,image-disk,sector-size,too-small,partition
for option in --force "--override=$everything"; do
    expect_error 2 "$image_device would be both read and written" -- \
        "$IMGZ" restore "$option" - "$LOOP" <"$image_device"
    expect_error 2 "$LOOP is, or lies on, what imgz reads" -- \
        "$IMGZ" restore "$option" - "$LOOP" <image
    mknod another b $((0x$(stat -c %t "$LOOP"))) $((0x$(stat -c %T "$LOOP")))
    expect_error 2 "another is, or lies on, what imgz reads" -- \
        "$IMGZ" restore "$option" - another <"$image_device"
    rm another
done
attach "$image_device"
expect_error 2 "$LOOP is, or lies on, what imgz reads" -- \
    "$IMGZ" restore --override=held - "$LOOP" <"$image_device"
detach "$LOOP"
detach "$image_device"
ok "the image is as it was" cmp -n "$(stat -c %s disk.gz)" image disk.gz

title "write-protected"
fresh $((32 * MIB)) -r
refused "$LOOP" write-protected -- --override $everything
detach "$LOOP"

title "sectors of another size"
table='label: gpt
start=%s, size=%s'
for made in 512 4096; do
    for held in 512 4096; do
        rm -f source
        truncate -s 16M source
        attach source --sector-size $made
        # shellcheck disable=SC2059 # the table is a format
        printf "$table" $((MIB / made)) $((8 * MIB / made)) | sfdisk -q "$LOOP" >/dev/null 2>&1
        dd if=disk of="$LOOP" bs=64K seek=16 count=64 conv=notrunc status=none
        expect_exit 0 "$IMGZ" capture -q --force "$LOOP" parted.gz
        detach "$LOOP"
        fresh $((16 * MIB)) --sector-size $held
        if [[ $made -eq $held ]]; then
            expect_exit 0 "$IMGZ" restore parted.gz "$LOOP"
            no "nothing is said of its table" grep -q GPT "$ERR"
        else
            IMAGE=parted.gz
            refused "$LOOP" "sectors of $held bytes.*GPT.* sectors of $made" \
                '--override sector-size' --
            refused "$LOOP" sectors -- --discard
            refused "$LOOP" sectors -- --override mounted,too-small
            IMAGE=disk.gz
            before=$(digest_of "$LOOP")
            expect_error 1 "sectors of $made" -- "$IMGZ" restore - "$LOOP" < <(cat parted.gz)
            equal "unchanged by a stream" "$(digest_of "$LOOP")" "$before"
            expect_exit 0 "$IMGZ" restore -v --override sector-size parted.gz "$LOOP"
            expect_text "overridden: .* $made bytes"
        fi
        ok "$made on $held" same "$LOOP" source
        detach "$LOOP"
    done
done

title "a table that ends before the device does"
fresh
expect_exit 0 "$IMGZ" restore --json -q - "$LOOP" < <(cat disk.gz)
ok "no table, nothing to say" python3 -c '
import json, sys
assert json.load(open(sys.argv[1]))["backup_gpt_offset"] is None' "$OUT"
detach "$LOOP"
truncate -s 16M source
attach source
# shellcheck disable=SC2059
printf "$table" 2048 16384 | sfdisk -q --wipe always "$LOOP" >/dev/null 2>&1
expect_exit 0 "$IMGZ" capture -q --force "$LOOP" parted.gz
detach "$LOOP"
fresh
expect_exit 0 "$IMGZ" restore --json parted.gz "$LOOP"
expect_text "GPT.* lies at byte $((16 * MIB - 512)), .*sgdisk -e $LOOP"
ok "the report says where the backup is" python3 -c '
import json, sys
assert json.load(open(sys.argv[1]))["backup_gpt_offset"] == int(sys.argv[2])' \
    "$OUT" $((16 * MIB - 512))
expect_exit 0 "$IMGZ" restore --only-changed parted.gz "$LOOP"
expect_text "GPT.* lies at byte $((16 * MIB - 512)), "
expect_exit 0 "$IMGZ" restore -q parted.gz "$LOOP"
no "quiet says nothing" test -s "$ERR"
ok "sfdisk does as the note says" sfdisk --relocate gpt-bak-std "$LOOP"
equal "then the backup is at the end" \
    "$(tail -c 512 "$LOOP" | head -c 8)" "EFI PART"
detach "$LOOP"

title "too small"
head -c $SIZE disk >long
truncate -s $((SIZE + 3 * MIB + 700)) long
expect_exit 0 "$IMGZ" capture -q long long.gz
IMAGE=long.gz
for size in $SIZE $((SIZE + 512)) $((SIZE + MIB + 1536)) $((SIZE + 3 * MIB + 512)); do
    missing=$((SIZE + 3 * MIB + 700 - size))
    fresh "$size"
    refused "$LOOP" "$missing bytes.? too small, and the image has only zeros there" \
        '--override too-small' --
    refused "$LOOP" "$missing bytes.? too small" -- --override mounted,held --force
    expect_error 2 read-back -- "$IMGZ" restore --override too-small --read-back long.gz "$LOOP"
    overruled "$LOOP" too-small --json
    expect_text "left out +the last .*$missing bytes"
    ok "all of the device is the disk's" cmp -n "$size" long "$LOOP"
    ok "the report says how much is missing" python3 -c '
import json, sys
assert json.load(open(sys.argv[1]))["left_out_bytes"] == int(sys.argv[2])' "$OUT" $missing
    expect_exit 0 "$IMGZ" restore -q --only-changed --override too-small long.gz "$LOOP"
    ok "again, only what changed" cmp -n "$size" long "$LOOP"
    before=$(digest_of "$LOOP")
    expect_error 1 "stream does not show" -- \
        "$IMGZ" restore --override too-small - "$LOOP" < <(cat long.gz)
    equal "a stream changes nothing" "$(digest_of "$LOOP")" "$before"
    detach "$LOOP"
done
fresh $((SIZE - 512))
refused "$LOOP" "bytes.? too small, and the image has data there" -- --override too-small
no "and nothing can be done about it" grep -q -e --override "$ERR"
detach "$LOOP"
IMAGE=disk.gz

title "discard"
blocks_of() {
    stat -c %b "$1"
}
fresh
sync target
full=$(blocks_of target)
expect_exit 0 "$IMGZ" restore -v --discard --json disk.gz "$LOOP"
expect_text "discarded 32 MiB .$((32 * MIB)) bytes."
ok "the report says so" python3 -c '
import json, sys
assert json.load(open(sys.argv[1]))["discarded_bytes"] == 32 << 20' "$OUT"
sync target
ok "what was behind the disk is gone" test "$(blocks_of target)" -lt $((full / 2))
ok "the disk is there" cmp -n $SIZE disk "$LOOP"
dd if=noise of="$LOOP" bs=1M conv=notrunc status=none
expect_exit 0 "$IMGZ" restore disk.gz "$LOOP"
ok "without it what is behind the disk stays" cmp -i $SIZE "$LOOP" noise
no "nor is it spoken of" grep -q discard "$ERR"
detach "$LOOP"
mkdir memory
if mount -t ramfs none memory 2>/dev/null; then # which cannot punch holes
    MOUNTS+=("$PWD/memory")
    head -c $SIZE noise >memory/target
    attach memory/target
    expect_exit 0 "$IMGZ" restore -v --discard --json disk.gz "$LOOP"
    expect_text "^discard .*$LOOP cannot discard"
    expect_text "discarding $LOOP .*not supported"
    ok "it was written all the same" same disk "$LOOP"
    detach "$LOOP"
    umount_at memory
else
    skip "no discard" "ramfs cannot be mounted here"
fi
expect_error 2 "not a block device" -- "$IMGZ" restore --discard disk.gz file
absent file
expect_error 2 "only-changed" -- "$IMGZ" restore --discard --only-changed disk.gz file

finish
