#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every command works with a stack of 64 KiB, as 'ulimit -s 64' leaves it: threads used to get that
# size, too, and crashed.
source "$(dirname "$0")/lib.sh"
need gunzip cmp prlimit
[[ -z $SANITIZED ]] || skip_all "a sanitizer needs a larger stack for itself"

fill mixed 5000000 1 >disk
for level in -0 --level=fast -1 -6 -9 -12; do
    expect_exit 0 prlimit --stack=65536 "$IMGZ" capture -q --force --digest md5,sha256,b2 $level disk disk.gz
    ok "gunzip agrees, $level" gunzips_to disk.gz disk
done
expect_exit 0 prlimit --stack=65536 "$IMGZ" verify -q --digest sha256 disk.gz
expect_exit 0 prlimit --stack=65536 "$IMGZ" verify -q --scrub disk.gz
expect_exit 0 prlimit --stack=65536 "$IMGZ" verify -q disk.gz --against disk
expect_exit 0 prlimit --stack=65536 "$IMGZ" restore -q --read-back --digest sha512 disk.gz back
ok "the disk is restored" cmp disk back
expect_exit 0 prlimit --stack=65536 "$IMGZ" capture -q --force --on-error=zero --map map disk disk.gz
expect_exit 0 prlimit --stack=65536 "$IMGZ" capture -q --map map disk disk.gz
expect_exit 0 prlimit --stack=65536 "$IMGZ" hash -q --digest sha256,b2 disk
expect_exit 0 prlimit --stack=65536 "$IMGZ" hash -q disk.gz
expect_exit 0 prlimit --stack=65536 "$IMGZ" info disk.gz
expect_exit 0 prlimit --stack=65536 "$IMGZ" info --json disk.gz
expect_exit 0 prlimit --stack=65536 "$IMGZ" info --topology
expect_exit 0 prlimit --stack=65536 "$IMGZ" devices
expect_exit 0 prlimit --stack=65536 "$IMGZ" devices --json
expect_exit 0 prlimit --stack=65536 "$IMGZ" bench --seconds 1 disk
if have_loop; then
    truncate -s 8M drive
    attach drive
    expect_exit 0 prlimit --stack=65536 "$IMGZ" restore -q --yes --read-back disk.gz "$LOOP"
    expect_exit 0 prlimit --stack=65536 "$IMGZ" hash -q "$LOOP"
    expect_exit 0 prlimit --stack=65536 "$IMGZ" capture -q "$LOOP" loop.gz
else
    skip devices "no loop devices here"
fi
finish
