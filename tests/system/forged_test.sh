#!/usr/bin/env bash
# quick
# SPDX-License-Identifier: MIT
# Images by somebody who knows how checks are made: all of them fit, but gunzip sees another disk,
# or none. What imgz calls right, every gunzip opens, and has the same bytes.
source "$(dirname "$0")/lib.sh"
need python3 gunzip cmp

mkdir forged
ok "images are forged" python3 "$HERE/forge.py" forged

title "the honest one"
expect_exit 0 "$IMGZ" verify -q forged/honest.gz
expect_exit 0 "$IMGZ" restore -q forged/honest.gz honest
ok "gunzip has the same bytes" gunzips_to forged/honest.gz honest
rm forged/honest.gz

number=0
for file in forged/*.gz; do
    title "$(basename "$file" .gz)"
    number=$((number + 1))
    no "gunzip does not take it" gunzip -t "$file"
    expect_error 3 "$file" 'offset 0' -- "$IMGZ" verify -q "$file"
    expect_exit 3 "$IMGZ" verify -q - <"$file"
    expect_exit 3 "$IMGZ" restore -q "$file" back
    expect_exit 3 "$IMGZ" restore -q - back <"$file"
    expect_exit 3 "$IMGZ" restore -q "$file" -
    expect_exit 3 "$IMGZ" hash -q --digest sha256 "$file"
    absent back
done
equal "how many there are" 12 "$number"

finish
