#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs every SCRIPT, even if one before it failed: all.sh SCRIPT... Then says how long each took,
# which failed, and, in its last line, how many tests passed and failed in all. A script without
# ctest is one test. A skipped test counts as failed: here everything that the tests need is there.
set -u
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
passed=0 failed=0
summary=()

# count EXIT-CODE: what ctest said in $log goes into the sums; sets $wrong and $skipped.
count() {
    local total
    wrong=$(sed -nE 's/.* tests passed, ([0-9]+) tests failed out of [0-9]+.*/\1/p' "$log" |
        awk '{ sum += $1 } END { print sum + 0 }')
    total=$(sed -nE 's/.* tests failed out of ([0-9]+).*/\1/p' "$log" |
        awk '{ sum += $1 } END { print sum + 0 }')
    skipped=$(grep -cE '^ *[0-9]+/[0-9]+ Test +#[0-9]+: .*\*\*\*Skipped' "$log")
    # What failed outside of ctest, such as a build, is one more.
    if (($1 != 0 && wrong == 0)); then
        wrong=1
        total=$((total + 1))
    fi
    ((total > 0)) || total=1
    passed=$((passed + total - wrong - skipped))
    failed=$((failed + wrong + skipped))
}

for script in "$@"; do
    echo "==== $script"
    began=$SECONDS
    "$script" 2>&1 | tee "$log"
    code=${PIPESTATUS[0]}
    took=$((SECONDS - began))
    count "$code"
    verdict=passed
    ((skipped == 0)) || verdict="FAILED ($skipped skipped)"
    ((code == 0 && wrong == 0)) || verdict="FAILED (exit $code)"
    summary+=("$(printf '%3d:%02d  %-22s %s' $((took / 60)) $((took % 60)) "$script" "$verdict")")
done

echo "==== in all"
printf '%s\n' "${summary[@]}"
echo "$passed passed, $failed failed"
((failed == 0))
