#!/usr/bin/env bash
# quick
# SPDX-License-Identifier: MIT
# Another host that lies: whatever it sends, the job ends with a clear error, and never with a wrong
# image, a crash or a wait for ever. far.py plays the ssh client and imgz there.
source "$(dirname "$0")/lib.sh"
need python3 gunzip cmp
LIMIT=30
[[ -z $SANITIZED ]] || LIMIT=120
FAR=$HERE/far.py
NAME=ssh://far/dev/xvda

fill random 300000 1 >disk
export IMGZ_SSH

# With these options imgz asks for raw bytes, which is what far.py knows how to send. What the other
# host encodes is the matter of remote_encoded_attack_test.sh.
raw=(--digest sha256)
patient=(--timeout 60)

# far LIE...: that is what the other host does from now on. No lie has a blank outside of quotes.
far() {
    local lie
    IMGZ_SSH="python3 -IS '$FAR' disk"
    for lie in "$@"; do
        IMGZ_SSH+=" '$lie'"
    done
}

# Nothing that a terminal acts on is in what was printed.
printable() {
    ! LC_ALL=C grep -aqP '[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]' "$OUT" "$ERR"
}

# refused LIE... [-- PATTERN...]: a hash fails with one error, which says PATTERN.
refused() {
    local lies=()
    while (($# > 0)) && [[ $1 != -- ]]; do
        lies+=("$1")
        shift
    done
    shift
    far "${lies[@]}"
    title "${lies[*]}"
    expect_error 1 "$@" -- "$IMGZ" hash "${raw[@]}" --chunk-size 64K "$NAME"
    ok "printable" printable
    equal "no hash" "$(cat "$OUT")" ""
}

# honest LIE...: a hash is right.
honest() {
    far "$@"
    title "$*"
    expect_exit 0 "$IMGZ" hash -q "${raw[@]}" --chunk-size 64K "$NAME"
    equal "the hash" "$(sed -n 's/^# .*= //p' "$OUT")" "$hash"
}

hash=$(root_of --chunk-size 64K disk)
honest x
honest chatter
honest noise=60000
honest 'greeting=b"hi\nimgz-remote\nimgz\n\n\nimgz-remote 1\n"'
honest 'greeting=b"imgz-remote 1\n"'

# ---- The greeting -------------------------------------------------------------------------------

not_imgz='connecting to ssh://far/dev/xvda: what answers there is not imgz'
closed='connecting to ssh://far/dev/xvda: the connection was closed; see whether ssh'
refused noise=70000 -- "$not_imgz"
refused noise=100000000 -- "$not_imgz"
refused 'greeting=b"\n" * 70000' -- "$not_imgz"
refused 'greeting=b"\nimgz-remote \nimgz-remote 2\n"' -- "$not_imgz"
refused cut=0 -- "$closed"
refused noise=1000 cut=1000 -- "$closed"
refused cut=10 -- "$closed"
refused version=2 -- 'imgz there speaks version 2 of the protocol, this one version 1; install'
for version in '' 1x -1 4294967297 18446744073709551617; do
    refused "version=$version" -- "$not_imgz"
done

# ---- OPENED -------------------------------------------------------------------------------------

lie='opening ssh://far/dev/xvda: Protocol error'
for size in 0x8000000000000000 0xffffffffffffffff; do
    refused "size=$size" -- "$lie"
done
for sector in 0 1 256 511 513 768 0x20000 0x80000000 0xffffffff; do
    refused "sector=$sector" -- "$lie"
done
for kind in 0 3 0xffffffff; do
    refused "kind=$kind" -- "$lie"
done
refused kind=2 holes=1 -- "$lie" # a device has none: imgz used to crash
refused more=00 -- "$lie"
refused of=opened body=8100 -- "$lie"
refused of=opened body=0x100000 -- "$lie"
whole=$(python3 -c 'import struct
print(struct.pack("<QIIIQIIII", 300000, 512, 1, 1, 300000, 0, 0, 512, 512).hex())')
honest "opened=$whole"
for ((bytes = 0; bytes < ${#whole} / 2; bytes += 4)); do
    refused "opened=${whole:0:bytes * 2}" -- "$lie"
done
for length in 00000100 ffffff7f 00000080 fcffffff ffffffff; do
    refused "opened=${whole:0:56}$length" -- "$lie"                                # model
    refused "opened=${whole:0:64}${length}6162630002000000020000" -- "$lie"        # serial
done
refused "opened=${whole:0:56}0300000061006200000000${whole:72}" -- "$lie" # with NUL
honest data=0
honest data=0xffffffffffffffff holes=0xffffffff
honest sector=65536 logical=0xffffffff physical=0
honest kind=2 holes=0 logical=0 'model="x" * 4000' 'serial="y" * 4000'

# ---- DATA and EXTENT ----------------------------------------------------------------------------

refused size=300001 -- 'ended at offset 300000 but had 293 KiB \(300001 bytes\) when it was opened'
refused size=0x7fffffffffffffff holes=0 -- 'ended at offset 300000 but had 8'
refused size=100 -- 'looking for holes in ssh://far/dev/xvda: Protocol error'
refused bytes=-1 -- 'it ended at offset [0-9]+ but had'
refused bytes=-300000 -- 'it ended at offset 0 but had'
for bytes in 1 4096 20000000; do
    refused "bytes=$bytes" -- 'reading ssh://far/dev/xvda at offset 0: Protocol error'
done
for tail in 300001 0x1000000 0x80000000 0x8000000000000000 0xffffffffffffffff; do
    refused "tail=$tail" -- 'reading ssh://far/dev/xvda at offset 0: Protocol error'
done
# The bytes that are left are no message.
refused tail=0 --
refused tail=299999 --
for type in 0 1 2 3 127 128 129 130 131 132 0xffffffff; do
    refused "type=$type" --
done
refused of=data body=1 -- 'reading ssh://far/dev/xvda at offset 0: Protocol error'
for extent in +0,+0 0,0 +1,+0 5,4 0,0x100000000 +0,300001 300001,300001 +0,0xffffffffffffffff \
    0xffffffffffffffff,0xffffffffffffffff 0x8000000000000000,0x8000000000000001; do
    refused "extent=$extent" -- 'looking for holes in ssh://far/dev/xvda: Protocol error'
done
refused extent=0,4096 -- 'looking for holes in ssh://far/dev/xvda: Protocol error' # backwards
refused of=extent body=1 -- 'looking for holes in ssh://far/dev/xvda: Protocol error'
honest extent=+0,300000

# ---- FAILED -------------------------------------------------------------------------------------

# No errno, or one that means something else here.
for code in 0 134 0x7fffffff 0x80000000 0xffffffff 4 11 125; do
    for message in opened data extent; do
        refused "fail=$message,$code," -- 'ssh://far/dev/xvda.*: Protocol error'
    done
done
# What could end a job without a word, or look like the end of the input, or like bad data.
for code in 1 2 5 12 13 22 28 32 38 61 71 74 95 104 110 117; do
    refused "fail=opened,$code," --
    refused "fail=data,$code," --
done
refused fail=extent,12, --
refused fail=extent,61, --
refused 'fail=opened,2,"no such thing"' -- 'ssh://far/dev/xvda says: no such thing'
refused 'fail=opened,13,"x" * 8000' -- 'says: x{500}'
refused 'fail=opened,13,"x" * 9000' -- "$lie"
refused 'fail=opened,13,"a\0b"' -- "$lie"
refused 'fail=opened,2,"\033[31mred\r\nnext\t\u202e\u2028\x9b\udcff\x7f"' \
    -- 'says: \?\[31mred\?\?next'
refused 'fail=data,5,"\033[31mred"' -- 'at offset 0: Input/output error'

title "what is kept of it is printable"
far kind=2 holes=0 'model="\033[1mm\u202el"' 'serial="s\n\x9b\udcff"'
expect_exit 0 "$IMGZ" capture -q "${patient[@]}" "$NAME" named.gz
ok "gunzip gives the disk" gunzips_to named.gz disk
expect_exit 0 "$IMGZ" info named.gz
expect_out 'source.model +\?\[1mm\?'
ok "printable" printable
expect_exit 0 "$IMGZ" info --json named.gz
ok "printable as JSON" python3 -c '
import json, sys
meta = json.load(open(sys.argv[1]))["meta"]
assert all(c.isprintable() for text in meta.values() for c in text), meta' "$OUT"

# The library's own, which the program has not touched.
printable_json() {
    python3 -c '
import json, sys
text = json.load(open(sys.argv[1]))["error"]["text"]
assert text.isprintable(), text' "$OUT"
}
far 'fail=opened,2,"\033[31mred\u202e\x9b"'
expect_exit 1 "$IMGZ" hash --json "$NAME"
ok "words are printable as JSON" printable_json
IMGZ_SSH="sh -c 'printf \"why \\033[31m\\r\\n\" >&2; exit 255'"
expect_exit 1 "$IMGZ" hash --json "$NAME"
ok "remarks are printable as JSON" printable_json

# ---- A connection that ends ---------------------------------------------------------------------

# cut_everywhere CHECK...: at each end of a message, a byte before, and in the middle; CHECK runs
# the job once. A cut behind what a job needs is none.
cut_everywhere() {
    local last=0 at cuts=()
    far log=ends
    "$@" whole
    equal "whole: exit code" "$CODE" 0
    while read -r at; do
        ((at == last)) || cuts+=("$(((last + at) / 2))" "$((at - 1))" "$at")
        last=$at
    done < <(sort -nu ends)
    ended=0
    for at in $(printf '%s\n' "${cuts[@]}" | sort -nu); do
        far "cut=$at"
        "$@" "at byte $at"
        [[ $CODE -eq 0 ]] || ended=$((ended + 1))
    done
    ok "$ended of ${#cuts[@]} cuts ended it" test "$ended" -ge 10
}

hash_cut() {
    run "$IMGZ" hash -q "${raw[@]}" --chunk-size 64K "$NAME"
    if [[ $CODE -eq 0 ]]; then
        equal "$1: the hash" "$(sed -n 's/^# .*= //p' "$OUT")" "$hash"
    else
        equal "$1: exit code" "$CODE" 1
        expect_text '^imgz: .*(the connection was closed|Connection reset by peer)'
    fi
}

capture_cut() {
    rm -f cut.gz cut.gz.partial
    run "$IMGZ" capture -q "${patient[@]}" --on-error=zero --chunk-size 64K "$NAME" cut.gz
    if [[ $CODE -eq 0 ]]; then
        ok "$1: the image is right" gunzips_to cut.gz disk
    else
        equal "$1: no zeros for what did not arrive, so not 4" "$CODE" 1
        expect_text '^imgz: .*(the connection was closed|Connection reset by peer)'
        no "$1: no image" test -e cut.gz
    fi
}

title "cut: a hash"
cut_everywhere hash_cut
title "cut: a capture that goes on past bad sectors"
cut_everywhere capture_cut

title "cut, then resumed"
expect_exit 0 "$IMGZ" capture -q --reproducible --chunk-size 64K disk here.gz
far cut=200000
expect_exit 1 "$IMGZ" capture -q "${patient[@]}" --reproducible --chunk-size 64K "$NAME" there.gz
expect_text 'there.gz.partial is kept.*--resume'
far
expect_exit 0 "$IMGZ" capture -q "${patient[@]}" --reproducible --chunk-size 64K --resume \
    "$NAME" there.gz
ok "the same image" cmp here.gz there.gz

# ---- Bad sectors there --------------------------------------------------------------------------

title "bad sectors"
{
    head -c 131072 disk
    head -c 1024 /dev/zero
    tail -c +132097 disk
} >holed
far kind=2 holes=0 bad=131072,132096
expect_exit 4 "$IMGZ" capture -q "${patient[@]}" --on-error=zero "$NAME" bad.gz
ok "zeros for exactly those" gunzips_to bad.gz holed
expect_exit 1 "$IMGZ" capture -q "${patient[@]}" "$NAME" stopped.gz
expect_text 'at offset 131072: Input/output error'
far kind=2 holes=0 bad=0,300000
expect_exit 1 "$IMGZ" capture -q "${patient[@]}" --on-error=zero "$NAME" none.gz
expect_text 'the device is gone'
no "no image" test -e none.gz
# To try it again and again would take for ever.
for code in 4 11 125; do
    far kind=2 holes=0 bad=131072,132096 "then=$code"
    expect_exit 1 "$IMGZ" capture -q "${patient[@]}" --on-error=zero --discard-partial \
        "$NAME" again.gz
    expect_text ': Protocol error'
done

# ---- Images -------------------------------------------------------------------------------------

# image_refused CODE LIE... : no job takes an image that the other host lies about.
image_refused() {
    local code=$1 job
    shift
    far "$@"
    IMGZ_SSH=${IMGZ_SSH/ disk/ here.gz}
    title "an image: $*"
    for job in "verify -q" "restore -q" "verify -q --scrub"; do
        local target=()
        [[ $job != restore* ]] || target=(back)
        # shellcheck disable=SC2086 # words
        expect_exit "$code" "$IMGZ" $job "$NAME" "${target[@]}"
        expect_text '^imgz: .*ssh://far/dev/xvda'
    done
    no "nothing was restored" test -e back
    rm -f back.partial
}

image_refused 3 flip=100000
image_refused 3 zeros
image_refused 3 size=200000
image_refused 1 cut=100000
image_refused 1 fail=data,5,
image_refused 3 size=400000
far
IMGZ_SSH=${IMGZ_SSH/ disk/ here.gz}
expect_exit 0 "$IMGZ" restore -q "$NAME" back
ok "it can be restored" cmp disk back

# ---- Silence ------------------------------------------------------------------------------------

for message in greeting opened data extent; do
    title "silent in place of $message"
    far "silent=$message"
    launch "$IMGZ" capture -q "${patient[@]}" "$NAME" silent.gz
    wait_until test -e silent
    sleep 0.3
    kill -INT "$CHILD"
    reap
    equal "Ctrl-C is heard" "$CODE" 130
    absent silent.gz
    rm -f silent
done

# One that does not end by itself could not be killed any more, and was waited for.
title "a client that stays"
honest stay
far stay
expect_exit 0 "$IMGZ" capture -q "${patient[@]}" "$NAME" stay.gz
ok "the image is right" gunzips_to stay.gz disk
while read -r pid; do
    kill "$pid" 2>/dev/null
done <stay

title "no client at all"
IMGZ_SSH=true
expect_error 1 'the connection was closed' -- "$IMGZ" hash "$NAME"
expect_error 1 'the connection was closed' -- "$IMGZ" hash --remote-imgz /far/imgz "$NAME"
IMGZ_SSH=false
expect_error 1 'the connection was closed' -- "$IMGZ" hash "$NAME"
IMGZ_SSH="sh -c 'echo first >&2; printf \"why \\033[31m\\r\\n\" >&2; exit 255'"
expect_error 1 'ssh://far/dev/xvda: why \?\[31m; see whether' -- "$IMGZ" hash "$NAME"
ok "printable" printable

finish
