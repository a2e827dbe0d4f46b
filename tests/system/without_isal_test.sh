#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Built without ISA-L everything works, and level fast means libdeflate 1.
source "$(dirname "$0")/lib.sh"
need cmake gunzip cmp python3

title "build"
expect_exit 0 cmake -S "$IMGZ_SOURCE" -B plain -DIMGZ_ISAL=OFF -DIMGZ_TESTS=OFF
expect_exit 0 cmake --build plain --parallel 2
no "linked without ISA-L" grep -q isal <(ldd plain/imgz)

title "level fast"
head -c 5000000 plain/imgz >disk
head -c 700000 /dev/zero >>disk
head -c 300000 /dev/urandom >>disk
expect_exit 0 plain/imgz capture -q --reproducible disk fast.gz
expect_exit 0 plain/imgz capture -q --reproducible --level 1 disk one.gz
ok "fast is level 1" cmp fast.gz one.gz
ok "gunzip gives the disk" cmp disk <(gunzip -c fast.gz)
expect_exit 0 plain/imgz restore -q fast.gz back
ok "restored" cmp disk back
expect_exit 0 plain/imgz verify -q fast.gz
expect_exit 0 plain/imgz capture -q disk named.gz
run plain/imgz info named.gz
ok "the image names the codec" grep -q "libdeflate .* level 1" "$OUT"

title "either reads the other's images"
expect_exit 0 "$IMGZ" verify -q fast.gz
expect_exit 0 "$IMGZ" capture -q disk with.gz
expect_exit 0 plain/imgz verify -q with.gz

finish
