#!/usr/bin/env bash
# quick
# SPDX-License-Identifier: MIT
# What would fail only at the end, and can be known, is refused at the start.
source "$(dirname "$0")/lib.sh"
need cmp

fill mixed 5000000 1 >disk
expect_exit 0 "$IMGZ" capture -q --mode 644 disk disk.gz
echo precious >precious
JOBS=('restore --force disk.gz' 'capture --force disk' 'capture --force --resume disk')

# refused_at_once WHERE PATTERN COMMAND...: the file stays as it is, and nothing lies beside it.
refused_at_once() {
    local where=$1 pattern=$2 job
    shift 2
    for job in "${JOBS[@]}"; do
        # shellcheck disable=SC2086
        expect_error 1 "replacing $where: .*$pattern" -- "$@" "$IMGZ" $job "$where"
        ok "the file is as it was" same "$where" precious
        no "nothing temporary" test -e "$where.partial"
    done
}

title "a file that cannot be replaced"
cp precious target
if have_root && mount_at precious target --bind 2>/dev/null; then
    refused_at_once target "mounted on it"
    umount_at target
else
    skip "mounted on" "a file cannot be mounted here"
fi
for attribute in i a; do
    if have_root && chattr +$attribute target 2>/dev/null; then
        refused_at_once target chattr
        chattr -$attribute target
    else
        skip "chattr +$attribute" "it does not work here"
    fi
done
mkdir sticky
cp precious sticky/target
chmod 1777 sticky
as_nobody=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
if have_root && "${as_nobody[@]}" "$IMGZ" --version >/dev/null 2>&1; then
    chmod 755 .
    refused_at_once sticky/target sticky "${as_nobody[@]}"
    # replaced FILE-OWNER FOLDER-OWNER MODE [COMMAND...]: there it is allowed.
    replaced() {
        chown "$1" sticky/target
        chown "$2" sticky
        chmod "$3" sticky
        expect_exit 0 "${@:4}" "$IMGZ" restore -q --force disk.gz sticky/target
    }
    replaced nobody root 1777 "${as_nobody[@]}"
    replaced root nobody 1777 "${as_nobody[@]}"
    replaced root root 777 "${as_nobody[@]}"
    replaced nobody daemon 1777
else
    skip sticky "needs root, setpriv and nobody"
fi

title "a name that is too long"
long=$(printf '%0248d' 1)
expect_error 1 "1 bytes: imgz adds .partial to it" -- "$IMGZ" restore disk.gz "$long"
expect_error 1 "1 bytes: imgz adds .partial to it" -- "$IMGZ" capture disk "$long"
expect_error 1 "1 bytes: imgz adds .partial to it" -- "$IMGZ" capture --map "$long" disk new
absent new
expect_exit 0 "$IMGZ" restore -q disk.gz "${long:1}"
ok "one byte less is fine" same disk "${long:1}"
rm "${long:1}"
# A map has .partial.map while the image is written anew, and is written in the same way.
expect_exit 0 "$IMGZ" capture -q disk "${long:12}"
printf '0 + 1\n0 65536 ?\n65536 4934464 +\n' >old.map
expect_error 1 "1 bytes: imgz adds .partial.map.partial to it" -- \
    "$IMGZ" capture --map old.map disk "${long:12}"

title "no room"
fill random 5000000 1 >noise
expect_exit 0 "$IMGZ" capture -q --mode 644 noise noise.gz
if have_root && mount_at tmpfs small -t tmpfs -o size=3M 2>/dev/null; then
    expect_error 1 'has up to 4.77 MiB \(5000000 bytes\) of data, but only .* are free' -- \
        "$IMGZ" restore noise.gz small/new
    absent small/new
    expect_error 1 'writing small/new at offset' -- \
        "$IMGZ" restore --override no-room noise.gz small/new
    expect_error 1 'partial is kept' -- \
        "$IMGZ" restore --override no-room --resume noise.gz small/new
    mount -o remount,size=6M small
    expect_exit 0 "$IMGZ" restore -q --resume noise.gz small/new
    ok "what is there already counts" same noise small/new
    rm small/new
    truncate -s 1G sparse
    head -c 1000000 disk | dd of=sparse conv=notrunc status=none
    expect_exit 0 "$IMGZ" capture -q sparse sparse.gz
    expect_exit 0 "$IMGZ" restore -q sparse.gz small/new
    rm small/new
    # What an earlier run left is worth what it holds, not how far it reaches.
    mount -o remount,size=3M small
    truncate -s 100M reaching
    cat noise >>reaching
    expect_exit 0 "$IMGZ" capture -q reaching reaching.gz
    expect_error 1 'writing small/new at offset' -- \
        "$IMGZ" restore --override no-room reaching.gz small/new
    expect_error 1 'of data, but only .* are free' -- "$IMGZ" restore --resume reaching.gz small/new
    umount_at small
    mount_at ramfs small -t ramfs
    expect_exit 0 "$IMGZ" restore -q noise.gz small/new
    ok "a file system that does not tell is believed to have it" same noise small/new
    umount_at small
else
    skip "no room" "a tmpfs cannot be mounted here"
fi

if have_root && have mkfs.ext4 && "${as_nobody[@]}" "$IMGZ" --version >/dev/null 2>&1 &&
    truncate -s 10M reserved && mkfs.ext4 -qF -m 50 -O ^has_journal reserved &&
    mount_at reserved small -o loop 2>/dev/null; then
    chmod 777 small
    expect_error 1 'of data, but only .* are free' -- \
        "${as_nobody[@]}" "$IMGZ" restore noise.gz small/new
    expect_exit 0 "$IMGZ" restore -q noise.gz small/new
    umount_at small
else
    skip "room that is reserved for root" "it cannot be made here"
fi

title "a FIFO that nobody reads, and that would not do"
mkfifo fifo
for option in --read-back --resume --discard --only-changed; do
    expect_error 2 "fifo is .*$option" -- timeout 20 "$IMGZ" restore $option disk.gz fifo
    expect_error 2 "standard output is .*$option" -- "$IMGZ" restore $option disk.gz -
done
expect_error 2 "fifo is .*--resume" -- timeout 20 "$IMGZ" capture --resume disk fifo

title "without /proc"
if [[ -n $SANITIZED ]]; then
    skip "without /proc" "a sanitizer needs it"
elif have_root && unshare -m sh -c 'umount -l /proc && test ! -e /proc/self' 2>/dev/null; then
    without_proc=(unshare -m sh -c 'umount -l /proc && exec "$@"' -)
    expect_error 1 "to read it back: that needs /proc" -- \
        "${without_proc[@]}" "$IMGZ" restore --read-back disk.gz new
    absent new
    expect_error 1 "fifo: that needs /proc" -- "${without_proc[@]}" "$IMGZ" restore disk.gz fifo
    expect_exit 0 "${without_proc[@]}" "$IMGZ" restore -q disk.gz new
    ok "all else works" same new disk
else
    skip "without /proc" "it cannot be unmounted here"
fi
finish
