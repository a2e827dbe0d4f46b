#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What clang-tidy (.clang-tidy says which checks) finds in engine/ and tools/ must be what
# lint_known.txt lists: a new finding fails, and so does one that is gone and still listed.
# The list may only shrink.
set -eu -o pipefail
cd "$(dirname "$0")/../.."
source tests/gate/lib.sh
known=tests/gate/lint_known.txt

tools/install.sh build test gate
cmake --preset fuzz >/dev/null
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
find engine tools -name '*.c' -print0 | sort -z | xargs -0 -P "$(nproc)" -n 4 \
    clang-tidy -p build-fuzz --quiet >"$work/said" 2>"$work/log" || {
    cat "$work/log" "$work/said"
    exit 1
}

# A header is looked at by many: each finding counts once. The name of a file is enough, since no
# two are alike, and stays when the file is moved.
sed -nE 's|^.*/([^/:]+:[0-9]+:[0-9]+): (warning\|error): (.*) \[([^]]*)\]$|\1 \4|p' "$work/said" |
    sort -u | sed -E 's|:[0-9]+:[0-9]+ | |' | sort | uniq -c |
    awk '{ print $2, $3, $1 }' >"$work/found"
sed '/^#/d' "$known" | LC_ALL=C sort >"$work/known"
LC_ALL=C sort -o "$work/found" "$work/found"

if diff -U 0 --label "$known" --label found "$work/known" "$work/found" >"$work/diff"; then
    echo "lint: $(wc -l <"$work/known") known, none new"
    exit
fi
while read -r file check _; do
    grep -E "/$file:[0-9:]+ .*\[$check\]" "$work/said" | sort -u
done < <(sed -nE 's/^\+([^+])/\1/p' "$work/diff")
echo "lint: + is new: mend it. - is gone: take it out of the list, or lower its number."
tail -n +3 "$work/diff"
exit 1
