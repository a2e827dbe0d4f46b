#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every decoder of gzip that Debian has must give back exactly the bytes of the disk, from an image
# of several chunks at each kind of level and from one with a long run of zeros.
source "$(dirname "$0")/lib.sh"
need cmp python3

# Each writes the decoded image $1 to stdout and fails if it does not like it.
decode_gzip() { gzip -dc "$1"; }
decode_pigz() { pigz -dc "$1"; }
decode_igzip() { igzip -dc "$1"; }
decode_bgzip() { bgzip -dc "$1"; }
decode_busybox() { busybox gunzip -c "$1"; }
decode_7z() { 7z e -so -tgzip "$1" 2>/dev/null; }
decode_bsdcat() { bsdcat "$1"; }
decode_zstd() { zstd -dcq --format=gzip "$1"; }
decode_python-gzip() {
    python3 -c 'import gzip, shutil, sys
shutil.copyfileobj(gzip.open(sys.argv[1]), sys.stdout.buffer)' "$1"
}
decode_python-zlib() {
    python3 -c 'import sys, zlib
decoder = zlib.decompressobj(31)
sys.stdout.buffer.write(decoder.decompress(open(sys.argv[1], "rb").read()))
sys.exit(0 if decoder.eof and not decoder.unused_data else "the stream does not end where it must")
' "$1"
}
decode_perl() {
    perl -e 'use IO::Uncompress::Gunzip qw(gunzip $GunzipError);
gunzip($ARGV[0] => "-") or die $GunzipError' "$1"
}
decode_node-sync() {
    node -e 'const fs = require("fs"), zlib = require("zlib");
fs.writeFileSync(1, zlib.gunzipSync(fs.readFileSync(process.argv[1])));' "$1" | cat
}
decode_node-stream() {
    node -e 'const fs = require("fs"), zlib = require("zlib");
require("stream").pipeline(fs.createReadStream(process.argv[1]), zlib.createGunzip(),
    fs.createWriteStream("node-out"), e => { if (e) { console.error(e); process.exit(1); } });' \
        "$1" && cat node-out && rm node-out
}
decode_nbdkit() {
    nbdkit -r --filter=gzip file "$1" --run 'nbdcopy "$uri" nbd-out' &&
        cat nbd-out && rm nbd-out
}

# What must be installed for each decoder.
declare -A tools=([perl]=perl [node-sync]=node [node-stream]=node [python-gzip]=python3
    [python-zlib]=python3 [nbdkit]="nbdkit nbdcopy")
all=(gzip pigz igzip bgzip busybox 7z bsdcat zstd python-gzip python-zlib perl node-sync
    node-stream nbdkit)
decoders=()
for name in "${all[@]}"; do
    missing=
    for tool in ${tools[$name]:-$name}; do
        have "$tool" || missing=$tool
    done
    if [[ $name == perl ]] && ! perl -MIO::Uncompress::Gunzip -e 1 2>/dev/null; then
        missing=IO::Uncompress::Gunzip
    elif [[ $name == nbdkit && -z $missing ]] && ! nbdkit --filter=gzip null --version \
        >/dev/null 2>&1; then
        missing="nbdkit's gzip filter"
    fi
    if [[ -n $missing ]]; then
        skip "$name" "$missing is not installed"
    else
        decoders+=("$name")
    fi
done

decodes_to() {
    (set -o pipefail && "decode_$1" "$2" | cmp - "$3")
}

all_decode() { # all_decode IMAGE RAW WHAT
    local name
    for name in "${decoders[@]}"; do
        ok "$name decodes $3" decodes_to "$name" "$1" "$2"
    done
}

fill mixed 5767685 42 >disk
truncate -s 6291968 disk # nbdkit wants whole sectors
for level in fast 0 1 6 12; do
    title "level $level"
    expect_exit 0 "$IMGZ" capture -q --force --level "$level" disk disk.gz
    all_decode disk.gz disk "level $level"
done

title "many small chunks"
expect_exit 0 "$IMGZ" capture -q --force --chunk-size 64K disk disk.gz
all_decode disk.gz disk "96 chunks"

title "a run of zeros between data"
truncate -s 160M zeros
python3 "$LAYOUT" put zeros 0 mixed 1500000 1
python3 "$LAYOUT" put zeros 167000000 mixed 700000 2
expect_exit 0 "$IMGZ" capture -q --force zeros zeros.gz
all_decode zeros.gz zeros "a run of zeros"

title "nothing but zeros"
truncate -s 8M nothing
expect_exit 0 "$IMGZ" capture -q --force nothing nothing.gz
all_decode nothing.gz nothing "nothing but zeros"

title "an empty disk"
: >empty
expect_exit 0 "$IMGZ" capture -q --force empty empty.gz
for name in "${decoders[@]}"; do
    [[ $name == nbdkit ]] || ok "$name decodes an empty disk" decodes_to "$name" empty.gz empty
done

finish
