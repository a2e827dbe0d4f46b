#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Random layouts of data, zeros, holes, noise and repetition, each beside a naively written copy:
# the image of the sparse file must hold the bytes of the copy, and what is restored from it must
# hold them too, with a hole wherever an aligned 4 KiB block is zero.
source "$(dirname "$0")/lib.sh"
need gunzip cmp python3 du

holes=yes
have_holes || holes=
[[ -n $holes ]] || skip holes "the filesystem of $PWD does not report 4 KiB holes"
seeds=${IMGZ_TEST_SEEDS:-36}
[[ -z $SANITIZED ]] || seeds=8
levels=(fast 1 0 6)
chunks=(1M 64K 256K 4M)

# The file takes what its blocks that are not zero take, and a little for the filesystem's own use.
bounded() {
    local file=$1 size zeros used
    size=$(stat -c %s "$file")
    zeros=$(python3 "$LAYOUT" zeros "$file")
    used=$(($(stat -c %b "$file") * 512))
    echo "size $size, zeros $zeros, used $used"
    ((used <= size - zeros + 4096 + 131072))
}

for ((seed = 1; seed <= seeds; seed++)); do
    level=${levels[seed % ${#levels[@]}]}
    chunk=${chunks[seed / 4 % ${#chunks[@]}]}
    rm -f -- *
    python3 "$LAYOUT" make "$seed" sparse naive
    same sparse naive || skip_all "layout.py is broken: seed $seed"
    expect_exit 0 "$IMGZ" capture -q --level "$level" --chunk-size "$chunk" --threads 3 \
        sparse image
    ok "seed $seed: gunzip gives the naive bytes" gunzips_to image naive
    expect_exit 0 "$IMGZ" verify -q image
    expect_exit 0 "$IMGZ" restore -q --threads 2 image back
    ok "seed $seed: restore gives the naive bytes" same back naive
    expect_exit 0 "$IMGZ" verify -q image --against naive
    if [[ -n $holes ]]; then
        ok "seed $seed: zero blocks are holes" python3 "$LAYOUT" holes back naive
        ok "seed $seed: disk use is bounded" bounded back
    fi
    # The same from a pipe, where no hole can be seen.
    "$IMGZ" capture -q --level "$level" --chunk-size "$chunk" - - <naive |
        "$IMGZ" restore -q - piped
    ok "seed $seed: through pipes" same piped naive
    [[ -z $holes ]] || ok "seed $seed: holes from pipes" python3 "$LAYOUT" holes piped naive
done

finish
