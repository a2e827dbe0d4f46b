#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# --resume: an interrupted capture or restore goes on from where it stopped, believes nothing it
# finds, and ends as an uninterrupted one would have.
source "$(dirname "$0")/lib.sh"
need python3 cmp gzip sha256sum

MIB=1048576
fill mixed $((12 * MIB)) 1 >disk
truncate -s $((20 * MIB)) disk
fill random $((3 * MIB)) 2 >>disk
printf 'the end' >>disk
RAW=$(stat -c %s disk)
expect_exit 0 "$IMGZ" capture -q --reproducible disk whole.gz
WHOLE=$(stat -c %s whole.gz)

# resumed NAME AT_LEAST [OPTION...]: goes on from disk.gz.partial to the image above; at least so
# many bytes of the disk are not read again.
resumed() {
    local name=$1 least=$2
    shift 2
    expect_exit 0 "$IMGZ" capture --resume --reproducible --json "$@" disk disk.gz
    ok "$name: the disk is in it" gunzips_to disk.gz disk
    ok "$name: byte for byte the same" cmp disk.gz whole.gz
    ok "$name: $least bytes taken over" python3 -c 'import json, sys
report = json.load(open(sys.argv[1]))
assert report["raw_bytes"] == int(sys.argv[3]), report
assert report["resumed_bytes"] >= int(sys.argv[2]), report' "$OUT" "$least" "$RAW"
    ok "$name: nothing is left" test ! -e disk.gz.partial
    rm -f disk.gz
}

# stamp FILE: as a run does whose it is.
stamp() {
    python3 -c 'import os, sys
os.setxattr(sys.argv[1], "user.imgz.partial", b"1")' "$1"
}

title "capture: nothing to go on from"
expect_exit 0 "$IMGZ" capture --resume disk disk.gz
no "nothing is said of resuming" grep -q resumed "$ERR"
rm disk.gz
resumed "no file" 0
: >disk.gz.partial
resumed "an empty file" 0
head -c 20 whole.gz >disk.gz.partial
stamp disk.gz.partial
resumed "half a header" 0
fill random 100000 5 >disk.gz.partial
stamp disk.gz.partial
resumed "no image" 0

title "capture: cut anywhere"
for bytes in 34 35 433 434 435 100000 1048576 $((WHOLE / 3)) $((WHOLE / 2)) $((WHOLE - 3 * MIB)) \
    $((WHOLE - 2000)) $((WHOLE - 700)) $((WHOLE - 1)) "$WHOLE"; do
    head -c "$bytes" whole.gz >disk.gz.partial
    resumed "the first $bytes bytes" 0 --threads $((1 + bytes % 3))
done
head -c $((WHOLE - 1)) whole.gz >disk.gz.partial
resumed "all but one byte" "$RAW"
head -c $((WHOLE / 2)) whole.gz >disk.gz.partial
expect_exit 0 "$IMGZ" capture --resume --json --digest sha256,md5 disk disk.gz
ok "the digest is of the whole disk" grep -q "$(sha256sum <disk | cut -c 1-64)" "$OUT"
ok "with digests: the same disk" gunzips_to disk.gz disk
expect_exit 0 "$IMGZ" verify -q --digest md5 disk.gz
rm disk.gz

title "capture: what is there is checked"
head -c $((WHOLE / 2)) whole.gz >disk.gz.partial
flip disk.gz.partial $((WHOLE / 4))
resumed "a bit has flipped" $((MIB))
cp whole.gz disk.gz.partial
dd if=/dev/zero of=disk.gz.partial bs=4096 seek=$((WHOLE / 8192)) count=1 conv=notrunc status=none
resumed "a block was never written" $((MIB))
head -c $((WHOLE / 2)) whole.gz >disk.gz.partial
fill random 3000000 9 >>disk.gz.partial
resumed "there is rubbish behind it" $((5 * MIB))
head -c $((WHOLE / 2)) whole.gz >disk.gz.partial
truncate -s $((WHOLE + 70 * MIB)) disk.gz.partial
resumed "the file was made longer ahead" $((5 * MIB))

