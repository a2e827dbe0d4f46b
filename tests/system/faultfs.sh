# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# A folder that refuses what it is told to (faultfs.c); sourced behind lib.sh.

need_root "a folder that refuses"
need cc pkg-config fusermount3
[[ -e /dev/fuse ]] || skip_all "there is no /dev/fuse here"
pkg-config --exists fuse3 || skip_all "libfuse3 is not installed (tools/packages.txt)"
# shellcheck disable=SC2046 # flags are words
cc -O1 -Wall -o "$WORK/.lib/faultfs" "$HERE/faultfs.c" "$HERE/faultfs_rules.c" \
    $(pkg-config --cflags --libs fuse3) || skip_all "faultfs.c does not compile here"

# serve_folder BACKING DIR: what is done in DIR is done in BACKING.
# Both are made if they are not there.
serve_folder() {
    local backing=$1 folder=$2
    mkdir -p "$backing" "$folder"
    "$WORK/.lib/faultfs" "$backing" "$folder" 2>"$WORK/.lib/faultfs.err" &
    CHILDREN+=("$!")
    if ! wait_until test -e "$folder/.faultfs"; then
        fail "faultfs does not serve" "$(cat "$WORK/.lib/faultfs.err")"
        return 1
    fi
    MOUNTS+=("$(realpath "$folder")")
    FAULTFS=$folder
}

# refuse WHAT ERROR [COUNT [NAMES]]: the folder served last does, from now on, beside what it
# refuses already.
refuse() {
    printf 'refuse %s\n' "$*" >"$FAULTFS/.faultfs"
}

# made_up NAMES BYTES: files of these names are said to be so large.
made_up() {
    printf 'size %s %s\n' "$1" "$2" >"$FAULTFS/.faultfs"
}

# allow_all: nothing is refused any more, and what was asked for is forgotten.
allow_all() {
    echo clear >"$FAULTFS/.faultfs"
}

# was_asked WHAT [NAME]: since then, in the folder served last.
was_asked() {
    grep -qE "^$1 ${2:-}" "$FAULTFS/.faultfs"
}
