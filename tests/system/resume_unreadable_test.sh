#!/usr/bin/env bash
# quick
# SPDX-License-Identifier: MIT
# capture --resume of a drive with bad sectors: those that the interrupted run met are not
# forgotten, and nothing that only its map knows is taken over without it.
source "$(dirname "$0")/lib.sh"
source "$HERE/faultdisk.sh"
need python3 cmp gunzip
need_loop

MIB=1048576
fill mixed $((24 * MIB)) 1 >backing
RAW=$(stat -c %s backing)
serve_disk backing mnt
rule clear 'fail r 1049088 512 5 -1' "fail r $((11 * MIB)) 1536 5 -1"
zero=(--on-error=zero --reproducible)
expect_exit 4 "$IMGZ" capture --json "${zero[@]}" --map whole.map mnt/disk zeroed.gz
WANTED=$(grep -o '"unreadable_bytes": [1-9][0-9]*, "unreadable_range_count": 2' "$OUT")
WHOLE=$(stat -c %s zeroed.gz)

# interrupted: leaves disk.gz.partial, with its map.
interrupted() {
    rm -f disk.gz* disk.map
    (
        ulimit -f $((WHOLE / 2 / 1024))
        "$IMGZ" capture -q --resume "${zero[@]}" --map disk.map mnt/disk disk.gz 2>err
    )
    ok "it is there, and marked" test -k disk.gz.partial
}
# mended: it is what an uninterrupted run makes.
mended() {
    expect_exit 4 "$IMGZ" capture --resume "${zero[@]}" --map disk.map --json mnt/disk disk.gz
    ok "$1: byte for byte the same" cmp disk.gz zeroed.gz
    ok "$1: all of it is told" grep -q "${WANTED:?}" "$OUT"
    ok "$1: the same map" cmp <(grep -v '^#' disk.map) <(grep -v '^#' whole.map)
    no "$1: no mark" test -k disk.gz
}

title "with its map"
interrupted
mended "with its map"
no "not all was read again" grep -q '"resumed_bytes": 0,' "$OUT"

title "with a map of its own"
# Nobody asked for one: it lies beside what is left, and goes with it.
unmapped() {
    rm -f disk.gz*
    (
        ulimit -f $((WHOLE / 2 / 1024))
        "$IMGZ" capture -q "${zero[@]}" mnt/disk disk.gz 2>err
    )
    ok "it is there, and marked" test -k disk.gz.partial
    ok "it can be gone on with" grep -q 'disk.gz.partial is kept: add --resume' err
    ok "and its map" test -s disk.gz.partial.map
}
# completed JOB: it is what an uninterrupted run makes.
completed() {
    ok "$1: byte for byte the same" cmp disk.gz zeroed.gz
    ok "$1: all of it is told" grep -q "${WANTED:?}" "$OUT"
    no "$1: not all was read again" grep -q '"resumed_bytes": 0,' "$OUT"
    no "$1: the map is gone" test -e disk.gz.partial.map
}
unmapped
expect_exit 4 "$IMGZ" capture --resume "${zero[@]}" --json mnt/disk disk.gz
completed "--resume"
unmapped
rm -f disk.map
expect_exit 4 "$IMGZ" capture --resume "${zero[@]}" --map disk.map --json mnt/disk disk.gz
completed "--resume with a map from now on"
ok "the same map" cmp <(grep -v '^#' disk.map) <(grep -v '^#' whole.map)
unmapped
rule clear "fail r $((18 * MIB)) 512 5 -1"
expect_error 1 'cannot be read|reading' -- "$IMGZ" capture --resume --reproducible mnt/disk disk.gz
ok "the map is kept with what is kept" test -s disk.gz.partial.map
rule clear
expect_exit 4 "$IMGZ" capture --resume --reproducible --json mnt/disk disk.gz
ok "what the first run could not read is told" grep -q "$WANTED" "$OUT"
cp backing disk
zeroed $MIB 4096 $((11 * MIB)) 4096
ok "what the first run could not read is zeros, the rest is there" gunzips_to disk.gz wanted
no "no map" test -e disk.gz.partial.map
rule clear 'fail r 1049088 512 5 -1' "fail r $((11 * MIB)) 1536 5 -1"
unmapped
rm disk.gz.partial.map
expect_error 2 'disk\.gz\.partial has zeros' -- \
    "$IMGZ" capture --resume "${zero[@]}" mnt/disk disk.gz
