#!/usr/bin/env bash
# quick
# SPDX-License-Identifier: MIT
# XXH3 and CRC-32 find accidents. A drive that was changed on purpose keeps both (twin.py), and used
# to pass every comparison; with a digest that is recorded, with --paranoid, or with the chunk hash
# sha256 it does not.
source "$(dirname "$0")/lib.sh"
source "$HERE/faultdisk.sh"
need python3 cmp sha256sum
need_loop

MIB=1048576
PLACE=$((3 * MIB + 8192))
fill text $((4 * MIB)) 1 >disk
truncate -s $((6 * MIB)) disk
fill random $((2 * MIB)) 2 >>disk
cp disk twin
ok "a twin" python3 "$HERE/twin.py" plant twin $PLACE $MIB 'changed on purpose'
no "has other bytes" cmp -s disk twin
equal "but the same root hash" "$(root_of twin)" "$(root_of disk)"
expect_exit 0 "$IMGZ" capture -q disk plain.gz
expect_exit 0 "$IMGZ" capture -q --digest sha256,md5 disk disk.gz
SHA256=$(sha256sum <disk | cut -d ' ' -f 1)

# compared NAME...: the last report says that these digests were compared with recorded ones.
compared() {
    equal "compared: $*" "$(python3 -c 'import json, sys
print(*json.load(open(sys.argv[1]))["compared_digests"])' "$OUT")" "$*"
}

title "verify --against"
expect_exit 0 "$IMGZ" verify -q disk.gz --against twin
expect_error 3 'sha256 is' "$SHA256" 'on purpose' -- \
    "$IMGZ" verify --digest sha256 disk.gz --against twin
run "$IMGZ" verify --json --digest md5 disk.gz --against twin
equal "md5 does as well" "$CODE" 3
compared md5
expect_exit 3 "$IMGZ" verify -q --digest sha256 disk.gz --against - < <(cat twin)
expect_exit 0 "$IMGZ" verify --json --digest sha1,sha256 disk.gz --against disk
compared sha256
expect_exit 0 "$IMGZ" verify --digest sha1 disk.gz --against disk
expect_text 'records no sha1'
expect_exit 0 "$IMGZ" verify --digest sha256 disk.gz --against disk
no "there is nothing else to say" grep -q 'records no' "$ERR"

title "verify --against --paranoid"
expect_exit 3 "$IMGZ" verify --paranoid plain.gz --against twin
expect_text 'they differ in 1 of 8 chunks of 1024 KiB, the first at offset 3145728'
for options in '' '--direct=on' '--threads 1' '--digest sha256'; do
    # shellcheck disable=SC2086 # options are words
    expect_exit 0 "$IMGZ" verify -q --paranoid $options disk.gz --against disk
    # shellcheck disable=SC2086
    expect_exit 3 "$IMGZ" verify -q --paranoid $options disk.gz --against twin
done
expect_exit 0 "$IMGZ" verify -q --paranoid plain.gz --against - < <(cat disk)
expect_exit 3 "$IMGZ" verify -q --paranoid plain.gz --against - < <(cat twin)
cp disk other
printf 'x' | dd of=other bs=1 seek=$((4 * MIB + 5)) conv=notrunc status=none
python3 "$LAYOUT" put other $((6 * MIB)) zero $MIB 1
run "$IMGZ" verify --json --paranoid plain.gz --against other
ok "chunks are counted, in a run of zeros as well" python3 -c 'import json, sys
report = json.load(open(sys.argv[1]))
assert report["bad_chunk_count"] == 2 and report["bad_offset"] == 4194304, report' "$OUT"
for bytes in $((4 * MIB)) $((8 * MIB - 1)) $((8 * MIB + 1)); do
    cp disk other
    truncate -s "$bytes" other
    expect_error 3 "it has .*[( ]$bytes bytes" -- "$IMGZ" verify --paranoid plain.gz --against other
    expect_exit 3 "$IMGZ" verify --paranoid plain.gz --against - < <(cat other)
done
cp plain.gz bad.gz
flip bad.gz 100000
expect_error 3 'checking bad.gz at offset' -- "$IMGZ" verify --paranoid bad.gz --against disk
expect_error 2 'paranoid needs against' -- "$IMGZ" verify --paranoid disk.gz
expect_error 2 'paranoid needs read-back or only-' -- "$IMGZ" restore --paranoid disk.gz back
absent back

