# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# A disk that fails as it is told to (faultdisk.c); sourced behind lib.sh.

need_root "a failing disk"
need cc pkg-config fusermount3
[[ -e /dev/fuse ]] || skip_all "there is no /dev/fuse here"
pkg-config --exists fuse3 || skip_all "libfuse3 is not installed (tools/packages.txt)"
# shellcheck disable=SC2046 # flags are words
cc -O1 -Wall -o "$WORK/.lib/faultdisk" "$HERE/faultdisk.c" $(pkg-config --cflags --libs fuse3) ||
    skip_all "faultdisk.c does not compile here"

# serve_disk BACKING DIR [LOG]: DIR/disk is the disk; rules go to it by 'rule'.
serve_disk() {
    local folder=$2
    mkdir -p "$folder"
    "$WORK/.lib/faultdisk" "$@" 2>"$WORK/.lib/faultdisk.err" &
    FAULTDISK_PID=$!
    CHILDREN+=("$FAULTDISK_PID")
    if ! wait_until test -e "$folder/disk"; then
        fail "faultdisk does not serve" "$(cat "$WORK/.lib/faultdisk.err")"
        return 1
    fi
    MOUNTS+=("$(realpath "$folder")")
    FAULTDISK=$folder
}

# rule LINE...: tells the disk served last.
rule() {
    printf '%s\n' "$@" >"$FAULTDISK/ctl"
}

# kill_disk: the disk served last is gone, as if somebody had pulled the cable.
kill_disk() {
    local item kept=()
    kill -9 "$FAULTDISK_PID"
    wait "$FAULTDISK_PID" 2>/dev/null
    for item in "${CHILDREN[@]}"; do
        [[ $item == "$FAULTDISK_PID" ]] || kept+=("$item")
    done
    CHILDREN=("${kept[@]}")
}

# zeroed OFFSET BYTES ...: the file 'disk' with zeros there, as 'wanted'.
zeroed() {
    cp disk wanted
    python3 - wanted "$@" <<'PYTHON'
import sys
with open(sys.argv[1], "r+b") as file:
    numbers = [int(n) for n in sys.argv[2:]]
    for offset, count in zip(numbers[::2], numbers[1::2]):
        file.seek(offset)
        file.write(bytes(count))
PYTHON
}

# asked OFFSET BYTES: since the disk was last told to be clear some of this was read.
asked() {
    python3 - "$FAULTDISK/ctl" "$@" <<'PYTHON'
import sys
offset, count = int(sys.argv[2]), int(sys.argv[3])
for line in open(sys.argv[1]):
    at, length = map(int, line.split())
    if at < offset + count and offset < at + length:
        sys.exit(0)
sys.exit(1)
PYTHON
}
