#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Before a restore overwrites a device at a terminal, its name is to be typed in.
source "$(dirname "$0")/lib.sh"
need cmp python3 sha256sum losetup mkfs.ext4
need_loop

SIZE=$((5 * 1048576))
digest_of() {
    sha256sum <"$1" | cut -d' ' -f 1
}
fresh() { # a loop device of $1 bytes, full of noise
    rm -f target
    head -c "$1" noise >target
    attach target
}

fill mixed $SIZE 1 >disk
fill random $((16 * 1048576)) 2 >noise
cat disk noise >long
expect_exit 0 "$IMGZ" capture -q disk disk.gz
expect_exit 0 "$IMGZ" capture -q long long.gz

title "the question"
# at_terminal CODE ANSWER COMMAND...: what the terminal showed is in $ERR.
at_terminal() {
    local code=$1 answer=$2
    shift 2
    expect_exit "$code" python3 "$HERE/terminal.py" "$answer" "${INPUT[@]}" -- "$@"
}
INPUT=()
fresh $((16 * 1048576))
mkfs.ext4 -qF -L precious "$LOOP"
name=${LOOP#/dev/}
before=$(digest_of "$LOOP")
for answer in yes y '' sdb "$name " "$LOOP/" loop '^D'; do
    at_terminal 1 "$answer" "$IMGZ" restore disk.gz "$LOOP"
    expect_text "writing to $LOOP: 16 MiB, loop"
    expect_text "now on $LOOP: ext4 \"precious\""
    expect_text "All that is on $LOOP will be lost. Type its name to go on:"
    expect_text "imgz: writing to $LOOP was not confirmed; nothing was written"
    equal "unchanged after '$answer'" "$(digest_of "$LOOP")" "$before"
done
at_terminal 130 '^C' "$IMGZ" restore disk.gz "$LOOP"
equal "unchanged after ^C" "$(digest_of "$LOOP")" "$before"
ln -s "$LOOP" by-name
at_terminal 1 by-name "$IMGZ" restore disk.gz by-name
expect_text "Type its name"
equal "unchanged" "$(digest_of "$LOOP")" "$before"
for answer in "$name" "$LOOP"; do
    head -c $SIZE noise >"$LOOP"
    at_terminal 0 "$answer" "$IMGZ" restore disk.gz by-name
    expect_text restored
    ok "written after '$answer'" cmp -n $SIZE disk "$LOOP"
done
INPUT=(--input disk.gz)
before=$(digest_of "$LOOP")
at_terminal 1 no "$IMGZ" restore - "$LOOP"
equal "unchanged" "$(digest_of "$LOOP")" "$before"
at_terminal 0 "$name" "$IMGZ" restore - "$LOOP"
expect_text "Type its name"
for option in --yes -y -q --json; do
    INPUT=()
    at_terminal 0 never "$IMGZ" restore "$option" disk.gz "$LOOP"
    no "no question with $option" grep -q "Type its name" "$ERR"
done
INPUT=(--input /dev/null)
at_terminal 0 never "$IMGZ" restore disk.gz "$LOOP"
no "no question to a script" grep -q "Type its name" "$ERR"
INPUT=()
at_terminal 0 never "$IMGZ" restore disk.gz file
no "no question about a file" grep -q "Type its name" "$ERR"
at_terminal 1 never "$IMGZ" restore long.gz "$LOOP.none/x"
expect_exit 0 "$IMGZ" restore disk.gz "$LOOP"
expect_text "writing to $LOOP"
detach "$LOOP"
fresh $SIZE
at_terminal 1 never "$IMGZ" restore long.gz "$LOOP"
no "no question about a device that does not fit" grep -q "Type its name" "$ERR"
detach "$LOOP"

finish
