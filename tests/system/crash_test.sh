#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Power fails at any moment of a capture or restore: behind the file system's own recovery there is
# no file under the final name (with --force: the old one), or the complete right one. What imgz
# called done is there after every power failure that follows. A disk that lies about its flushes
# and an imgz that does not flush are found out by the same checks, so they can see.
source "$(dirname "$0")/lib.sh"
source "$HERE/faultdisk.sh"
need python3 gunzip cmp e2fsck mkfs.ext4 cc
need_loop

REPLAY=$HERE/replay.py
MANY=${IMGZ_CRASH_POINTS:-100} # prefixes of a log besides those around its flushes
STRIDE=1                       # of these: every so many
SEEDS=${IMGZ_CRASH_SEEDS:-1}   # power failures tried at each prefix

{
    fill mixed 2500000 1
    head -c 900000 /dev/zero
    fill random 700001 2
} >disk
fill text 300000 3 >old
expect_exit 0 "$IMGZ" capture -q disk disk.gz

# An fsync() that only says it did.
cat >nosync.c <<'C'
int fsync(int fd) { return (void)fd, 0; }
int fdatasync(int fd) { return (void)fd, 0; }
C
ok "a library without fsync" cc -shared -fPIC -o nosync.so nosync.c

make_ext4() {
    mkfs.ext4 -q -b 4096 -J size=4 -E lazy_itable_init=0,lazy_journal_init=0 "$1"
}

clean_ext4() {
    e2fsck -fn "$1"
}

make_xfs() {
    mkfs.xfs -q -f "$1"
}

clean_xfs() {
    xfs_repair -n "$1"
}

# record KIND MIB COMMAND...: a new file system with the file 'old' in it, as 'base'; then COMMAND,
# which finds it mounted at fs, with all that reaches the disk in 'log'. $DONE records were there
# when the command had ended, $ALL when the file system was unmounted.
record() {
    local kind=$1 mib=$2
    shift 2
    rm -f backing base log
    truncate -s "${mib}M" backing
    ok "mkfs: $kind" "make_$kind" backing
    mount_at backing fs -o loop
    cp old fs/old
    umount_at fs
    cp --sparse=always backing base
    serve_disk backing mnt log
    attach mnt/disk --direct-io=on
    mount_at "$LOOP" fs
    expect_exit 0 "$@"
    read -r DONE _ < <(python3 "$REPLAY" count log)
    umount_at fs
    detach "$LOOP"
    umount_at mnt
    read -r ALL FLUSHES < <(python3 "$REPLAY" count log)
    echo "$kind: $ALL records, $FLUSHES flushes, done at record $DONE"
    ok "a replay of all is the disk" bash -c 'python3 "$@" && cmp replayed backing' - \
        "$REPLAY" replay base log replayed "$ALL"
}

# look KIND: $FOUND is what lies on 'replayed' after a recovery: "right" as the function $RIGHT sees
# it, "before" (fs/old is as it was, and there is no fs/new), or what is wrong.
look() {
    local kind=$1
    FOUND="cannot be mounted"
    mount_at replayed fs -o loop >"$WORK/.lib/mount" 2>&1 || return # replays the journal
    FOUND="half-made"
    if "$RIGHT" fs >"$WORK/.lib/right" 2>&1; then
        FOUND=right
    elif [[ ! -e fs/new ]] && same fs/old old >"$WORK/.lib/before" 2>&1; then
        FOUND=before
    fi
    umount_at fs
    "clean_$kind" replayed >"$WORK/.lib/clean" 2>&1 || FOUND="inconsistent after recovery"
}

# try_point KIND PREFIX [SEED [no-flush]]: one power failure, its outcome counted.
declare -A COUNT
try_point() {
    python3 "$REPLAY" replay base log replayed "${@:2}" || fail "replay ${*:2}"
    look "$1"
    COUNT[$FOUND]=$((${COUNT[$FOUND]:-0} + 1))
    TRIED=$((TRIED + 1))
    case $FOUND in
    right | before) ;;
    *) WRONG=$((WRONG + 1)) ;;
    esac
}

told() {
    local name
    for name in "${!COUNT[@]}"; do
        printf '%s: %s; ' "$name" "${COUNT[$name]}"
    done
    echo "in all $TRIED"
}

start_counting() {
    COUNT=()
    WRONG=0
    TRIED=0
    EARLY=0
}

# survives_all KIND: every chosen prefix, exact and with what was not flushed lost or torn.
survives_all() {
    local kind=$1 prefix seed
    start_counting
    for prefix in $(python3 "$REPLAY" points log 7 "$MANY" | sed -n "1~${STRIDE}p"); do
        try_point "$kind" "$prefix"
        for ((seed = 1; seed <= SEEDS; seed++)); do
            try_point "$kind" "$prefix" $((prefix * 1000 + seed))
        done
    done
    told
    equal "$kind: nothing half-made, nothing lost" "$WRONG" 0
    ok "some failures came before the end, some behind it" \
        test "${COUNT[before]:-0}" -gt 0 -a "${COUNT[right]:-0}" -gt 0
}

# lasts KIND TRIES: power fails as soon as imgz has said that it is done, or a little later.
lasts() {
    local kind=$1 seed
    start_counting
    for ((seed = 1; seed <= $2; seed++)); do
        try_point "$kind" $((DONE + seed % (ALL - DONE + 1))) "$seed"
        [[ $FOUND == right ]] || EARLY=$((EARLY + 1))
    done
    told
}

captured() {
    [[ -e $1/new ]] && gunzip -c "$1/new" | cmp - disk && "$IMGZ" verify -q --scrub "$1/new"
}

