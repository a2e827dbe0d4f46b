#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What comes from outside is looked at without rights (Landlock): whoever breaks into a verify or a
# hash can open nothing. Where the kernel has no Landlock the job goes on and says so.
source "$(dirname "$0")/lib.sh"
need cc python3
[[ -z $SANITIZED ]] || skip_all "a sanitizer needs rights at its end"
python3 - <<'PYTHON' || skip_all "this kernel has no Landlock"
import ctypes, sys
sys.exit(ctypes.CDLL(None).syscall(444, None, 0, 1) < 1)
PYTHON
cc -D_GNU_SOURCE -O1 -shared -fPIC -o probe.so "$HERE/confine_probe.c" -ldl ||
    fail "confine_probe.c does not compile"

fill mixed 5000000 1 >disk
expect_exit 0 "$IMGZ" capture -q disk disk.gz

# probed COMMAND...: what its threads could do.
probed() {
    expect_exit 0 env CONFINE_PROBE_FD=9 LD_PRELOAD="$PWD/probe.so" "$@" 9>attempts
    rm -f broken-out
}
for job in "verify -q disk.gz" "verify -q --scrub disk.gz" "verify -q --digest sha256,md5 disk.gz" \
    "hash -q disk.gz" "hash -q --digest sha256 disk" "hash -q disk"; do
    # shellcheck disable=SC2086 # words of a command
    probed "$IMGZ" $job
    equal "$job: threads can open nothing" "$(sort -u attempts)" "read denied, write denied"
done
for job in "verify -q -" "hash -q -"; do
    # shellcheck disable=SC2086 # words of a command
    probed "$IMGZ" $job <disk.gz
    equal "$job: threads can open nothing" "$(sort -u attempts)" "read denied, write denied"
done
expect_exit 0 "$IMGZ" verify -v disk.gz
expect_text '^imgz: confined'
expect_exit 0 "$IMGZ" verify -q disk.gz disk.gz

title "a kernel without Landlock"
if command -v strace >/dev/null && strace -qq -o /dev/null true 2>/dev/null; then
    expect_exit 0 strace -qq -f -o /dev/null -e inject=landlock_create_ruleset:error=ENOSYS \
        "$IMGZ" verify -v disk.gz
    expect_text '^imgz: not confined, .*Landlock'
else
    skip strace "strace cannot be used here"
fi
finish
