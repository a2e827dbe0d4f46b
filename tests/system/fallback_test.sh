#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Without io_uring, or with less of it than hoped for, and with a system that reads and writes less
# than it was asked to: the same bytes.
source "$(dirname "$0")/lib.sh"
need strace gunzip cmp python3
# The leak checker cannot work under strace.
export ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0"
if ! strace -f -qq -o "$WORK/.lib/trace" -e inject=getppid:error=EPERM true \
    2>"$WORK/.lib/strace"; then
    skip_all "strace cannot inject here: $(head -n 1 "$WORK/.lib/strace")"
fi

fill mixed 9000000 1 >disk
truncate -s 20M disk
python3 "$LAYOUT" put disk 18000000 text 1000000 2
expect_exit 0 "$IMGZ" capture -q --reproducible disk wanted.gz
expect_exit 0 "$IMGZ" capture --json --force disk disk.gz
usual=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["io"])' "$OUT")
echo "usual I/O here: $usual"

# with WHAT INJECTION IO: all jobs under this injection; the report must name IO ("any": either).
with() {
    local injection=$1 io=$2 traced
    title "$injection"
    traced=(strace -f -qq -o "$WORK/.lib/trace" -e "trace=${injection%%:*}" -e "inject=$injection")
    rm -f out.gz back
    expect_exit 0 "${traced[@]}" "$IMGZ" capture -v --reproducible disk out.gz
    ok "something was injected" grep -q INJECTED "$WORK/.lib/trace"
    ok "the same image" same wanted.gz out.gz
    [[ $io == any ]] || expect_text "$io"
    expect_exit 0 "${traced[@]}" "$IMGZ" restore -v out.gz back
    ok "the same disk" same disk back
    [[ $io == any ]] || expect_text "$io"
    expect_exit 0 "${traced[@]}" "$IMGZ" verify -q out.gz
    expect_exit 0 "${traced[@]}" "$IMGZ" verify -q out.gz --against disk
    expect_exit 0 "${traced[@]}" "$IMGZ" hash --json disk
    if [[ $io != any ]]; then
        ok "the report names $io" python3 -c 'import json, sys
assert json.load(open(sys.argv[1]))["io"] == sys.argv[2]' "$OUT" "$io"
    fi
}

if [[ $usual == io_uring ]]; then
    with io_uring_setup:error=EPERM pread
    with io_uring_setup:error=ENOSYS pread
    with io_uring_setup:error=ENOMEM pread
    # No fixed buffers, no fixed files; the ring itself may still do.
    with io_uring_register:error=ENOMEM any
    with io_uring_register:error=EPERM any
    with io_uring_enter:error=EINTR:when=2+7 any
    with io_uring_enter:error=EAGAIN:when=3+5 any
else
    skip io_uring "this kernel or container has none; imgz uses $usual"
fi

# The direct reads of a device, too.
if have_loop && [[ $usual == io_uring ]]; then
    title "a device without io_uring"
    cp disk source
    attach source
    for injection in io_uring_setup:error=EPERM io_uring_register:error=ENOMEM; do
        expect_exit 0 strace -f -qq -o "$WORK/.lib/trace" -e "trace=${injection%%:*}" \
            -e "inject=$injection" "$IMGZ" capture -q --force --reproducible "$LOOP" out.gz
        ok "$injection: the same image" same wanted.gz out.gz
        fill random $((20 << 20)) 3 >"$LOOP"
        expect_exit 0 strace -f -qq -o "$WORK/.lib/trace" -e "trace=${injection%%:*}" \
            -e "inject=$injection" "$IMGZ" restore -q wanted.gz "$LOOP"
        ok "$injection: the same disk" same "$LOOP" disk
    done
    # A device that cannot zero a range by itself: what it held before must not shine through.
    fill random $((20 << 20)) 4 >"$LOOP"
    expect_exit 0 strace -f -qq -o "$WORK/.lib/trace" -e trace=io_uring_setup,fallocate \
        -e inject=io_uring_setup:error=EPERM -e inject=fallocate:error=EOPNOTSUPP \
        "$IMGZ" restore -v wanted.gz "$LOOP"
    ok "fallocate was refused" grep -q 'fallocate.*INJECTED' "$WORK/.lib/trace"
    ok "zeros are written then" same "$LOOP" disk
    detach "$LOOP"