expect_exit 4 "$IMGZ" capture --discard-partial "${zero[@]}" --json mnt/disk disk.gz
ok "from the beginning" cmp disk.gz zeroed.gz
absent disk.gz.partial disk.gz.partial.map

title "what could not be read can be now"
interrupted
rule clear
expect_exit 4 "$IMGZ" capture --resume "${zero[@]}" --map disk.map mnt/disk disk.gz
expect_text 'unreadable'
expect_exit 0 "$IMGZ" capture "${zero[@]}" --map disk.map mnt/disk disk.gz
ok "all is there" gunzips_to disk.gz backing
rule 'fail r 1049088 512 5 -1' "fail r $((11 * MIB)) 1536 5 -1"

title "a dead area, in which it is killed"
# Nothing of that is in the file: it may be the beginning of a run of zeros.
rm -f disk.gz* disk.map
rule clear
attach mnt/disk --direct-io=on
DEAD=$((12 * MIB))
rule clear "fail r $DEAD $((4 * MIB)) 5 -1" "slow $((16 * MIB)) 65536 -1"
launch "$IMGZ" capture --resume --threads 1 "${zero[@]}" --map disk.map "$LOOP" disk.gz
dead_in_map() {
    local at bytes status
    while read -r at bytes status; do
        [[ $status != - ]] || ((at != DEAD)) || echo $((bytes))
    done <disk.map
}
dead_at_least() { (($(dead_in_map) >= $1)); }
ok "the map has some of it" wait_until dead_at_least $MIB
kill -9 "$CHILD"
rule clear
reap
BAD=$(dead_in_map)
expect_exit 4 "$IMGZ" capture --resume --json "${zero[@]}" --map disk.map "$LOOP" disk.gz
expect_out "\"unreadable_bytes\": $BAD, \"unreadable_range_count\": 1,"
no "it is not tried again" asked $DEAD "$BAD"
ok "what lies behind it is read" asked $((DEAD + BAD)) $MIB
cp backing disk
zeroed $DEAD "$BAD"
ok "and is there" gunzips_to disk.gz wanted
expect_exit 0 "$IMGZ" capture -q "${zero[@]}" --map disk.map "$LOOP" disk.gz
ok "it can be tried another day" gunzips_to disk.gz backing
detach "$LOOP"
rule clear 'fail r 1049088 512 5 -1' "fail r $((11 * MIB)) 1536 5 -1"

title "a file system that knows no marks"
if have strace && [[ -z $SANITIZED ]]; then
    without_marks=(strace -f -qq -o trace -e trace=fchmod -e inject=fchmod:error=EPERM)
else
    without_marks=()
    skip "no marks" "needs strace, and no sanitizer"
fi
if ((${#without_marks[@]} > 0)); then
    rm -f disk.gz* disk.map
    (
        ulimit -f $((WHOLE / 2 / 1024))
        "${without_marks[@]}" "$IMGZ" capture -q --resume "${zero[@]}" --map disk.map mnt/disk \
            disk.gz 2>err
    )
    no "it is not marked" test -k disk.gz.partial
    expect_error 2 'disk\.gz\.partial has zeros' -- \
        "${without_marks[@]}" "$IMGZ" capture --resume mnt/disk disk.gz
    mended "with its map"
    absent disk.gz.partial disk.gz.partial.map
fi

title "a copy that lost its mark"
interrupted
cp disk.map lags.map
chmod -t disk.gz.partial
printf '0x0 + 1\n0x0 0x%x +\n' $((MIB / 2)) >disk.map
mended "with a map that lags behind"

title "without it, or with another"
interrupted
expect_error 2 'disk\.gz\.partial has zeros' -- "$IMGZ" capture --resume mnt/disk disk.gz
expect_error 2 'disk\.gz\.partial has zeros' -- \
    "$IMGZ" capture --resume --map none mnt/disk disk.gz
printf '0x0 + 1\n0x0 0x%x +\n' $((MIB / 2)) >disk.map
mended "with a map that lags behind"
ok "what it does not know is read" grep -q '"resumed_bytes": 0,' "$OUT"
interrupted
printf '0x0 + 1\n0x0 0x%x +\n' $((RAW + MIB)) >disk.map
expect_error 1 'map is for a larger disk' -- \
    "$IMGZ" capture --resume "${zero[@]}" --map disk.map mnt/disk disk.gz
rm -f disk.gz.partial

finish
