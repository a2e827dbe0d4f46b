#!/usr/bin/env bash
# quick
# SPDX-License-Identifier: MIT
# Another host that encodes what it reads, and lies: each bit of each message is flipped, and
# messages are lost, doubled and cut. The job ends with a clear error, or its result is right.
# far_proxy.py stands between imgz here and imgz there.
source "$(dirname "$0")/lib.sh"
need python3 gunzip cmp
# To wait for what was promised and never comes is right: then the job must hear the end of it.
LIMIT=4
[[ -z $SANITIZED ]] || LIMIT=20
NAME=ssh://far$PWD/disk
export IMGZ_SSH

# Two chunks of data, a run of zeros, a chunk that does not fill its size.
fill text 131072 1 >disk
head -c 200000 /dev/zero >>disk
fill random 30000 2 >>disk
root=$(root_of --chunk-size 64K disk)

far() { # far LIE
    IMGZ_SSH="python3 -IS '$HERE/far_proxy.py' '$IMGZ' '$1'"
}

# captured LIE: an error that says what went wrong, or an image of the disk. Counts both.
refused=0 right=0 waited=0
captured() {
    far "$1"
    run "$IMGZ" capture -q --force --chunk-size 64K --level 1 "$NAME" out.gz
    if ((CODE == 124)); then
        waited=$((waited + 1))
        grep -q 'capture stopped by SIGTERM' "$ERR" || wrong "$1: $(cat "$ERR")"
    elif ((CODE == 0)); then
        right=$((right + 1))
        if ! gunzips_to out.gz disk || ! "$IMGZ" verify -q out.gz; then
            wrong "$1: a wrong image"
        fi
    else
        refused=$((refused + 1))
        ((CODE == 1 || CODE == 3)) || wrong "$1: exit code $CODE: $(cat "$ERR")"
        grep -qE "^imgz: ((reading|opening|looking for holes in) )?$NAME( at offset|:| says:) " \
            "$ERR" || wrong "$1: $(cat "$ERR")"
    fi
    rm -f out.gz*
}

# hashed LIE: the same for a hash.
hashed() {
    far "$1"
    run "$IMGZ" hash -q --chunk-size 64K "$NAME"
    ((CODE == 0 || CODE == 1 || CODE == 124)) || wrong "$1: exit code $CODE: $(cat "$ERR")"
}

WRONG=()
wrong() {
    WRONG+=("$1")
}
none_wrong() {
    local item
    for item in "${WRONG[@]}"; do
        echo "    $item"
    done
    ((${#WRONG[@]} == 0))
}

title "as it is"
far count
expect_exit 0 "$IMGZ" capture -q --chunk-size 64K --level 1 "$NAME" out.gz
ok "the image" gunzips_to out.gz disk
mapfile -t lengths <messages
rm out.gz
expect_exit 0 "$IMGZ" hash -q --chunk-size 64K "$NAME"
equal "the hash" "$(sed 's/.*= //' "$OUT")" "$root"

title "bits of messages"
last=$((${#lengths[@]} - 1))
# OPENED, the first EXTENT, an item with data, one of zeros, END.
for message in 0 1 3 5 "$last"; do
    # All fields of the head and of the body; of a long tail, here and there.
    for ((byte = 0; byte < lengths[message]; byte += byte < 130 ? 4 : lengths[message] / 3)); do
        captured "flip=$message,$byte,$((byte / 4 % 8))"
    done
done
ok "no wrong image, no other error" none_wrong
ok "$refused refused, $right did not matter, $waited waited for more" test "$refused" -gt 40

title "whole messages"
WRONG=()
for message in 0 1 3 5 "$last"; do
    for lie in "twice=$message" "end=$message" "fail=$message,5" "fail=$message,0" \
        "fail=$message,99999" "cut=$message,0" "cut=$message,$((lengths[message] - 1))"; do
        captured "$lie"
    done
done
ok "no wrong image, no other error" none_wrong

title "hashes"
WRONG=()
far count
expect_exit 0 "$IMGZ" hash -q --chunk-size 64K "$NAME"
mapfile -t lengths <messages
for message in 0 2 "$((${#lengths[@]} - 1))"; do
    for lie in "twice=$message" "end=$message" "fail=$message,5" "cut=$message,9" \
        "flip=$message,0,1" "flip=$message,8,1" "flip=$message,16,1" "flip=$message,28,1"; do
        hashed "$lie"
    done
done
ok "no other error" none_wrong
finish
