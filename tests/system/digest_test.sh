#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Sizes past 4 GiB as other programs see them: the digest of 5 GiB is that of sha256sum, and what
# gunzip and gzip -l say about the image holds beyond 32 bits.
source "$(dirname "$0")/lib.sh"
need sha256sum gzip python3
[[ -z $SANITIZED ]] || skip_all "takes minutes in a sanitizer build"
need_free 200

size=$((5 * 1073741824 + 4096 * 3))
truncate -s "$size" disk
python3 "$LAYOUT" put disk 0 mixed 2000000 1
python3 "$LAYOUT" put disk 4294967000 mixed 100000 2
python3 "$LAYOUT" put disk $((size - 300000)) mixed 300000 3

sha256sum <disk >wanted &
oracle=$!
CHILDREN+=("$oracle")
expect_exit 0 "$IMGZ" capture --digest sha256 --threads 2 disk disk.gz
gzip -l disk.gz >listed &
lister=$!
CHILDREN+=("$lister")
wait "$oracle"
wanted=$(cut -d' ' -f 1 wanted)
equal "sha256sum made a digest" "${#wanted}" 64
expect_exit 0 "$IMGZ" info disk.gz
expect_out "$wanted"
expect_exit 0 "$IMGZ" hash --digest sha256 disk.gz
expect_out "^SHA256 \(disk.gz\) = $wanted$"
wait "$lister"
ok "gzip -l decodes it to the end" test $? -eq 0
ok "gzip -l counts the bytes" grep -qw "$size" listed

finish