# refused PATTERN [OPTION...]: disk.gz.partial stays as it is, and there is no image.
refused() {
    local pattern=$1 before
    shift
    before=$(sha256sum <disk.gz.partial)
    expect_error 1 "$pattern" 'disk\.gz\.partial' -- "$IMGZ" capture --resume "$@" disk disk.gz
    equal "the file is as it was" "$(sha256sum <disk.gz.partial)" "$before"
    ok "no image" test ! -e disk.gz
}

title "capture: another disk"
fill mixed "$RAW" 7 >other
expect_exit 0 "$IMGZ" capture -q other other.gz
head -c $(($(stat -c %s other.gz) / 2)) other.gz >disk.gz.partial
refused 'differs from disk.gz.partial at offset'
head -c $((WHOLE / 2)) whole.gz >disk.gz.partial
refused 'chunks of 1024 KiB' --chunk-size 64K
# A blank disk leaves nothing but zeros; the other has data at its start only, or at its end.
truncate -s "$RAW" blank
expect_exit 0 "$IMGZ" capture -q blank blank.gz
for place in 5000 $((RAW - 3)); do
    cp disk kept
    truncate -s 0 disk
    truncate -s "$RAW" disk
    python3 "$LAYOUT" put disk "$place" text 3 3
    head -c $(($(stat -c %s blank.gz) - 700)) blank.gz >disk.gz.partial
    refused 'differs from disk.gz.partial at offset'
    mv kept disk
done
head -c $((WHOLE / 2)) whole.gz >disk.gz.partial
truncate -s +1M disk
refused "has .*[( ]$((RAW + MIB))"
truncate -s "$RAW" disk
resumed "after all" $((5 * MIB))

title "capture: somebody else's file"
cp whole.gz mine
ln -s mine disk.gz.partial
expect_error 1 'not a regular file of yours' -- "$IMGZ" capture --resume disk disk.gz
ok "the link is still there" test -L disk.gz.partial
rm disk.gz.partial
ln mine disk.gz.partial
refused 'not a regular file of yours'
rm disk.gz.partial
cp whole.gz disk.gz.partial
chmod 666 disk.gz.partial
refused 'not a regular file of yours'
rm disk.gz.partial
mkfifo disk.gz.partial
expect_error 1 'not a regular file of yours' -- "$IMGZ" capture --resume disk disk.gz
rm disk.gz.partial
if have_root; then
    cp whole.gz disk.gz.partial
    chown 1 disk.gz.partial
    refused 'not a regular file of yours'
    rm disk.gz.partial
fi
cp whole.gz disk.gz.partial
exec 9<disk.gz.partial
flock -n 9
refused 'being written by another imgz'
exec 9<&-
rm disk.gz.partial

title "capture: what fails is kept, by request"
(
    ulimit -f $((WHOLE / 2 / 1024))
    "$IMGZ" capture --resume --reproducible disk disk.gz 2>err
    echo $? >code
)
equal "it fails" "$(cat code)" 1
ok "the error says why" grep -q '^imgz: .*File too large' err
ok "and what to do" grep -q '; disk.gz.partial is kept: run the same command to go on' err
resumed "after a full disk" $((4 * MIB))
(
    ulimit -f $((WHOLE / 2 / 1024))
    "$IMGZ" capture --reproducible disk disk.gz 2>err
)
ok "without --resume it is told" grep -q '; disk.gz.partial is kept: add --resume to go on' err
resumed "that is kept, too" $((4 * MIB))
: >disk.gz
rm -f disk.gz.partial
expect_error 1 'exists' -- "$IMGZ" capture --resume disk disk.gz
rm disk.gz
expect_error 1 'No such file' -- "$IMGZ" capture --resume missing disk.gz
absent disk.gz

