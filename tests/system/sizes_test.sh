#!/usr/bin/env bash
# quick
# SPDX-License-Identifier: MIT
# A file system may make up the size of a file: what is in the file counts.
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/faultfs.sh
source "$HERE/faultfs.sh"

fill mixed 3000000 1 >disk
expect_exit 0 "$IMGZ" capture -q disk disk.gz
serve_folder backing dir || finish
cp disk disk.gz dir

title "larger than it is"
for bytes in 3000001 3004096 50000000; do
    allow_all
    made_up 'disk*' $bytes
    for direct in off auto; do
        expect_exit 0 "$IMGZ" capture -q --direct=$direct dir/disk out.gz
        ok "a disk said to have $bytes bytes" gunzips_to out.gz disk
        rm out.gz
    done
    equal "its hash" "$(root_of dir/disk)" "$(root_of disk)"
    expect_exit 0 "$IMGZ" verify -q disk.gz --against dir/disk
    expect_exit 0 "$IMGZ" verify -q dir/disk.gz
    expect_exit 0 "$IMGZ" restore -q dir/disk.gz out
    ok "an image said to have $bytes bytes" same out disk
    rm out
done
finish