title "the chunk hash sha256"
expect_exit 0 "$IMGZ" capture --chunk-hash sha256 disk sha.gz
ROOT=$(root_of --chunk-hash sha256 disk)
equal "64 digits" ${#ROOT} 64
expect_text "^root hash  $ROOT$"
expect_exit 0 "$IMGZ" info sha.gz
expect_out '^chunk hash  sha256$'
expect_out "^root hash   $ROOT$"
expect_out '^format      imgz 2,'
for command in 'capture --force --chunk-hash sha256 disk sha.gz' 'hash sha.gz' 'verify sha.gz' \
    'verify --scrub sha.gz' 'restore --force sha.gz back' 'info sha.gz' \
    'verify sha.gz --against disk' 'verify --paranoid sha.gz --against disk'; do
    # shellcheck disable=SC2086 # words
    expect_exit 0 "$IMGZ" ${command%% *} --json ${command#* }
    ok "${command%% *} knows it" grep -Eq \
        "\"chunk_hash\": \"sha256\", \"root_hash\": \"$ROOT\"" "$OUT"
done
no "the twin has another root hash" test "$(root_of --chunk-hash sha256 twin)" = "$ROOT"
expect_exit 0 "$IMGZ" hash --chunk-hash sha256 sha.gz
expect_out "^IMGZ-ROOT-SHA256 \(sha.gz\) = $ROOT$"
expect_exit 0 "$IMGZ" hash --chunk-hash sha256 --chunk-size 64K disk
expect_out '^IMGZ-ROOT-SHA256-65536 '
expect_error 2 'has the chunk hash sha256, not xxh3' -- "$IMGZ" hash --chunk-hash xxh3 sha.gz
expect_error 2 'has the chunk hash xxh3, not sha256' -- "$IMGZ" hash --chunk-hash sha256 disk.gz
equal "the way round that is named" \
    "$("$IMGZ" restore -q disk.gz - | "$IMGZ" hash --chunk-hash sha256 - | sed 's/.*= //')" "$ROOT"
expect_error 2 'xxh3 or sha256' -- "$IMGZ" hash --chunk-hash md5 disk
for option in '' --direct=on --paranoid '--threads 1' '--digest md5'; do
    # shellcheck disable=SC2086 # words
    expect_exit 0 "$IMGZ" verify -q $option sha.gz --against disk
    # shellcheck disable=SC2086
    expect_exit 3 "$IMGZ" verify $option sha.gz --against twin
    expect_text 'differ in 1 of 8 chunks of 1024 KiB, the first at offset 3145728'
done
expect_exit 3 "$IMGZ" verify -q sha.gz --against - < <(cat twin)
# Of an image with another hash the disk is hashed anew.
expect_exit 0 "$IMGZ" capture -q --chunk-size 64K twin twin.gz
expect_exit 0 "$IMGZ" capture -q --chunk-size 64K --chunk-hash sha256 twin twinsha.gz
for pair in 'sha.gz disk.gz' 'disk.gz sha.gz' 'twinsha.gz twin.gz' 'twin.gz twinsha.gz'; do
    expect_exit 0 "$IMGZ" verify -q "${pair% *}" --against "${pair#* }"
done
for pair in 'sha.gz twin.gz' 'sha.gz twinsha.gz' 'twinsha.gz disk.gz' 'twinsha.gz sha.gz'; do
    expect_exit 3 "$IMGZ" verify -q "${pair% *}" --against "${pair#* }"
done
cp sha.gz bad.gz
flip bad.gz 100000
expect_error 3 'checking bad.gz at offset' -- "$IMGZ" verify bad.gz
# A reader of version 1 must not take it for damaged, but say what it is: gunzip can read it.
ok "gunzip reads it" gunzips_to sha.gz disk

rm back

title "the chunk hash sha256: going on and going back"
expect_exit 0 "$IMGZ" capture -q --reproducible --chunk-hash sha256 disk whole.gz
head -c $(($(stat -c %s whole.gz) / 2)) whole.gz >long.gz.partial
expect_error 1 'started with the chunk hash sha256' -- "$IMGZ" capture --resume disk long.gz
cp long.gz.partial kept
expect_exit 0 "$IMGZ" capture --resume --reproducible --chunk-hash sha256 disk long.gz
expect_text '^resumed'
ok "the same image" cmp long.gz whole.gz
# The samples are compared by it: the twin is another disk.
rm long.gz
cp kept long.gz.partial
expect_error 1 'differs from long.gz.partial' -- \
    "$IMGZ" capture --resume --chunk-hash sha256 twin long.gz
rm long.gz.partial
printf '0 + 1\n0 %d +\n%d 512 ?\n%d %d +\n' $((5 * MIB)) $((5 * MIB)) $((5 * MIB + 512)) \
    $((3 * MIB - 512)) >sha.map
cp sha.map again.map
expect_error 2 'not xxh3' -- "$IMGZ" capture --chunk-hash xxh3 --map again.map disk sha.gz
expect_exit 0 "$IMGZ" capture -q --map sha.map disk sha.gz
expect_exit 0 "$IMGZ" verify -q sha.gz
equal "a mended image has it" "$(root_of sha.gz)" "$ROOT"

title "an image whose digest is that of another disk"
expect_exit 0 "$IMGZ" capture -q --digest sha256 twin lying.gz
ok "the metadata lies" python3 "$HERE/damage.py" meta lying.gz \
    "$(sha256sum <twin | cut -d ' ' -f 1)" "$SHA256"
expect_exit 0 "$IMGZ" verify -q lying.gz
expect_error 3 'sha256 is' "recorded as $SHA256" -- "$IMGZ" verify --digest sha256 lying.gz
expect_error 3 'sha256 is' "recorded as $SHA256" -- "$IMGZ" hash --digest sha256 lying.gz
expect_error 3 'sha256 is' "recorded as $SHA256" -- "$IMGZ" restore --digest sha256 lying.gz back
absent back
expect_exit 0 "$IMGZ" verify --json --digest md5,sha256 disk.gz
compared md5 sha256
# Going back for 512 bytes: what the image says of itself is proven before it is said again.
printf '0 + 1\n0 %d +\n%d 512 ?\n%d %d +\n' $((5 * MIB)) $((5 * MIB)) $((5 * MIB + 512)) \
    $((3 * MIB - 512)) >lying.map
cp lying.gz before.gz
expect_error 3 'sha256 is' "recorded as $SHA256" -- \
    "$IMGZ" capture --map lying.map disk lying.gz
ok "the image is as it was" cmp lying.gz before.gz
cp lying.map disk.map
cp disk.gz mended.gz
expect_exit 0 "$IMGZ" capture -q --map disk.map disk mended.gz
expect_exit 0 "$IMGZ" verify -q --digest sha256,md5 mended.gz

title "restore --only-changed and --resume, to a device that holds the twin"
cp twin changed
attach changed --direct-io=on
for option in --only-changed --resume; do
    expect_exit 0 "$IMGZ" restore -q $option plain.gz "$LOOP"
    no "$option left it" cmp -s disk "$LOOP"
    expect_error 3 'sha256' 'target already held' -- \
        "$IMGZ" restore --yes $option --digest sha256 disk.gz "$LOOP"
    expect_exit 0 "$IMGZ" restore --json --paranoid $option plain.gz "$LOOP"
    ok "$option --paranoid wrote that chunk" python3 -c 'import json, sys
assert json.load(open(sys.argv[1]))["same_bytes"] == 7 << 20' "$OUT"
    ok "now it is the disk" cmp disk "$LOOP"
    ok "a twin" python3 "$HERE/twin.py" plant "$LOOP" $PLACE $MIB 'changed on purpose'
    expect_exit 0 "$IMGZ" restore --json $option sha.gz "$LOOP"
    ok "$option by sha256 wrote that chunk" grep -q "\"same_bytes\": $((7 * MIB))," "$OUT"
    ok "now it is the disk" cmp disk "$LOOP"
    expect_exit 0 "$IMGZ" restore --json --paranoid $option plain.gz "$LOOP"
    ok "and nothing is written" grep -q '"same_bytes": 8388608' "$OUT"
    ok "a twin" python3 "$HERE/twin.py" plant "$LOOP" $PLACE $MIB 'changed on purpose'
done
expect_exit 0 "$IMGZ" restore -q --paranoid --only-changed - "$LOOP" <plain.gz
ok "from a pipe, too" cmp disk "$LOOP"
ok "a twin" python3 "$HERE/twin.py" plant "$LOOP" $PLACE $MIB 'changed on purpose'
expect_exit 0 "$IMGZ" restore -q --only-changed - "$LOOP" <sha.gz
ok "from a pipe by sha256" cmp disk "$LOOP"

title "restore --read-back, from a drive that keeps what it had"
cp twin backing
serve_disk backing mnt
attach mnt/disk --direct-io=on
rule "lose $PLACE 4096"
expect_exit 0 "$IMGZ" restore -q --read-back disk.gz "$LOOP"
no "it kept it" cmp -s disk "$LOOP"
for image in disk.gz plain.gz; do
    expect_error 3 'reading back' 'sha256' "$SHA256" -- \
        "$IMGZ" restore --yes --read-back --digest sha256 $image "$LOOP"
done
expect_error 3 'reading back' '1 of 8 chunks' -- \
    "$IMGZ" restore --yes --read-back --paranoid plain.gz "$LOOP"
expect_error 3 'reading back' '1 of 8 chunks' -- \
    "$IMGZ" restore --yes --read-back sha.gz "$LOOP"
expect_error 3 'reading back' '1 of 8 chunks' -- \
    "$IMGZ" restore --yes --read-back - "$LOOP" <sha.gz
expect_error 2 'as a file' -- "$IMGZ" restore --yes --read-back --paranoid - "$LOOP" <plain.gz
rule clear
expect_exit 0 "$IMGZ" restore -q --read-back --paranoid plain.gz "$LOOP"
rule clear "fail r $((4 * MIB + 512)) 512 5 -1"
expect_error 1 "offset $((4 * MIB + 512))" -- "$IMGZ" verify --paranoid plain.gz --against "$LOOP"

finish
