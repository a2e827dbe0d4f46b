# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# A disk that fails as it is told to (faultdisk.c); sourced behind lib.sh.

source "$HERE/fuse.sh"
build_fuse faultdisk faultdisk.c

# serve_disk BACKING DIR [LOG]: DIR/disk is the disk; rules go to it by 'rule'.
serve_disk() {
    serve_fuse faultdisk "$2" disk "$@" || return
    FAULTDISK_PID=$FUSE_PID
    FAULTDISK=$2
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