restored() {
    [[ -e $1/new ]] && same "$1/new" disk
}

replaced() {
    same "$1/old" disk
}

# all_of KIND MIB RIGHT COMMAND...
all_of() {
    RIGHT=$3
    record "$1" "$2" "${@:4}"
    survives_all "$1"
    lasts "$1" 20
    equal "what was done is there in spite of a power failure" "$EARLY" 0
}

# resumes COMMAND...: power fails while COMMAND, one with --resume, is at work, and the file system
# is flushed again and again. After the recovery the same command makes a right file of what is
# left, torn or full of holes as that may be.
resumes() {
    local seed
    LEFT=0
    # shellcheck disable=SC2016
    record ext4 24 bash -c 'while sync -f fs; do sleep 0.02; done & "$@"
        code=$?; kill $!; wait $! 2>/dev/null; exit $code' - "$@"
    start_counting
    for ((seed = 1; seed <= 20; seed++)); do
        python3 "$REPLAY" replay base log replayed $((DONE * seed / 21)) "$seed" || fail replay
        mount_at replayed fs -o loop
        [[ ! -e fs/new.partial ]] || LEFT=$((LEFT + 1))
        if [[ ! -e fs/new ]]; then
            expect_exit 0 "$@"
            ok "power failure $seed: right in the end" "$RIGHT" fs
            no "nothing temporary is left" test -e fs/new.partial
        fi
        umount_at fs
    done
    echo "$LEFT of 20 power failures left something to go on from"
    ALL_LEFT=$((ALL_LEFT + LEFT))
}

title "capture, ext4"
all_of ext4 24 captured "$IMGZ" capture -q --chunk-size 64K disk fs/new
title "restore, ext4"
all_of ext4 24 restored "$IMGZ" restore -q disk.gz fs/new
title "the same disk, but one that ignores flushes: the checks see it"
start_counting
for ((seed = 1; seed <= 40; seed++)); do
    try_point ext4 "$ALL" "$seed" no-flush
done
told
ok "a disk that lies is found out" test "$WRONG" -gt 0

STRIDE=${IMGZ_CRASH_STRIDE:-3}
title "restore --force over a file, ext4"
all_of ext4 24 replaced "$IMGZ" restore -q --force disk.gz fs/old
title "capture --force over a file, ext4"
replaced_by_image() {
    gunzip -c "$1/old" | cmp - disk
}
all_of ext4 24 replaced_by_image "$IMGZ" capture -q --force disk fs/old

STRIDE=1
title "power fails, and --resume"
ALL_LEFT=0
expect_exit 0 "$IMGZ" capture -q -9 --reproducible --chunk-size 64K disk whole
as_uninterrupted() {
    cmp "$1/new" whole
}
RIGHT=as_uninterrupted
resumes nice "$IMGZ" capture -q -9 --threads 1 --reproducible --chunk-size 64K --resume disk fs/new
RIGHT=restored
expect_exit 0 "$IMGZ" capture -q --force --chunk-size 64K disk disk.gz
resumes nice "$IMGZ" restore -q --threads 1 --resume disk.gz fs/new
ok "some left something" test "$ALL_LEFT" -gt 2

title "imgz without its flushes: the checks see it"
if [[ -n $SANITIZED ]]; then
    skip "imgz without its flushes" "a preloaded library and a sanitizer get in each other's way"
else
    RIGHT=restored
    record ext4 24 env "LD_PRELOAD=$PWD/nosync.so" "$IMGZ" restore -q disk.gz fs/new
    start_counting
    for ((seed = 1; seed <= 10; seed++)); do
        try_point ext4 "$DONE" "$seed"
        [[ $FOUND == right ]] || EARLY=$((EARLY + 1))
    done
    told
    ok "what was called done is missing" test "$EARLY" -gt 0
fi

title "capture, xfs"
modprobe xfs 2>/dev/null
if have mkfs.xfs && have xfs_repair && grep -qw xfs /proc/filesystems; then
    MANY=$((MANY / 5))
    SEEDS=1
    all_of xfs 300 captured "$IMGZ" capture -q disk fs/new
else
    skip "xfs" "needs mkfs.xfs, xfs_repair and a kernel that knows it"
fi

# ---- Devices ------------------------------------------------------------------------------------

# device_loses COMMAND...: restores to a device of noise, and counts in $EARLY how many power
# failures right behind its end lose bytes of the disk.
device_loses() {
    local seed
    rm -f backing log
    fill random 6000000 4 >backing
    truncate -s 6M backing
    cp backing base
    serve_disk backing mnt log
    attach mnt/disk --direct-io=on
    expect_exit 0 "$@" "$LOOP"
    read -r DONE FLUSHES < <(python3 "$REPLAY" count log)
    detach "$LOOP"
    umount_at mnt
    start_counting
    for ((seed = 1; seed <= 20; seed++)); do
        python3 "$REPLAY" replay base log replayed "$DONE" "$seed"
        cmp -s -n "$(stat -c %s disk)" replayed disk || EARLY=$((EARLY + 1))
    done
    echo "$DONE records, $FLUSHES flushes, $EARLY of 20 power failures lose bytes"
}

title "restore to a device"
device_loses "$IMGZ" restore -q disk.gz
equal "what was done is there in spite of a power failure" "$EARLY" 0
if [[ -z $SANITIZED ]]; then
    device_loses env "LD_PRELOAD=$PWD/nosync.so" "$IMGZ" restore -q disk.gz
    ok "without its flushes it is not" test "$EARLY" -gt 0
fi

finish
