# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What the system tests share; sourced by every NAME_test.sh, which then runs in an empty folder
# of its own. What a script made (loop devices, mounts, processes, files) is taken away at its
# end, by device, mount point and process id, and nothing else is.
#
# A check counts one pass or one failure and never stops the script:
#   ok TEXT COMMAND...           COMMAND succeeds
#   no TEXT COMMAND...           COMMAND fails
#   expect_exit CODE COMMAND...  COMMAND exits with CODE; its output lies in $OUT and $ERR
#   expect_text PATTERN          the last expect_exit wrote PATTERN (grep -E) to stderr
#   expect_out PATTERN           ... to stdout
#   fail TEXT                    what was to be done before the check did not work
# Every script ends with 'finish', which prints "N passed, N failed".

set -u
: "${IMGZ:?the path of the built imgz; ctest sets it, by hand: IMGZ=build/imgz}"
IMGZ=$(realpath "$IMGZ")
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
LAYOUT=$HERE/layout.py
SANITIZED=${IMGZ_SANITIZE:-}
export LC_ALL=C.UTF-8 PATH="$PATH:/usr/sbin:/sbin" PYTHONDONTWRITEBYTECODE=1
# What a sanitizer finds must not look like exit code 1 of imgz.
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:exitcode=99"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-}:print_stacktrace=1:exitcode=99"
export TSAN_OPTIONS="${TSAN_OPTIONS:-}:exitcode=99"

# Nobody is asked anything in a test: one that is started at a terminal leaves it for a session of
# its own.
_leave_terminal() {
    local session code
    setsid bash "$0" "$@" &
    session=$!
    trap 'kill -TERM -- "-$session"' INT TERM
    while kill -0 "$session" 2>/dev/null; do
        wait "$session"
        code=$?
    done
    exit "${code:-1}"
}
if (: </dev/tty) 2>/dev/null; then
    _leave_terminal "$@"
fi

PASSED=0
FAILED=0
SKIPPED=0
SKIPPED_NAMES=()
LOOPS=()
MOUNTS=()
CHILDREN=()
LIMIT=120 # seconds one command of expect_exit may take; a sanitizer build gets more
[[ -z $SANITIZED ]] || LIMIT=600

WORK=$(mktemp -d "${TMPDIR:-/tmp}/imgz-test.XXXXXX") || exit 1
chmod 755 "$WORK" # some checks run as nobody
mkdir "$WORK/.lib" "$WORK/in" || exit 1
OUT=$WORK/.lib/stdout
ERR=$WORK/.lib/stderr
cd "$WORK/in" || exit 1

# ---- The end ----------------------------------------------------------------------------------

_finished=
_cleanup() {
    local code=$? item try
    trap - EXIT
    cd /
    for item in "${CHILDREN[@]}"; do
        kill "$item" 2>/dev/null
    done
    for item in "${MOUNTS[@]}"; do
        umount "$item" 2>/dev/null || umount -l "$item" 2>/dev/null
    done
    for item in "${LOOPS[@]}"; do
        losetup -d "$item" 2>/dev/null
    done
    for item in "${CHILDREN[@]}"; do
        for try in 1 2 3 4 5 6 7 8 9 10; do
            kill -0 "$item" 2>/dev/null || continue 2
            sleep 0.1
        done
        : "$try"
        kill -9 "$item" 2>/dev/null
    done
    rm -rf "$WORK"
    if [[ -z $_finished && $code -ne 77 ]]; then
        echo "FAILED: the script stopped before its end (exit $code)"
        exit 1
    fi
    exit "$code"
}
trap _cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

finish() {
    _finished=yes
    if ((SKIPPED > 0)); then
        echo "$SKIPPED skipped: $(IFS=, && echo "${SKIPPED_NAMES[*]}")"
    fi
    echo "$PASSED passed, $FAILED failed"
    if ((FAILED > 0)); then
        exit 1
    fi
    if ((PASSED == 0)); then
        exit 77
    fi
    exit 0
}

# ---- Checks -----------------------------------------------------------------------------------

title() {
    echo "-- $*"
}

_pass() {
    PASSED=$((PASSED + 1))
    [[ -z ${IMGZ_TEST_VERBOSE:-} ]] || echo "   ok: $1"
}

# Which line of the script the check stands on: the first frame outside of this file.
fail() {
    local frame=0
    FAILED=$((FAILED + 1))
    while [[ ${BASH_SOURCE[frame]} == */lib.sh ]]; do
        frame=$((frame + 1))
    done
    echo "FAILED: $1 ($(basename "${BASH_SOURCE[frame]}") line ${BASH_LINENO[frame - 1]})"
    shift
    local line
    for line in "$@"; do
        echo "        $line"
    done
}

