#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Images that were cut anywhere, that something was added to or taken from, and files that are no
# images at all: refused as in corrupt_test.sh.
source "$(dirname "$0")/lib.sh"
need python3 gzip cmp
source "$HERE/badimage.sh"
size=$(stat -c %s good.gz)

title "cut"
step=1
[[ -z $SANITIZED ]] || step=37
for ((length = size - 1; length > size - 1000; length -= step)); do
    head -c "$length" good.gz >cut.gz
    if ((length % 20 == 0)); then refused cut.gz; else refused cut.gz quick; fi
done
for ((length = 1; length < size - 1000; length += size * step / 60 + 1)); do
    head -c "$length" good.gz >cut.gz
    refused cut.gz
done
for length in {1..40} 433 434 435 833 834 835; do
    head -c "$length" good.gz >cut.gz
    refused cut.gz
done
counted "cut" 100
run "$IMGZ" info cut.gz
equal "info of a cut image" "$CODE" 3

title "something after the end"
fill random 1024 4 | cat good.gz - >more.gz
refused more.gz
cat good.gz good.gz >more.gz
refused more.gz
echo hello | gzip | cat good.gz - >more.gz
refused more.gz
{ head -c 20M /dev/zero && printf x; } | cat good.gz - >more.gz
refused more.gz
counted "something after the end" 12

title "something missing in the middle, or too much"
for place in 100 5000 $((size / 3)) $((size / 2)) $((size - 2000)); do
    { head -c "$place" good.gz && tail -c +$((place + 2)) good.gz; } >less.gz
    refused less.gz
    { head -c "$place" good.gz && printf x && tail -c +$((place + 1)) good.gz; } >more.gz
    refused more.gz
    { head -c "$place" good.gz && head -c 600 /dev/zero && tail -c +$((place + 601)) good.gz; } \
        >blank.gz
    refused blank.gz
done
{ head -c $((size / 2)) /dev/zero && tail -c +$((size / 2 + 1)) good.gz; } >blank.gz
refused blank.gz
counted "something missing" 45

title "no image at all"
# what FILE PATTERN: refused by every command that wants an image, with this in the message.
what() {
    local file=$1 pattern=$2
    expect_error 3 "$file" "$pattern" -- "$IMGZ" verify "$file"
    expect_error 3 "$file" "$pattern" -- "$IMGZ" verify "$file" --against disk
    expect_error 3 "$file" "$pattern" -- "$IMGZ" restore "$file" back
    absent back
    expect_error 3 "$file" "$pattern" -- "$IMGZ" info "$file"
    expect_error 3 "standard input" "$pattern" -- "$IMGZ" verify - < <(cat "$file")
    expect_error 3 "standard input" "$pattern" -- "$IMGZ" restore - back < <(cat "$file")
    absent back
}
: >empty
what empty empty
fill random 100000 5 >noise
what noise "not a gzip"
head -c 100000 /dev/zero >zeros
what zeros "not a gzip"
printf '\37' >short
what short "not a gzip"
gzip -c disk >plain.gz
what plain.gz "plain gzip.*gunzip"
gzip -n -1 <disk >plain.gz
what plain.gz "plain gzip.*gunzip"
: | gzip >plain.gz
what plain.gz "plain gzip.*gunzip"
for tool in pigz bgzip igzip; do
    if have $tool; then
        $tool -c disk >plain.gz
        what plain.gz "plain gzip.*gunzip"
    else
        skip "$tool" "not installed"
    fi
done

title "the good one is still good"
expect_exit 0 "$IMGZ" verify -q good.gz
expect_exit 0 "$IMGZ" restore -q good.gz back
ok "restored" same disk back

finish
