# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# FUSE programs of the tests; sourced behind lib.sh by what has one.

need_root "a file system of its own"
need cc pkg-config fusermount3
[[ -e /dev/fuse ]] || skip_all "there is no /dev/fuse here"
pkg-config --exists fuse3 || skip_all "libfuse3 is not installed (tools/packages.txt)"

# build_fuse NAME SOURCE...: makes $WORK/.lib/NAME of sources in this folder.
build_fuse() {
    local name=$1
    shift
    # shellcheck disable=SC2046 # flags are words
    cc -O1 -Wall -o "$WORK/.lib/$name" "${@/#/$HERE/}" $(pkg-config --cflags --libs fuse3) ||
        skip_all "$name does not compile here"
}

# serve_fuse NAME DIR FILE [ARGUMENT...]: starts it with these, and waits until DIR/FILE is
# there. Its process id is in $FUSE_PID.
serve_fuse() {
    local name=$1 folder=$2 file=$3
    shift 3
    mkdir -p "$folder"
    "$WORK/.lib/$name" "$@" 2>"$WORK/.lib/$name.err" &
    FUSE_PID=$!
    CHILDREN+=("$FUSE_PID")
    if ! wait_until test -e "$folder/$file"; then
        fail "$name does not serve" "$(cat "$WORK/.lib/$name.err")"
        return 1
    fi
    MOUNTS+=("$(realpath "$folder")")
}
