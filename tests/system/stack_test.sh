#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every command works with a stack of 64 KiB, as 'ulimit -s 64' leaves it: threads used to get that
# size, too, and crashed.
source "$(dirname "$0")/lib.sh"
need gunzip cmp prlimit
[[ -z $SANITIZED ]] || skip_all "a sanitizer needs a larger stack for itself"

SMALL=(prlimit --stack=65536 "$IMGZ")
fill mixed 5000000 1 >disk
for level in -0 --level=fast -1 -6 -9 -12; do
    expect_exit 0 "${SMALL[@]}" capture -q --force --digest md5,sha256,b2 $level disk disk.gz
    ok "gunzip agrees, $level" gunzips_to disk.gz disk
done
expect_exit 0 "${SMALL[@]}" verify -q --digest sha256 disk.gz
expect_exit 0 "${SMALL[@]}" verify -q --scrub disk.gz
expect_exit 0 "${SMALL[@]}" verify -q disk.gz --against disk
expect_exit 0 "${SMALL[@]}" restore -q --read-back --digest sha512 disk.gz back
ok "the disk is restored" cmp disk back
expect_exit 0 "${SMALL[@]}" capture -q --force --on-error=zero --map map disk disk.gz
expect_exit 0 "${SMALL[@]}" capture -q --map map disk disk.gz
expect_exit 0 "${SMALL[@]}" hash -q --digest sha256,b2 disk
expect_exit 0 "${SMALL[@]}" hash -q disk.gz
expect_exit 0 "${SMALL[@]}" info disk.gz
expect_exit 0 "${SMALL[@]}" info --json disk.gz
expect_exit 0 "${SMALL[@]}" info --topology
expect_exit 0 "${SMALL[@]}" devices
expect_exit 0 "${SMALL[@]}" devices --json
expect_exit 0 "${SMALL[@]}" bench --seconds 1 disk
if have_loop; then
    truncate -s 8M drive
    attach drive
    expect_exit 0 "${SMALL[@]}" restore -q --yes --read-back disk.gz "$LOOP"
    expect_exit 0 "${SMALL[@]}" hash -q "$LOOP"
    expect_exit 0 "${SMALL[@]}" capture -q "$LOOP" loop.gz
else
    skip devices "no loop devices here"
fi
finish
