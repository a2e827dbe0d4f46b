#!/usr/bin/env bash
# serial
# SPDX-License-Identifier: MIT
# A target that cannot be written, in every way a system has to say so: exit 1, and a line that says
# what was being done, where, why, and what is left of it. Nothing appears under the final name, and
# what --force was to replace is there still. With io_uring and without.
source "$(dirname "$0")/lib.sh"
source "$HERE/faultdisk.sh"
need python3 cmp gunzip mkfs.ext4 strace
need_loop
# The leak checker cannot work under strace.
export ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0"

fill mixed 6000000 1 >disk
fill random 6000000 2 >noise
fill text 200000 3 >old
expect_exit 0 "$IMGZ" capture -q disk disk.gz
expect_exit 0 "$IMGZ" capture -q noise noise.gz

# Two backends: what the kernel offers, and plain system calls.
PLAIN=(strace -f -qq -o "$WORK/.lib/trace" -e trace=io_uring_setup
    -e inject=io_uring_setup:error=EPERM)
BACKENDS=("$IMGZ")
if "${PLAIN[@]}" true 2>"$WORK/.lib/strace"; then
    BACKENDS+=("plain")
else
    skip "without io_uring" "strace cannot inject here: $(head -n 1 "$WORK/.lib/strace")"
fi

# backend NAME: the command that runs imgz so, in $RUN.
backend() {
    RUN=("$IMGZ")
    [[ $1 != plain ]] || RUN=("${PLAIN[@]}" "$IMGZ")
}

# fails_in FOLDER REASON [PREFIX...]: a capture and a restore into it, new and over an old file.
fails_in() {
    local folder=$1 reason=$2 job name
    shift 2
    for name in "${BACKENDS[@]}"; do
        backend "$name"
        for job in "capture noise" "restore --override no-room noise.gz"; do
            # shellcheck disable=SC2086 # the job and its operand are words of their own
            expect_error 1 "writing $folder/new at offset [0-9]+: $reason; " \
                -- "$@" "${RUN[@]}" $job "$folder/new"
            rest_as_told "$folder/new"
            no "nothing has its name" test -e "$folder/new"
            # shellcheck disable=SC2086
            expect_error 1 "$folder/old.*$reason.*$folder/old is unchanged" \
                -- "$@" "${RUN[@]}" $job --force "$folder/old"
            ok "the old file is as it was" same "$folder/old" old
            rest_as_told "$folder/old"
        done
    done
}

title "full: tmpfs"
if mount_at tmpfs small -t tmpfs -o size=3M 2>/dev/null; then
    cp old small/old
    fails_in small "No space left on device"
    umount_at small
else
    skip tmpfs "cannot be mounted here"
fi

title "full: ext4"
truncate -s 4M full.img
ok "mkfs.ext4" mkfs.ext4 -q -O ^has_journal full.img
mount_at full.img small -o loop
cp old small/old
fails_in small "No space left on device"
title "full: kept for --resume, and room is made"
fallocate -l 1500K small/filler
expect_error 1 "small/new.*No space.*small/new.partial is kept: add --resume to go on" -- \
    "$IMGZ" capture --chunk-size 64K disk small/new
ok "it is kept" test -e small/new.partial
no "but not under its name" test -e small/new
rm small/filler
run "$IMGZ" capture -q --resume --chunk-size 64K disk small/new
if [[ $CODE -eq 0 ]]; then
    ok "and becomes the image" gunzips_to small/new disk
else
    fail "it goes on where it stopped" "$(head -c 400 "$ERR")"
fi
umount_at small

title "a limit on the size of files"
mkdir limited
cp old limited/old
fails_in limited "File too large" bash -c 'ulimit -f 2000; exec "$@"' -

title "a quota"
quota_filesystem() {
    truncate -s 128M quota.img && mkfs.btrfs -q quota.img && mount_at quota.img small -o loop &&
        btrfs quota enable small && cp old small/old && sync -f small/old &&
        btrfs qgroup limit 3M small
}
if have mkfs.btrfs && have btrfs && quota_filesystem >"$WORK/.lib/quota" 2>&1; then
    fails_in small "Disk quota exceeded"
    umount_at small
else
    skip "quota" "no btrfs with quotas here: $(tail -n 1 "$WORK/.lib/quota")"
fi

