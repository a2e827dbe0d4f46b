#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs what imgz is built with (as root, on Debian), builds it, and shows what it does:
#   tools/demo.sh                 on a sample drive that it makes and throws away
#   tools/demo.sh SOURCE IMAGE    captures SOURCE into IMAGE, verifies it, and shows what it holds
set -eu -o pipefail
(($# == 0 || $# == 2)) || {
    echo "usage: tools/demo.sh [SOURCE IMAGE]" >&2
    exit 2
}
here=$(cd "$(dirname "$0")/.." && pwd)
export PATH="$here/build:$PATH:/usr/sbin:/sbin"

DRIVE_BYTES=$((4 << 30))
FILES_BYTES=$((600 << 20)) # how much of /usr goes on the sample drive

# quietly WHAT COMMAND...: says what is done, and every five seconds that it is still at it. What
# the command itself says is shown only if it fails.
quietly() {
    local what=$1 started=$SECONDS log code=0 worker
    shift
    log=$(mktemp)
    printf '%s ...' "$what"
    "$@" >"$log" 2>&1 &
    worker=$!
    while sleep 1 && kill -0 "$worker" 2>/dev/null; do
        (((SECONDS - started) % 5 != 0)) || printf ' %d s' $((SECONDS - started))
    done
    wait "$worker" || code=$?
    if ((code != 0)); then
        printf ' failed:\n'
        tail -n 40 "$log"
    else
        printf ' done\n'
    fi
    rm -f "$log"
    return "$code"
}

build() {
    quietly "Installing what is missing" "$here/tools/install.sh" build
    quietly "Configuring" \
        cmake -S "$here" -B "$here/build" -DCMAKE_BUILD_TYPE=Release -DIMGZ_TESTS=OFF
    quietly "Building imgz" cmake --build "$here/build" --parallel "$(nproc)"
}

# ---- On the user's own -------------------------------------------------------------------------

run_on() { # run_on SOURCE IMAGE
    imgz capture "$1" "$2"
    imgz verify "$2"
    imgz info "$2"
}

# ---- On the sample drive -----------------------------------------------------------------------

# The files of /usr in the order of their names, up to FILES_BYTES.
list_files() {
    { find /usr -xdev -type f -size -64M -printf '%p\t%s\n' 2>/dev/null || true; } | LC_ALL=C sort |
        awk -F '\t' -v limit="$FILES_BYTES" '(sum += $2) <= limit { print $1 }'
}

# An ext4 filesystem without a partition table, mostly empty, as a virtual machine's drive is.
make_drive() {
    mkdir files
    list_files | tar -C / -c --ignore-failed-read -T - 2>/dev/null | tar -C files -x
    truncate -s "$DRIVE_BYTES" drive.img
    mkfs.ext4 -q -L sample -d files drive.img
    rm -rf files
}

human() { # human BYTES
    numfmt --to=iec-i --suffix=B --format=%.1f "$1" | sed "s/\([KMGT]\?iB\)$/ \1/"
}

used_bytes() { # what the file $1 takes on the disk
    echo $(($(stat -c %b "$1") * 512))
}

rows=()
# step NAME COMMAND: runs the line of shell and notes how long it took.
step() {
    local started=$EPOCHREALTIME
    printf '\n$ %s\n' "$2"
    eval "$2"
    rows+=("$(awk -v name="$1" -v from="$started" -v to="$EPOCHREALTIME" -v bytes="$DRIVE_BYTES" '
        BEGIN { printf "%-20s %7.2f s %7.0f MB/s", name, to - from, bytes / (to - from) / 1e6 }')")
}

show() {
    mkdir -p "$here/build"
    folder=$(mktemp -d "$here/build/demo.XXXXXX")
    trap 'rm -rf "$folder"' EXIT
    cd "$folder"
    quietly "Making a sample drive, $(human "$DRIVE_BYTES") of ext4 with files from /usr" make_drive

    step "capture" "imgz capture drive.img drive.img.gz"
    step "gunzip, compare" "gunzip -c drive.img.gz | cmp - drive.img # one thread: the longest wait"
    step "restore, sparse" "imgz restore drive.img.gz copy.img"
    step "verify" "imgz verify drive.img.gz"
    step "compare by hashes" "imgz verify drive.img.gz --against copy.img"
    cmp drive.img copy.img

    printf '\nThe sample drive: %s, %s of it in use. The image: %s, a plain .gz.\n' \
        "$(human "$DRIVE_BYTES")" "$(human "$(used_bytes drive.img)")" \
        "$(human "$(stat -c %s drive.img.gz)")"
    printf 'The restored copy takes %s and is identical, byte for byte.\n\n' \
        "$(human "$(used_bytes copy.img)")"
    printf '%s\n' "${rows[@]}"
    printf '(speeds count the whole drive, with holes and zeros)\n'
    printf '\nYour own drive: tools/demo.sh SOURCE IMAGE\n'
}

build
if (($# == 2)); then
    run_on "$1" "$2"
else
    show
fi
