#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Real filesystems holding real files: the restored disk passes the filesystem's own check, mounts,
# and holds the same files, whether it was restored to a device or to a file.
source "$(dirname "$0")/lib.sh"
need cmp diff python3 losetup mount
need_loop
need_free 1500

# A tree of real files: programs, libraries and headers, empty ones, a sparse one, deep folders.
make_tree() {
    local path count=0
    mkdir -p real/a/b/c/d/e real/empty-folder
    while read -r path; do
        count=$((count + 1))
        cp "$path" "real/a/file-$count" || return 1
    done < <(find /usr/bin /usr/lib -maxdepth 1 -type f -size -1500k | sort | head -n 60)
    cp -r "$IMGZ_SOURCE/include" real/a/b/c/d/e/
    : >real/a/b/empty
    truncate -s 3M real/a/b/c/sparse
    python3 "$LAYOUT" put real/a/b/c/sparse 2000000 text 5000 1
    fill random 2500000 7 >real/random
    fill text 2500000 8 >"real/a name with spaces.txt"
}

# A target is full of something else before, as a used drive is.
used_file() { # used_file FILE BYTES
    head -c "$2" /dev/zero | tr '\0' '\245' >"$1"
}

# put_tree and holds_tree of a filesystem go through a mount; those of FAT through mtools, because
# not every kernel has it.
put_tree() { # put_tree NAME DEVICE
    local code
    if [[ $1 == vfat ]]; then
        mcopy -s -i "$2" real/* ::/
        return
    fi
    mount_at "$2" mounted || return 1
    cp -r --sparse=never real/. mounted/
    code=$?
    umount_at mounted || return 1
    return "$code"
}

holds_tree() { # holds_tree NAME DEVICE: the very files that were put there
    local code
    if [[ $1 == vfat ]]; then
        rm -rf copied
        mkdir copied
        mcopy -s -n -i "$2" '::/*' copied/ || return 1
        diff -r real copied
        return
    fi
    mount_at "$2" mounted -o ro || return 1
    diff -r --no-dereference -x lost+found real mounted
    code=$?
    umount_at mounted || return 1
    return "$code"
}

check_ext4() { e2fsck -fn "$1"; }
check_xfs() { xfs_repair -n "$1"; }
check_btrfs() { btrfs check "$1"; }
check_vfat() { fsck.fat -n "$1"; }
make_ext4() { mkfs.ext4 -q "$1"; }
make_xfs() { mkfs.xfs -q "$1"; }
make_btrfs() { mkfs.btrfs -q "$1"; }
make_vfat() { mkfs.vfat "$1"; }
declare -A size_mib=([ext4]=128 [xfs]=320 [btrfs]=256 [vfat]=96)
declare -A tools=([ext4]="mkfs.ext4 e2fsck" [xfs]="mkfs.xfs xfs_repair"
    [btrfs]="mkfs.btrfs btrfs" [vfat]="mkfs.vfat fsck.fat mcopy")

# filesystem NAME: made, filled, captured, restored twice, checked.
filesystem() {
    local name=$1 bytes=$((${size_mib[$1]} * 1048576)) tool root
    title "$name"
    for tool in ${tools[$name]}; do
        if ! have "$tool"; then
            skip "$name" "$tool is not installed"
            return
        fi
    done
    truncate -s "$bytes" disk
    attach disk
    if ! "make_$name" "$LOOP" >made 2>&1 || ! put_tree "$name" "$LOOP" 2>made; then
        skip "$name" "cannot be made, mounted and filled here: $(head -n 1 made)"
        detach "$LOOP"
        rm -f disk
        return
    fi
    expect_exit 0 "$IMGZ" capture -q "$LOOP" disk.gz
    root=$(root_of disk.gz)
    equal "$name: root of the device" "$(root_of "$LOOP")" "$root"
    detach "$LOOP"
    rm -f disk

    used_file target "$bytes"
    attach target
    expect_exit 0 "$IMGZ" restore -q disk.gz "$LOOP"
    equal "$name: root of the restored device" "$(root_of "$LOOP")" "$root"
    ok "$name: the restored device passes its check" "check_$name" "$LOOP"
    ok "$name: the restored device holds the files" holds_tree "$name" "$LOOP"
    detach "$LOOP"
    rm -f target

    expect_exit 0 "$IMGZ" restore -q disk.gz back
    ok "$name: the restored file is sparse" test "$(du -m back | cut -f 1)" -lt \
        "${size_mib[$name]}"
    attach back
    ok "$name: the restored file passes its check" "check_$name" "$LOOP"
    ok "$name: the restored file holds the files" holds_tree "$name" "$LOOP"
    detach "$LOOP"
    rm -f back disk.gz
}

gpt() {
    local fat=(2048 196608) ext=(198656 261120) file
    title "GPT"
    if ! have sfdisk || ! have mkfs.vfat || ! have mkfs.ext4 || ! have mcopy; then
        skip gpt "sfdisk, mkfs.vfat, mkfs.ext4 or mcopy is not installed"
        return
    fi
    truncate -s 226M disk
    printf 'label: gpt\nstart=%d, size=%d, type=uefi\nstart=%d, size=%d, type=linux\n' \
        "${fat[@]}" "${ext[@]}" | sfdisk -q disk
    on_parts disk make_and_put
    sfdisk --dump disk >wanted
    attach disk
    expect_exit 0 "$IMGZ" capture -q "$LOOP" disk.gz
    detach "$LOOP"
    used_file target $((230 * 1048576)) # a bit larger: a used drive of another make
    attach target
    expect_exit 0 "$IMGZ" restore -q disk.gz "$LOOP"
    detach "$LOOP"
    expect_exit 0 "$IMGZ" restore -q disk.gz back
    ok "GPT: the file is the disk" same back disk
    ok "GPT: the table passes its check" sfdisk --verify back
    sfdisk --dump back | sed 's/^device: back/device: disk/; s/^back/disk/' >got
    ok "GPT: the partition table" same wanted got
    for file in target back; do
        on_parts $file check_part
    done
    rm -f disk disk.gz target back
}

# on_parts FILE FUNCTION: with a loop device on each of the two partitions of 'gpt', by offset and
# length, because not every kernel finds partitions on loop devices.
on_parts() {
    attach "$1" -o $((fat[0] * 512)) --sizelimit $((fat[1] * 512))
    "$2" vfat "$LOOP"
    detach "$LOOP"
    attach "$1" -o $((ext[0] * 512)) --sizelimit $((ext[1] * 512))
    "$2" ext4 "$LOOP"
    detach "$LOOP"
}

make_and_put() {
    ok "GPT: $1 is made" "make_$1" "$2"
    ok "GPT: $1 is filled" put_tree "$1" "$2"
}

check_part() {
    ok "GPT: the partition with $1 passes its check" "check_$1" "$2"
    ok "GPT: the partition with $1 holds the files" holds_tree "$1" "$2"
}

make_tree || skip_all "no real files could be copied"
for name in ext4 xfs btrfs vfat; do
    filesystem $name
done
gpt

finish