else
    skip "device without io_uring" "no loop devices or no io_uring"
fi

# Short transfers and EINTR: a library put before libc's shortens every one of them.
title "short transfers"
if ! have cc; then
    skip "short transfers" "no C compiler"
elif [[ -n $SANITIZED ]]; then
    skip "short transfers" "a preloaded library and a sanitizer get in each other's way"
elif cc -O1 -shared -fPIC -o short.so "$HERE/short_transfers.c" -ldl; then
    short=(env "LD_PRELOAD=$PWD/short.so")
    without=(strace -f -qq -o "$WORK/.lib/trace" -e trace=io_uring_setup
        -e inject=io_uring_setup:error=EPERM -E "LD_PRELOAD=$PWD/short.so")
    rm -f out.gz back
    expect_exit 0 "${without[@]}" "$IMGZ" capture -q --reproducible disk out.gz
    ok "a file, shortened: the same image" same wanted.gz out.gz
    expect_exit 0 "${without[@]}" "$IMGZ" restore -q out.gz back
    ok "a file, shortened: the same disk" same disk back
    expect_exit 0 "${without[@]}" "$IMGZ" verify -q out.gz --against disk
    rm -f back
    expect_exit 0 bash -c '"${@:2}" "$1" capture -q --reproducible - - <disk >out.gz' - \
        "$IMGZ" "${short[@]}"
    ok "a stream, shortened: the same image" cmp -i 34 wanted.gz out.gz
    expect_exit 0 bash -c '"${@:2}" "$1" restore -q - - <wanted.gz | cmp - disk' - \
        "$IMGZ" "${short[@]}"
else
    fail "short_transfers.c does not compile"
fi

PATHS=() # strace options: only calls on these files fail

# inject_into INJECTION MUST COMMAND...: one job in which these calls fail. With MUST "yes" the job
# is known to make such a call, and an image or disk must not appear without it.
inject_into() {
    local injection=$1 must=$2
    shift 2
    rm -f out.gz back
    run strace -f -qq -o "$WORK/.lib/trace" "${PATHS[@]}" -e "trace=${injection%%:*}" \
        -e "inject=$injection" "$IMGZ" "$@"
    if ! grep -q INJECTED "$WORK/.lib/trace"; then
        [[ $must == no ]] || fail "imgz $* makes no call of ${injection%%:*}"
    elif [[ $must == no && $CODE -eq 0 ]]; then
        [[ ! -e back ]] || ok "$injection: another way was found" same disk back
        [[ ! -e out.gz ]] || ok "$injection: another way was found" same wanted.gz out.gz
    else
        equal "$injection, imgz $*: exit code" "$CODE" 1
        expect_text '^imgz: .'
        # What is complete, or can be gone on with, is kept, and said to be.
        [[ ! -e out.gz.partial ]] || expect_text '; out\.gz\.partial is (kept|complete)'
        [[ ! -e back.partial ]] || expect_text '; back\.partial is (kept|complete)'
        rm -f out.gz.partial back.partial
        absent out.gz back
    fi
}

title "failures of single calls"
for injection in fsync,fdatasync,sync_file_range:error=EIO rename,renameat,renameat2:error=EIO; do
    inject_into "$injection" yes capture -q --reproducible disk out.gz
    inject_into "$injection" yes restore -q wanted.gz back
done
for injection in ftruncate:error=EIO fallocate:error=EOPNOTSUPP flock:error=ENOLCK \
    clone3,clone:error=EAGAIN clone3,clone:error=EAGAIN:when=2+1 eventfd2:error=EMFILE; do
    inject_into "$injection" no capture -q --reproducible disk out.gz
    inject_into "$injection" no restore -q wanted.gz back
done
# What the filesystem finds wrong only when the file is closed (NFS, quotas).
PATHS=(-P "$PWD/out.gz.partial" -P "$PWD/out.gz" -P "$PWD/back.partial" -P "$PWD/back")
inject_into close:error=EIO yes capture -q --reproducible disk out.gz
inject_into close:error=EIO yes restore -q wanted.gz back

finish
