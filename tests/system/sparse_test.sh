#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A 20 GiB disk that is nearly all holes: it costs little time, little space and no memory, and its
# offsets need more than 32 bits.
source "$(dirname "$0")/lib.sh"
need gunzip cmp python3 od

GIB=1073741824
have_holes || skip_all "the filesystem of $PWD does not report holes"
need_free 2000

# sparse_disk FILE BYTES: data at both ends, past 4 GiB where there is so much, one MiB every
# 5 % between them, and at 1 GiB more than 1 GiB of zeros that are no hole (if FILE is so large).
sparse_disk() {
    local file=$1 size=$2 place
    truncate -s "$size" "$file"
    python3 "$LAYOUT" put "$file" 0 mixed 3000000 1
    python3 "$LAYOUT" put "$file" $((size - 1234567)) mixed 1234567 2
    for place in {1..19}; do
        python3 "$LAYOUT" put "$file" $((size * place / 20)) text 1048576 "$place"
    done
    if ((size > 5 * GIB)); then
        python3 "$LAYOUT" put "$file" $((4 * GIB - 100)) mixed 5000 3
        python3 "$LAYOUT" put "$file" $((4 * GIB + 4096 * 77)) random 4096 4
    fi
}

# The last four bytes of an image: the size of the disk modulo 2^32.
isize() {
    tail -c 4 "$1" | od -An -tu4 | tr -d ' '
}

title "20 GiB, nearly all holes"
size=$((20 * GIB + 512 * 12345))
sparse_disk disk "$size"
expect_exit 0 "$IMGZ" capture --threads 2 disk disk.gz
equal "ISIZE is the size modulo 2^32" "$(isize disk.gz)" $((size % 4294967296))
ok "the image is small" test "$(stat -c %s disk.gz)" -lt $((60 << 20))
expect_exit 0 "$IMGZ" restore --threads 2 disk.gz back
equal "the restored size" "$(stat -c %s back)" "$size"
ok "the restored bytes" python3 "$LAYOUT" same disk back
ok "the restored file is sparse" test "$(du -k back | cut -f 1)" -lt 40000
expect_exit 0 "$IMGZ" verify disk.gz
expect_exit 0 "$IMGZ" verify disk.gz --against disk
expect_exit 0 "$IMGZ" verify disk.gz --against back
equal "one root hash" "$(root_of disk.gz)" "$(root_of disk)"
expect_exit 0 "$IMGZ" info --json disk.gz
ok "info tells the size" grep -q "$size" "$OUT"
rm -f back
# From a pipe nothing can be skipped and no size is known before the end.
expect_exit 0 bash -c '"$1" restore -q - back < <(cat disk.gz)' - "$IMGZ"
ok "the bytes restored from a pipe" python3 "$LAYOUT" same disk back
flip disk $((19 * GIB + 5)) 2
expect_exit 3 "$IMGZ" verify disk.gz --against disk
expect_text "$((19 * GIB))"
rm -f back disk disk.gz

title "more than 1 GiB of zeros, as a hole and as written zeros"
size=$((GIB + 300 * 1048576 + 4096))
truncate -s "$size" hole
python3 "$LAYOUT" put hole 0 text 100000 5
python3 "$LAYOUT" put hole $((size - 50000)) text 50000 6
cp --sparse=never hole written
for disk in hole written; do
    expect_exit 0 "$IMGZ" capture -q --reproducible "$disk" "$disk.gz"
    equal "ISIZE of $disk" "$(isize "$disk.gz")" "$size"
done
ok "written zeros and holes give the same image" same hole.gz written.gz
ok "gunzip gives back the disk" gunzips_to written.gz written
expect_exit 0 "$IMGZ" restore -q written.gz back
ok "the restored bytes" python3 "$LAYOUT" same hole back
ok "zeros became a hole" test "$(du -k back | cut -f 1)" -lt 1000
rm -f -- *

title "memory does not grow with the disk"
if [[ -n $SANITIZED ]]; then
    skip memory "a sanitizer build needs memory of its own"
else
    declare -A peak
    limit=$((128 * 1024))
    for gib in 1 20; do
        sparse_disk disk $((gib * GIB))
        for level in fast 6; do
            peak["capture $level $gib"]=$(peak_kib "$IMGZ" capture -q --force --level "$level" \
                --threads 2 disk disk.gz)
        done
        rm -f back
        peak["restore any $gib"]=$(peak_kib "$IMGZ" restore -q --threads 2 disk.gz back)
        ok "restored what was captured" python3 "$LAYOUT" same disk back
        rm -f disk
    done
    for job in "capture fast" "capture 6" "restore any"; do
        for gib in 1 20; do
            ok "$job, $gib GiB: ${peak["$job $gib"]} KiB" test "${peak["$job $gib"]}" -lt "$limit"
        done
        ok "$job: ${peak["$job 20"]} KiB for 20 GiB, ${peak["$job 1"]} KiB for 1 GiB" \
            test "${peak["$job 20"]}" -le $((${peak["$job 1"]} * 125 / 100))
    done
    # Nothing but data: every slot is in use at once.
    fill text $((96 << 20)) 9 >dense
    dense=$(peak_kib "$IMGZ" capture -q --force --threads 2 dense dense.gz)
    ok "capture of dense data: $dense KiB" test "$dense" -lt "$limit"
    dense=$(peak_kib "$IMGZ" restore -q --threads 2 dense.gz dense.back)
    ok "restore of dense data: $dense KiB" test "$dense" -lt "$limit"
fi

finish