title "a drive that fails, under a file"
truncate -s 32M failing.img
ok "mkfs.ext4" mkfs.ext4 -q -N 64 -O ^has_journal,^resize_inode failing.img
serve_disk failing.img served
attach served/disk --direct-io=on
mount_at "$LOOP" small
cp old small/old
sync -f small/old
rule 'fail w 2097152 31457280 5 -1'
fails_in small "Input/output error"
title "a drive that fails to flush, once"
for job in "capture noise" "restore noise.gz"; do
    rule clear 'fail f 0 0 5 1'
    # shellcheck disable=SC2086
    expect_error 1 "creating small/new: Input/output error" -- "$IMGZ" $job small/new
    absent small/new
    # Only that one flush was to fail: nobody tried again until it went well.
    # shellcheck disable=SC2086
    expect_exit 0 "$IMGZ" $job small/new
    rm small/new
done
rule clear
umount_at small
detach "$LOOP"

title "a drive that fails, as the target"
# A disk whose end is no whole block: its last bytes go through the page cache, so that a drive that
# fails there says so only when it is flushed.
truncate -s $((6000000 / 4096 * 4096 + 512)) noise
expect_exit 0 "$IMGZ" capture -q --force noise noise.gz
attach served/disk --direct-io=on
device=$LOOP
for name in "${BACKENDS[@]}"; do
    backend "$name"
    rule clear 'fail w 3145728 4096 5 -1'
    expect_error 1 "writing $device at offset [0-9]+: Input/output error; .*$device is incomplete" \
        -- "${RUN[@]}" restore noise.gz "$device"
    # The place that is named lies in the request that failed, or one the system merged with it.
    offset=$(sed -nE 's/.* at offset ([0-9]+):.*/\1/p' "$ERR")
    ok "the place is named: $offset" test "$offset" -ge 1048576 -a "$offset" -le 5242880
    rule clear 'fail w 3145728 4096 5 1'
    expect_error 1 "$device is incomplete" -- "${RUN[@]}" restore noise.gz "$device"
    rule clear "fail w $((6000000 / 4096 * 4096)) 4096 5 -1"
    expect_error 1 "flushing $device: Input/output error; .*$device is incomplete" -- \
        "${RUN[@]}" restore noise.gz "$device"
    rule clear 'fail w 0 33554432 28 -1'
    expect_error 1 "$device.*No space left.*$device is incomplete" -- \
        "${RUN[@]}" restore noise.gz "$device"
    rule clear 'fail f 0 0 5 1'
    expect_error 1 "flushing $device: Input/output error; .*$device is incomplete" -- \
        "${RUN[@]}" restore noise.gz "$device"
    rule clear
    expect_exit 0 "${RUN[@]}" restore -q noise.gz "$device"
    ok "and when it works, it is right" cmp -n "$(stat -c %s noise)" noise "$device"
done

title "stopped"
rule clear 'delay w 2000'
launch "$IMGZ" restore noise.gz "$device"
sleep 0.5
kill -INT "$CHILD"
reap
equal "exit code" "$CODE" 130
expect_text "^imgz: restore stopped by SIGINT; $device is incomplete"
rule clear

title "told only at the end"
if ((${#BACKENDS[@]} > 1)); then
    # inject PATH INJECTION: a command that runs imgz so, in $RUN.
    inject() {
        RUN=(strace -f -qq -o "$WORK/.lib/trace" -P "$1" -e "trace=${2%%:*}" -e "inject=$2" "$IMGZ")
    }
    inject "$device" close:error=EIO
    expect_error 1 "closing $device: Input/output error; .*$device has the whole disk" -- \
        "${RUN[@]}" restore noise.gz "$device"
    for job in "capture noise" "restore noise.gz"; do
        inject "$PWD/new.partial" close:error=EIO
        # shellcheck disable=SC2086
        expect_error 1 "closing .*new: Input/output error; .*new.partial is kept: add --resume" -- \
            "${RUN[@]}" $job new
        rest_as_told new
        # The file is complete and has its name; only the folder could not be flushed.
        inject "$PWD" fsync:error=EIO
        # shellcheck disable=SC2086
        expect_error 1 "flushing the directory of new: .*may not survive a power failure" -- \
            "${RUN[@]}" $job new
        ok "$job: it is complete" test -s new
        [[ $job != restore* ]] || ok "and right" same new noise
        [[ $job != capture* ]] || ok "and right" gunzips_to new noise
        rm new
    done
fi

title "streams"
for job in "capture noise" "restore noise.gz"; do
    # shellcheck disable=SC2086
    expect_error 1 "writing /dev/full at offset [0-9]+: No space left.*/dev/full is incomplete" -- \
        "$IMGZ" $job /dev/full
    expect_error 1 "standard output at offset [0-9]+: No space left.*output is incomplete" -- \
        bash -c "exec '$IMGZ' $job - >/dev/full"
done

finish
