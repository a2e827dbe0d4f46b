#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The benchmarks build, and what they check before timing holds. No time is judged: each runs once
# on little data.
source "$(dirname "$0")/lib.sh"
: "${IMGZ_BUILD:?}"
bench=$IMGZ_BUILD/bench/imgz_bench
loss=$IMGZ_BUILD/bench/imgz_incompressible_loss
[[ ${IMGZ_BENCH:-} == ON ]] || skip_all "built without -DIMGZ_BENCH=ON"
ok "the benchmarks were built" test -x "$bench" -a -x "$loss"
need python3

export IMGZ_BENCH_MIB=16

title "kernels and jobs"
mkdir scratch
expect_exit 0 env TMPDIR="$PWD/scratch" "$bench" --benchmark_min_time=0.001 \
    --benchmark_out=times.json
no "a benchmark failed its check" grep -q error_occurred times.json
equal "they clean up" "$(find scratch -mindepth 1)" ""
# benchmarks GROUP: how many it has.
benchmarks() {
    python3 -c '
import json, sys
names = [each["name"] for each in json.load(open("times.json"))["benchmarks"]]
print(sum(name.split("/")[0] == sys.argv[1] for name in names))' "$1"
}
for group in zero_test zero_map incompressible_test hash digest deflate inflate seam note carrier \
    zerorun index totals queue order read sparse job; do
    ok "$group is there" test "$(benchmarks "$group")" -gt 0
done

title "a check that fails"
expect_exit 1 env TMPDIR="$PWD/nowhere" "$bench" --benchmark_filter='read/pread|hash/crc32'
expect_out 'read/pread.*ERROR OCCURRED.*cannot be read'
expect_out 'hash/crc32 .*bytes_per_second'

title "what the incompressible test costs"
mkdir files
fill random 8388608 1 >files/a
fill text 2097152 2 >files/b
fill zero 1048576 1 >files/c
expect_exit 0 "$loss" files
expect_out '^3 files, 11\.0 MiB, 11 chunks: 8 yes, 3 no'
expect_out '^ +fast +0\.[0-9]+ +0 +0 +0 +0\.0000 %'
expect_out '^ +6 +0\.[0-9]+ +0 +0 +0 +0\.0000 %'
# Text where no sample is taken from: between the first two windows, before the first region.
fill random 1048576 3 >files/a
fill text 30000 4 | dd of=files/a bs=1000 seek=1 conv=notrunc status=none
expect_exit 0 "$loss" -v files
expect_out '^false yes: level 6 would take off [0-9]+ of 1048576 bytes .* at files/a\+0$'
expect_out '^ +6 +0\.[0-9]+ +1 +0 +[0-9]{5} '
expect_exit 2 "$loss"
expect_text '^usage: '

finish
