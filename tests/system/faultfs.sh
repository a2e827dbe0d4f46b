# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# A folder that refuses what it is told to (faultfs.c); sourced behind lib.sh.

source "$HERE/fuse.sh"
build_fuse faultfs faultfs.c faultfs_rules.c

# serve_folder BACKING DIR: what is done in DIR is done in BACKING.
# Both are made if they are not there.
serve_folder() {
    mkdir -p "$1"
    serve_fuse faultfs "$2" .faultfs "$@" || return
    FAULTFS=$2
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
