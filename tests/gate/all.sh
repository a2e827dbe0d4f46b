#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs every SCRIPT, even if one before it failed: all.sh SCRIPT... Then says how long each took,
# which failed, and, in its last line, how many tests passed and failed in all. A script without
# ctest is one test.
set -u
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
passed=0 failed=0 skipped=0
summary=()

# count EXIT-CODE: what ctest said in $log goes into the sums; sets $wrong.
count() {
    local total
    wrong=$(sed -nE 's/.* tests passed, ([0-9]+) tests failed out of [0-9]+.*/\1/p' "$log" |
        awk '{ sum += $1 } END { print sum + 0 }')
    total=$(sed -nE 's/.* tests failed out of ([0-9]+).*/\1/p' "$log" |
        awk '{ sum += $1 } END { print sum + 0 }')
    left=$(grep -cE '^ *[0-9]+/[0-9]+ Test +#[0-9]+: .*\*\*\*Skipped' "$log")
    # What failed outside of ctest, such as a build, is one more.
    if (($1 != 0 && wrong == 0)); then
        wrong=1
        total=$((total + 1))
    fi
    ((total > 0)) || total=1
    passed=$((passed + total - wrong - left))
    failed=$((failed + wrong))
    skipped=$((skipped + left))
}

for script in "$@"; do
    echo "==== $script"
    began=$SECONDS
    "$script" 2>&1 | tee "$log"
    code=${PIPESTATUS[0]}
    took=$((SECONDS - began))
    count "$code"
    verdict=passed
    ((code == 0 && wrong == 0)) || verdict="FAILED (exit $code)"
    summary+=("$(printf '%3d:%02d  %-22s %s' $((took / 60)) $((took % 60)) "$script" "$verdict")")
done

echo "==== in all"
printf '%s\n' "${summary[@]}"
((skipped == 0)) || echo "$skipped skipped"
echo "$passed passed, $failed failed"
((failed == 0))