title "capture: killed"
fill mixed $((48 * MIB)) 11 >big
expect_exit 0 "$IMGZ" capture -q -9 --reproducible big big.whole
for signal in KILL INT; do
    launch "$IMGZ" capture -q -9 --resume --reproducible big big.gz
    far() { (($(stat -c %b big.gz.partial 2>/dev/null || echo 0) > 8192)); }
    wait_until far
    kill "-$signal" "$CHILD"
    reap
    ok "$signal: it was interrupted" test ! -e big.gz -a -e big.gz.partial
    expect_exit 0 "$IMGZ" capture -9 --resume --reproducible big big.gz
    expect_text '^resumed .*not read again'
    ok "$signal: byte for byte the same" cmp big.gz big.whole
    rm big.gz
done

title "capture: pipes"
expect_error 2 'standard input is a pipe' -- "$IMGZ" capture --resume - disk.gz
expect_error 2 'standard output is a pipe' -- "$IMGZ" capture --resume disk -

title "restore"
# restored NAME: goes on from copy.partial.
restored() {
    expect_exit 0 "$IMGZ" restore --resume --json whole.gz copy
    ok "$1: the same disk" cmp copy disk
    ok "$1: nothing is left" test ! -e copy.partial
    mv copy was
}
same_is() { # same_is BYTES
    ok "$1 bytes were there" grep -q "\"same_bytes\": $1," "$OUT"
}
restored "no file"
same_is 0
cp --sparse=always disk copy.partial
stamp copy.partial
restored "all of it"
same_is "$RAW"
head -c $((5 * MIB + 1000)) disk >copy.partial
stamp copy.partial
restored "a beginning"
fill random $((RAW + 5 * MIB)) 21 >copy.partial
stamp copy.partial
restored "rubbish, and too long"
same_is 0
if have_holes; then
    ok "its zeros are holes again" test "$(stat -c %b was)" -lt $(((RAW - 6 * MIB) / 512))
fi
cp disk copy.partial
stamp copy.partial
fill random 5000 22 | dd of=copy.partial bs=1 seek=$((14 * MIB + 77)) conv=notrunc status=none
flip copy.partial $((2 * MIB))
flip copy.partial $((RAW - 1))
restored "bytes that were not there"
expect_exit 0 "$IMGZ" restore -q --resume - copy <whole.gz
ok "an image from a pipe" cmp copy disk
rm copy
(
    ulimit -f $((8 * 1024))
    "$IMGZ" restore --resume whole.gz copy 2>err
    echo $? >code
)
equal "it fails" "$(cat code)" 1
ok "and says what to do" grep -q 'use more space\|File too large' err
rm -f copy.partial
mkfifo pipe
launch "$IMGZ" restore -q --resume pipe copy
exec 9>pipe
head -c $(($(stat -c %s big.whole) / 2)) big.whole >&9
has_some() { (($(stat -c %b copy.partial 2>/dev/null || echo 0) > 16384)); }
wait_until has_some
kill -9 "$CHILD"
reap
exec 9>&-
ok "there is something to go on from" test ! -e copy -a -e copy.partial
expect_exit 0 "$IMGZ" restore --resume --json big.whole copy
ok "after kill -9: the same disk" cmp copy big
ok "after kill -9: not all was written again" python3 -c 'import json, sys
assert json.load(open(sys.argv[1]))["same_bytes"] >= 8 * 1048576' "$OUT"
rm copy
expect_error 2 'cannot be resumed' -- "$IMGZ" restore --resume whole.gz -
head -c 3000000 whole.gz >bad.gz
cp disk copy.partial
stamp copy.partial
expect_error 3 'bad.gz' -- "$IMGZ" restore --resume bad.gz copy
ok "a bad image costs nothing" cmp copy.partial disk
rm copy.partial

if have_loop; then
    title "restore to a device"
    truncate -s $((RAW + MIB)) backing
    head -c $((6 * MIB)) disk | dd of=backing conv=notrunc status=none
    attach backing
    expect_exit 0 "$IMGZ" restore --resume --json whole.gz "$LOOP"
    ok "the same disk" cmp -n "$RAW" disk "$LOOP"
    ok "what was there is not written" python3 -c 'import json, sys
assert json.load(open(sys.argv[1]))["same_bytes"] >= 6 * 1048576' "$OUT"
else
    skip device "no loop devices"
fi

finish
