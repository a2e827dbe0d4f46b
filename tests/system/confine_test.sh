#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What comes from outside is looked at without rights (Landlock): whoever breaks into imgz can open
# nothing but what the job goes on with. Where the kernel has no Landlock the job goes on and says
# so.
source "$(dirname "$0")/lib.sh"
need cc python3
[[ -z $SANITIZED ]] || skip_all "a sanitizer needs rights at its end"
VERSION=$(python3 -c 'import ctypes; print(ctypes.CDLL(None).syscall(444, None, 0, 1))')
((VERSION > 0)) || skip_all "this kernel has no Landlock"
cc -D_GNU_SOURCE -O1 -shared -fPIC -o probe.so "$HERE/confine_probe.c" -ldl ||
    fail "confine_probe.c does not compile"

mkdir out maps
fill mixed 5000000 1 >disk
expect_exit 0 "$IMGZ" capture -q disk out/disk.gz
expect_exit 0 "$IMGZ" capture -q -6 disk out/other.gz

# probed COMMAND...: what its threads, and it itself at its end, could do.
probed() {
    expect_exit 0 env CONFINE_PROBE_FD=9 LD_PRELOAD="$PWD/probe.so" "$@" 9>attempts
    rm -f broken-out
}
echo precious >victim

# since VERSION: what is taken away by this version of Landlock on.
since() {
    ((VERSION >= $1)) && echo denied || echo allowed
}
NOTHING="read denied, write denied, truncate $(since 3), connect $(since 4), signal $(since 6)"

# ended JOB: its last threads and its end could open nothing. What is opened on the way is opened in
# threads, too, which come before.
ended() {
    equal "$1: nothing else can be opened" "$(tail -n 3 attempts | sort -u)" \
        "$(printf '%s\n' "end: $NOTHING" "thread: $NOTHING")"
}

title "what only reads has no rights from the first byte on"
while read -r job; do
    # shellcheck disable=SC2086 # words of a command
    probed "$IMGZ" $job <out/disk.gz
    equal "$job: nothing can be opened" "$(sort -u attempts)" \
        "$(printf '%s\n' "end: $NOTHING" "thread: $NOTHING")"
done <<'JOBS'
verify -q out/disk.gz
verify -q --scrub out/disk.gz
verify -q --digest sha256,md5 out/disk.gz
hash -q out/disk.gz
hash -q --digest sha256 disk
verify -q -
hash -q -
JOBS
probed "$IMGZ" verify -q - < <(cat out/disk.gz)
equal "from a pipe: nothing can be opened" "$(sort -u attempts)" \
    "$(printf '%s\n' "end: $NOTHING" "thread: $NOTHING")"
probed "$IMGZ" info out/disk.gz
equal "info: nothing can be opened" "$(cat attempts)" "end: $NOTHING"
probed "$IMGZ" info --json out/disk.gz
equal "info --json: nothing can be opened" "$(cat attempts)" "end: $NOTHING"

title "each of several in a process without rights"
probed "$IMGZ" info out/disk.gz out/other.gz
equal "info" "$(grep -cx "end: $NOTHING" attempts) $(grep -c "^end: read allowed" attempts)" "2 1"
probed "$IMGZ" verify -q out/disk.gz out/other.gz
equal "verify: threads" "$(grep thread attempts | sort -u)" "thread: $NOTHING"
probed "$IMGZ" hash -q disk out/other.gz
equal "hash: threads" "$(grep thread attempts | sort -u)" "thread: $NOTHING"

title "what writes has its own folder alone, once all is open"
while read -r job; do
    # shellcheck disable=SC2086 # words of a command
    probed "$IMGZ" $job
    ended "$job"
done <<'JOBS'
verify -q out/disk.gz --against disk
verify -q out/disk.gz --against disk --paranoid
verify -q out/disk.gz --against out/other.gz
capture -q disk out/new.gz
capture -q --on-error=zero --map maps/map disk out/mapped.gz
restore -q out/disk.gz out/restored
restore -q --force --read-back out/disk.gz out/restored
JOBS
ok "the map was kept up to date" grep -q '^0x00000000 .* +$' maps/map
sed -i 's/^0x00000000 .* +$/0x00000000 0x00001000 */' maps/map
printf '0x00001000 0x%x +\n' "$(($(stat -c %s disk) - 4096))" >>maps/map
probed "$IMGZ" capture -q --on-error=zero --map maps/map disk out/mapped.gz
ended "going back by a map"
expect_exit 0 "$IMGZ" verify out/mapped.gz --against disk

if have_loop; then
    truncate -s 8M drive.img
    attach drive.img
    drive=$LOOP
    for option in "" --read-back --only-changed --resume; do
        # shellcheck disable=SC2086 # nothing, or a word
        probed "$IMGZ" restore -q --yes $option out/disk.gz "$drive"
        ended "restore $option to a device"
    done
    for job in "hash -q $drive" "verify -q out/disk.gz --against $drive" \
        "capture -q $drive out/drive.gz"; do
        # shellcheck disable=SC2086 # words of a command
        probed "$IMGZ" $job
        ended "$job"
    done
    expect_exit 0 "$IMGZ" info --json out/drive.gz
    expect_out 'logical-sector-bytes": "512"'
else
    skip devices "no loop devices here"
fi

title "it is said"
for job in "verify -v out/disk.gz" "restore -v -f out/disk.gz out/restored" \
    "capture -v -f disk out/new.gz" "verify -v out/disk.gz --against disk"; do
    # shellcheck disable=SC2086 # words of a command
    expect_exit 0 "$IMGZ" $job
    expect_text '^imgz: confined'
done

title "a kernel without Landlock"
if command -v strace >/dev/null && strace -qq -o /dev/null true 2>/dev/null; then
    expect_exit 0 strace -qq -f -o /dev/null -e inject=landlock_create_ruleset:error=ENOSYS \
        "$IMGZ" verify -v out/disk.gz
    expect_text '^imgz: not confined, .*Landlock'
else
    skip strace "strace cannot be used here"
fi
finish
