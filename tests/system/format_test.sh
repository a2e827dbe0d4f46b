#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The bytes of an image are those that engine/FORMAT.md describes, now and in later versions: its
# examples are what imgz makes, a reader that was written from it alone reads what imgz writes, and
# whole images are pinned by their sha256. One disk gives one image, however its zeros come.
source "$(dirname "$0")/lib.sh"
need python3 cmp gunzip sha256sum
FORMAT=${IMGZ_SOURCE:-$HERE/../..}/engine/FORMAT.md
READER=$HERE/imgz_reader.py

# capture DISK IMAGE [options]: what is not META of this machine; chunks of 64 KiB.
capture() {
    local disk=$1 image=$2
    shift 2
    expect_exit 0 "$IMGZ" capture -q --force --reproducible --chunk-size 64K "$@" "$disk" "$image"
}

# said KEY: of the last summary of the reader.
said() {
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' said "$1"
}

# reads IMAGE DISK [CHUNK]: the reader likes the image in every way, and finds the disk in it.
reads() {
    local image=$1 disk=$2
    ok "the reader reads $image" bash -c 'python3 "$1" check "$2" >said' - "$READER" "$image"
    equal "$image holds $disk" "$(said sha256)" "$(sha256sum <"$disk" | cut -d ' ' -f 1)"
    equal "$image has the root hash of $disk" "$(said root_hash)" \
        "$(root_of --chunk-size "${3:-64K}" "$disk")"
}

