#!/usr/bin/env bash
# quick
# SPDX-License-Identifier: MIT
# An exit code says whose fault it is: 2 is for the command line alone, 3 for data that imgz found
# bad. What a file system answers is neither, though it may use the same numbers.
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/faultfs.sh
source "$HERE/faultfs.sh"

fill mixed 3000000 1 >disk
expect_exit 0 "$IMGZ" capture -q disk disk.gz
serve_folder backing dir || finish
cp disk disk.gz dir

# refused_by_system COMMAND...
refused_by_system() {
    expect_error 1 -- "$IMGZ" "$@"
    no "it does not point to --help" grep -q -e --help "$ERR"
}

title "what cannot be written"
for error in EINVAL EBADMSG; do
    for what in colon create write truncate fsync; do
        refuse $what $error
        refused_by_system restore -q disk.gz dir/a:b
        refused_by_system capture -q --resume disk dir/a:b
        allow_all
        rm -f dir/*.partial
        absent dir/a:b
    done
done

title "what cannot be read"
for error in EINVAL EBADMSG; do
    for what in open read; do
        refuse $what $error
        refused_by_system capture -q dir/disk out.gz
        refused_by_system hash -q dir/disk
        refused_by_system restore -q dir/disk.gz out
        refused_by_system verify -q dir/disk.gz
        refused_by_system verify -q --scrub dir/disk.gz
        refused_by_system verify -q disk.gz --against dir/disk
        refused_by_system info dir/disk.gz
        allow_all
    done
done
absent out out.gz

title "what JSON says"
refuse colon EINVAL
expect_exit 1 "$IMGZ" restore --json disk.gz dir/a:b
expect_out '"exit_code": 1, "error": \{"code": "EINVAL"'
finish