ok() {
    local text=$1 output
    shift
    if output=$("$@" 2>&1 </dev/null); then
        _pass "$text"
    else
        fail "$text" "command: $*" "$(head -c 600 <<<"$output")"
    fi
}

no() {
    local text=$1
    shift
    if "$@" >/dev/null 2>&1 </dev/null; then
        fail "$text" "succeeded, though it must not: $*"
    else
        _pass "$text"
    fi
}

# equal TEXT GOT WANTED: two strings.
equal() {
    if [[ $2 == "$3" ]]; then
        _pass "$1"
    else
        fail "$1" "got:    $2" "wanted: $3"
    fi
}

# Runs COMMAND under the time limit and leaves its exit code in $CODE.
run() {
    LAST="$*"
    timeout --foreground --kill-after=5 "$LIMIT" "$@" >"$OUT" 2>"$ERR"
    CODE=$?
}

expect_exit() {
    local wanted=$1
    shift
    run "$@"
    if [[ $CODE -eq $wanted ]]; then
        _pass "exit $wanted: $LAST"
    else
        fail "exit code $CODE instead of $wanted" "command: $LAST" \
            "stderr:  $(tail -n 8 "$ERR" | cut -c 1-400)"
    fi
}

_expect_grep() {
    if grep -aEq -e "$3" "$2"; then
        _pass "$1 says $3"
    else
        fail "$1 does not say: $3" "command: $LAST" "$1:  $(head -c 600 "$2" | tr -d '\0')"
    fi
}

expect_text() {
    _expect_grep stderr "$ERR" "$1"
}

expect_out() {
    _expect_grep stdout "$OUT" "$1"
}

# expect_error CODE [PATTERN...] -- COMMAND...: exit CODE and, on stderr, one line "imgz: ..."
# with every PATTERN in it; nothing that looks like a crash.
expect_error() {
    local wanted=$1 patterns=() pattern
    shift
    while [[ $1 != -- ]]; do
        patterns+=("$1")
        shift
    done
    shift
    expect_exit "$wanted" "$@"
    expect_text '^imgz: '
    for pattern in "${patterns[@]}"; do
        expect_text "^imgz: .*$pattern"
    done
}

# Nothing lies under the final name nor under the temporary one.
absent() {
    local path
    for path in "$@"; do
        if [[ -e $path || -L $path ]]; then
            fail "$path was left behind" "$(ls -la "$path" 2>&1)"
        elif [[ -e $path.partial || -L $path.partial ]]; then
            fail "$path.partial was left behind" "$(ls -la "$path.partial" 2>&1)"
        else
            _pass "no $path and no $path.partial"
        fi
    done
}

# rest_as_told PATH: the last expect_exit was a job that failed. It said what it left under the
# temporary name of PATH, which is what is there, and is taken away.
rest_as_told() {
    if grep -qF -e "; $1.partial is kept: " "$ERR"; then
        ok "$1.partial is kept" test -s "$1.partial"
        rm -f "$1.partial"
    elif grep -qE -e "; (nothing is left of $1|$1 is unchanged)\$" "$ERR"; then
        no "$1.partial is not there" test -e "$1.partial"
    else
        fail "it is not said what is left of $1" "$(tail -n 3 "$ERR" | cut -c 1-400)"
    fi
}

# ---- What this machine offers -----------------------------------------------------------------

skip_all() {
    echo "SKIPPED: $*"
    exit 77
}

skip() { # skip NAME REASON
    SKIPPED=$((SKIPPED + 1))
    SKIPPED_NAMES+=("$1")
    echo "skipped: $1: $2"
}

have() {
    command -v "$1" >/dev/null 2>&1
}

need() {
    local tool
    for tool in "$@"; do
        have "$tool" || skip_all "$tool is not installed (tools/packages.txt lists the packages)"
    done
}

have_root() {
    [[ $(id -u) -eq 0 ]]
}

need_root() {
    have_root || skip_all "$1 needs root"
}

# Can this machine attach loop devices at all (containers often cannot)?
have_loop() {
    local file=$WORK/.lib/loop-probe device
    have_root && have losetup || return 1
    truncate -s 64K "$file"
    device=$(losetup -f --show "$file" 2>/dev/null) || return 1
    losetup -d "$device"
}

need_loop() {
    need_root "a loop device"
    have_loop || skip_all "loop devices cannot be attached here"
}

need_free() { # need_free MIB: in the folder the tests work in
    local free
    free=$(df --output=avail -m . | tail -n 1)
    ((free >= $1)) || skip_all "needs $1 MiB free in $PWD, which has $free"
}

# Does the filesystem keep a 4 KiB hole and tell where it is?
have_holes() {
    truncate -s 64K "$WORK/.lib/hole-probe"
    printf x | dd of="$WORK/.lib/hole-probe" bs=1 seek=32768 conv=notrunc status=none
    python3 "$LAYOUT" extents "$WORK/.lib/hole-probe" | grep -qx '32768 4096'
}