noise() { # noise BYTES: the same bytes for ever, and no shorter by any codec
    python3 -c 'import hashlib, sys
size = int(sys.argv[1])
made = b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(size // 32 + 1))
sys.stdout.buffer.write(made[:size])' "$1"
}

zeros() {
    head -c "$1" /dev/zero
}

title "the examples of FORMAT.md"
# Its commands make the images; its hex is compared with them.
python3 - "$FORMAT" >examples.sh <<'PYTHON'
import re
import sys

print("imgz() { \"$IMGZ\" \"$@\"; }")
print("\n".join(re.findall(r"^```sh\n(.*?)^```$", open(sys.argv[1]).read(), re.M | re.S)))
PYTHON
ok "there are commands" grep -q 'imgz capture' examples.sh
export IMGZ
ok "the commands work" bash -eu examples.sh
python3 "$READER" record hello.gz 34 >hello.note
cat >examples.py <<'PYTHON'
import re
import sys

count = 0
for name, whole, body in re.findall(r"^```hex (\S+)( whole)?\n(.*?)^```$", open(sys.argv[1]).read(),
                                    re.M | re.S):
    image = open(name, "rb").read()
    start = at = int(body.split()[0], 16)
    for line in body.splitlines():
        offset, *said = line.split(" | ")[0].rstrip(" |").split()
        said = bytes.fromhex("".join(said))
        assert int(offset, 16) == at, f"{name}: {line}: this is offset {at:04x}"
        made = image[at:at + len(said)]
        assert said == made, f"{name}: {line}: made {made.hex(' ')}"
        at += len(said)
    assert not whole or (start == 0 and at == len(image)), f"{name}: {start} to {at} is not all"
    count += 1
assert count == int(sys.argv[2]), f"{count} examples"
PYTHON
ok "imgz makes the bytes of the examples" python3 examples.py "$FORMAT" 6
for name in empty hello zeros; do
    reads $name.gz $name
    ok "gunzip reads $name.gz" gunzips_to $name.gz $name
done
no "FORMAT.md is plain ASCII" grep -nP '[^\x00-\x7f]' "$FORMAT"

title "every bit of an image means something"
# Of the reader, so that its agreement is worth something; corrupt_test.sh asks the same of imgz.
ok "of the empty disk's, all" python3 "$READER" flips empty.gz 1
ok "of a run of zeros, all" python3 "$READER" flips zeros.gz 1
capture hello digest.gz --digest sha256
ok "of one with metadata" python3 "$READER" flips digest.gz 5
ok "but nothing to gzip" python3 "$READER" padding digest.gz

title "whole images, for ever"
: >none
printf x >one
seq 1 20000 >text
noise 65536 >chunk
noise 65537 >beyond
{ seq 1 20000 && zeros 300000 && noise 90001 && seq 1 100 && zeros 250000; } >mixed
{ zeros 1000000 && seq 1 5 && zeros 65536; } >last
# golden DISK IMAGE-SHA256 ROOT [options]: level 0, whose bytes no library decides.
golden() {
    local disk=$1 image=$2 root=$3
    shift 3
    capture "$disk" golden.gz --level 0 "$@"
    equal "the image of $disk${1:+ with $*}" "$(sha256sum <golden.gz | cut -d ' ' -f 1)" "$image"
    equal "the root hash of $disk${1:+ with $*}" "$(root_of golden.gz)" "$root"
    ok "the reader reads it" python3 "$READER" check golden.gz
}
golden none \
    45f6e7b8c2ab6b2075d59382fc8e9ca19439b7d70c8a6d2468cddb8e55dae836 \
    99aa06d3014798d86001c324468d497f
golden one \
    82bddf9570dcccc765eae072154838a2df8b658043b55f245bb392393f1f8136 \
    3e64fa272b288c90c3718622e1d9c248
golden text \
    61dc154786598483055ba15089cfba9b54e4ae9ae3e509e8a70c45b6399c1a5e \
    5cf0936907714dfaae13cc5937796ac3
golden chunk \
    bab5113b43c10c8467ee1a217610c32971fcff734dd8d9bc52629eab673c1c4c \
    a793d51c15d134bb26ce793ab11443ad
golden beyond \
    0f1cf0b34557aac2bf958594e991bdca94a5c1ecca85cfed7fa65e9ba6caeadc \
    d0acffb9d837b0034d600fc29e410327
golden mixed \
    1d5f4e24e9b1f973107b74caccfee25541d3f94051f5444babc64d4ac2ac8c0f \
    1117044e014984f1161af2c42370ab35
golden last \
    67a2c4dff0ca2c1812f7f5020c99877c4bb4c14a6b83499d11ed6bbd80d4105c \
    668672314feb8bd2f71a499bbd210c40
golden mixed \
    9bd879f1825c51012f3c7b5dc3af30cdc167628a77f1d35f2909dcb9bd810771 \
    3580cffa2ea015153e9d152159ff306d \
    --chunk-size 1M --threads 3
golden mixed \
    d6cbe04b9468145d8d8d9dad9e326d4e06bbc37ce6f57ede04307bbae9e0d842 \
    3580cffa2ea015153e9d152159ff306d \
    --chunk-size 16M
golden mixed \
    a7d4e35d1db33c0dda6a7044bd702c625d04d4df988652a94caadb5950088020 \
    1117044e014984f1161af2c42370ab35 \
    --digest sha256,md5

title "version 2"
# Another chunk hash, and the root hash that any system's tools make.
root_by_hand() { # root_by_hand DISK CHUNK-BYTES
    python3 -c 'import hashlib, sys
size = int(sys.argv[2])
disk = open(sys.argv[1], "rb").read()
pieces = (disk[at:at + size] for at in range(0, len(disk), size))
hashes = b"".join(hashlib.sha256(piece).digest() for piece in pieces)
print(hashlib.sha256(hashes).hexdigest())' "$@"
}
for disk in none one text chunk beyond mixed last; do
    capture $disk image.gz --chunk-hash sha256
    ok "the reader reads $disk" bash -c 'python3 "$1" check image.gz >said' - "$READER"
    equal "the version" "$(said version)" 2
    equal "the root hash of $disk" "$(said root_hash)" "$(root_by_hand $disk 65536)"
    equal "imgz says the same of $disk" \
        "$(root_of --chunk-size 64K --chunk-hash sha256 $disk)" "$(said root_hash)"
    equal "and of its image" "$(root_of image.gz)" "$(said root_hash)"
    ok "gunzip reads it" gunzips_to image.gz $disk
    expect_exit 0 "$IMGZ" verify -q image.gz
    expect_exit 0 "$IMGZ" verify -q --scrub image.gz
    expect_exit 0 "$IMGZ" verify -q image.gz --against $disk
    expect_exit 0 "$IMGZ" verify -q - <image.gz
    expect_exit 0 "$IMGZ" verify -q --scrub - <image.gz
    expect_exit 0 "$IMGZ" restore -q --force image.gz back
    ok "restored" cmp $disk back
done
if have split && have xxd; then
    equal "with the tools of any system" "$(split -b 64K \
        --filter='sha256sum | cut -c 1-64' mixed | xxd -r -p | sha256sum | cut -c 1-64)" \
        "$(root_by_hand mixed 65536)"
fi
golden none \
    aaf0fb6a56307156cb0507b68295c24d89eb4b087c5655e46a1b93b9546ed9e1 \
    e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 \
    --chunk-hash sha256
golden mixed \
    4bd702a972d23a43eee98ff6abe48496414a827afde52851cb61a7171291c789 \
    8037eb4621b04c171a0612733ffd08a421bb351efe3fcd20ff370892a9fc4daa \
    --chunk-hash sha256 --threads 3
capture none two.gz --chunk-hash sha256
ok "every bit of it means something" python3 "$READER" flips two.gz 3
capture one two.gz --chunk-hash sha256 --digest sha256
ok "of one with metadata" python3 "$READER" flips two.gz 7
ok "but nothing to gzip" python3 "$READER" padding two.gz
capture - pipe.gz --chunk-hash sha256 < <(cat mixed)
capture mixed file.gz --chunk-hash sha256
equal "from a pipe only size and check of the header differ" "" \
    "$(cmp -l file.gz pipe.gz | awk '$1 < 23 || $1 > 34')"
capture mixed explicit.gz --chunk-hash xxh3
capture mixed default.gz
ok "xxh3 is the default, byte for byte" cmp explicit.gz default.gz

title "every level"
for level in fast 0 1 6 9 12; do
    for disk in mixed last; do
        capture $disk image.gz --level $level
        reads image.gz $disk
    done
done
capture mixed image.gz --chunk-size 1M
reads image.gz mixed 1M
cp mixed $'odd %\n\xff\u00e9\u0085'
expect_exit 0 "$IMGZ" capture -q --force --digest sha256 odd* image.gz
reads image.gz mixed 1M
equal "a path in META" \
    "$(python3 -c 'import json; print(json.load(open("said"))["meta"]["source.path"])')" \
    $'odd %25%0A%FF\u00e9%C2%85'
equal "the digest in META" \
    "$(python3 -c 'import json; print(json.load(open("said"))["meta"]["digest.sha256"])')" \
    "$(said sha256)"

title "from a file and from a pipe"
for disk in none one mixed last; do
    capture $disk file.gz
    capture - pipe.gz --allow-empty < <(cat $disk)
    reads pipe.gz $disk
    equal "a pipe has no size" "$(said header_raw_bytes)" 18446744073709551615
    equal "only size and check of the header differ" "" \
        "$(cmp -l file.gz pipe.gz | awk '$1 < 23 || $1 > 34')"
    no "these do" cmp -s file.gz pipe.gz
    ok "from the front" bash -c 'python3 "$1" cat - <pipe.gz | cmp - "$2"' - "$READER" $disk
done

title "zeros are zeros: holes, written, and both"
size=$((65536 + (200 << 20) + 5))
printf 'data' >hole
truncate -s $size hole
cp --sparse=never hole written
cp --sparse=always hole both
# Every third of a megabyte, and not on any boundary.
python3 - both $size <<'PYTHON'
import sys

with open(sys.argv[1], "r+b") as file:
    for offset in range(70001, int(sys.argv[2]) - 500000, 1000003):
        file.seek(offset)
        file.write(bytes(333333))
PYTHON
capture hole hole.gz
capture written written.gz
capture both both.gz --threads 3
capture - pipe.gz < <(cat both)
ok "written zeros make the same image" cmp hole.gz written.gz
ok "so does a mixture" cmp hole.gz both.gz
equal "so do zeros from a pipe, but for the header" "" \
    "$(cmp -l hole.gz pipe.gz | awk '$1 < 23 || $1 > 34')"
reads hole.gz both
limit=$((64 << 20))
equal "runs are cut at 1024 chunks from where they begin" "$(said zero_runs)" \
    "[[65536, $limit], [$((65536 + limit)), $limit], [$((65536 + 2 * limit)), $limit], \
[$((65536 + 3 * limit)), $(((8 << 20) + 5))]]"
rm hole written both

title "every form of a run"
# Runs of 1 to 129 chunks: 65536 k - 1 mod 258 takes every odd value. Then some of any length.
python3 - forms <<'PYTHON'
import sys

with open(sys.argv[1], "wb") as file:
    for count in range(1, 130):
        file.write(b"x")
        file.seek((65536 - 1) + 65536 * count, 1)
    file.truncate()
PYTHON
capture forms forms.gz
reads forms.gz forms
equal "all of them" "$(python3 -c 'import json
print(len({run[1] % 258 for run in json.load(open("said"))["zero_runs"]}))')" 129
rm forms
for size in 1 2 3 257 258 259 260 515 517 1807 2063 2065 3097 65535; do
    truncate -s $size few
    capture few few.gz
    reads few.gz few
    rm few
done

title "3 GiB of zeros"
truncate -s 3G large
capture large large.gz --chunk-size 1M
reads large.gz large 1M
gib=$((1 << 30))
equal "are three runs of 1 GiB" "$(said zero_runs)" \
    "[[0, $gib], [$gib, $gib], [$((2 * gib)), $gib]]"
equal "and this image" "$(sha256sum <large.gz | cut -d ' ' -f 1)" \
    e3c264b3005d31d0699839b7a8fd1ae53e7108acff39647cecaeb6a878c71b6d
capture large image.gz --chunk-size 16M
ok "chunks of 16 MiB are cut there too" test \
    "$(python3 "$READER" notes image.gz | grep -c '"ZERO".*"raw_bytes": 1073741824,')" -eq 3
# Data at both ends: the runs begin behind the first chunk.
printf x | dd of=large conv=notrunc status=none
printf x >>large
capture large image.gz --chunk-size 1M
python3 "$READER" notes image.gz | grep '"ZERO"' | grep -o '"raw_offset.*raw_bytes": [0-9]*' >runs
equal "counted from behind the data" "$(tr -dc '0-9\n' <runs | tr '\n' ' ')" "$(printf '%s%s ' \
    1048576 $gib $((1048576 + gib)) $gib $((1048576 + 2 * gib)) $((gib - 1048576)))"
if [[ -z $SANITIZED ]]; then
    capture - pipe.gz --chunk-size 1M < <(cat large)
    equal "from a pipe the same, but for the header" "" \
        "$(cmp -l image.gz pipe.gz | awk '$1 < 23 || $1 > 34')"
fi

title "salvage"
# The disk holds an image; kept in stored blocks, its notes lie open.
{ seq 1 30000 && cat golden.gz && noise 100000; } >nest
capture nest image.gz --level 0
python3 "$READER" notes image.gz | grep -E '"(CHUNK|ZERO)"' >listed
ok "there are notes within the segments" test \
    "$(LC_ALL=C grep -aobP '8\x00\x00\xff\xffh\x00\x00\xff\xff' image.gz | wc -l)" -gt \
    "$(grep -c CHUNK listed)"
ok "a scan finds the image's own" bash -c 'python3 "$1" salvage image.gz | cmp - listed' - "$READER"
size=$(stat -c %s image.gz)
{ zeros 34 && tail -c +35 image.gz | head -c $((size - 34 - 1500)); } >ruin.gz
ok "also without header and end" bash -c 'python3 "$1" salvage ruin.gz | cmp - listed' - "$READER"
no "though such a ruin is no image" python3 "$READER" check ruin.gz

finish