# ---- Loop devices, mounts, processes ----------------------------------------------------------

# attach FILE [losetup options]: leaves the device in $LOOP. Other tests attach theirs meanwhile.
attach() {
    local file=$1 try
    shift
    for try in 1 2 3 4 5 6 7 8 9 10; do
        if LOOP=$(losetup -f --show "$@" "$file" 2>"$WORK/.lib/losetup"); then
            LOOPS+=("$LOOP")
            return 0
        fi
        sleep 0.2
    done
    : "$try"
    fail "losetup $file" "$(cat "$WORK/.lib/losetup")"
    LOOP=/dev/null/no-loop-device
    return 1
}

# The kernel detaches when the last who has the device open closes it: a moment later, at times.
_let_go() {
    [[ $(losetup -n -O BACK-FILE "$1" 2>/dev/null) != "$2" ]]
}

detach() {
    local device=$1 item kept=() file
    file=$(losetup -n -O BACK-FILE "$device" 2>/dev/null)
    for item in "${LOOPS[@]}"; do
        [[ $item == "$device" ]] || kept+=("$item")
    done
    LOOPS=("${kept[@]}")
    losetup -d "$device" || return
    [[ -z $file ]] || wait_until _let_go "$device" "$file"
}

mount_at() { # mount_at WHAT WHERE [mount options]
    local what=$1 where=$2
    shift 2
    mkdir -p "$where"
    mount "$@" "$what" "$where" || return 1
    MOUNTS+=("$(realpath "$where")")
}

umount_at() {
    local where item kept=()
    where=$(realpath "$1")
    if ! umount "$where"; then
        fail "umount $where"
        umount -l "$where"
    fi
    for item in "${MOUNTS[@]}"; do
        [[ $item == "$where" ]] || kept+=("$item")
    done
    MOUNTS=("${kept[@]}")
}

# launch COMMAND...: in the background, with signals as a shell at a terminal would leave them (a
# script's background jobs ignore SIGINT otherwise); leaves the process id in $CHILD.
launch() {
    LAST="$*"
    : >"$OUT" 2>"$ERR" # nobody is to find there what the last one said
    env --default-signal=INT,TERM,PIPE "$@" <&0 >"$OUT" 2>"$ERR" &
    CHILD=$!
    CHILDREN+=("$CHILD")
}

# Waits for $CHILD for at most LIMIT seconds, leaves its exit code in $CODE.
reap() {
    local item kept=() deadline=$((SECONDS + LIMIT))
    { # the shell's own word about a killed job is not wanted
        while kill -0 "$CHILD"; do
            ((SECONDS < deadline)) || kill -9 "$CHILD"
            sleep 0.05
        done
        wait "$CHILD"
        CODE=$?
    } 2>/dev/null
    for item in "${CHILDREN[@]}"; do
        [[ $item == "$CHILD" ]] || kept+=("$item")
    done
    CHILDREN=("${kept[@]}")
}

# wait_until COMMAND...: polls for up to 20 seconds.
wait_until() {
    local try
    for try in {1..400}; do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.05
    done
    : "$try"
    return 1
}

# ---- Data -------------------------------------------------------------------------------------

# fill KIND BYTES SEED: to stdout; KIND is random, text, zero or mixed.
fill() {
    python3 "$LAYOUT" fill "$@"
}

# Is FILE's content that of another file, as cmp sees it?
same() {
    cmp -- "$1" "$2"
}

# gunzips_to IMAGE RAW: gunzip gives back exactly the bytes of RAW and finds nothing to complain of.
gunzips_to() {
    gunzip -c "$1" 2>"$WORK/.lib/gunzip" | cmp - "$2" || return 1
    gunzip -t "$1" && [[ ! -s $WORK/.lib/gunzip ]]
}

# The root hash imgz prints for a source or an image.
root_of() {
    "$IMGZ" hash "$@" | sed -n '1s/^IMGZ-ROOT.* = \([0-9a-f]\{32,64\}\)$/\1/p'
}

# flip FILE OFFSET [BIT]: inverts one bit.
flip() {
    python3 - "$@" <<'PYTHON'
import os
import sys

file = os.open(sys.argv[1], os.O_RDWR)
offset = int(sys.argv[2])
byte = os.pread(file, 1, offset)[0] ^ (1 << int((sys.argv + ["0"])[3]))
os.pwrite(file, bytes([byte]), offset)
os.fsync(file)
PYTHON
}

# peak_kib COMMAND...: the most memory it held at once, in KiB, to stdout.
peak_kib() {
    python3 - "$@" <<'PYTHON'
import os
import resource
import subprocess
import sys

code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
PYTHON
}
