#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Memory: no more than the disk needs, whatever an image says of its chunks.
source "$(dirname "$0")/lib.sh"
need python3

# A disk that is small, or all zeros, in chunks of 16 MiB: those used to be allocated for each slot,
# and pinned: 389 MiB for two workers, 2.3 GiB for 32.
limit=100000
peak_of_stream() { # peak_of_stream IMAGE
    # shellcheck disable=SC2016 # expanded by the inner shell
    peak_kib bash -c '"$1" restore -q --force --threads 8 - back <"$2"' bash "$IMGZ" "$1"
}
: >empty
fill mixed 500000 1 >small
truncate -s 200M zeros
for disk in empty small zeros; do
    for job in "capture -q --chunk-size 16M $disk $disk.gz" "verify -q $disk.gz" \
        "verify -q --against $disk $disk.gz" "restore -q --read-back $disk.gz $disk.back"; do
        # shellcheck disable=SC2086 # words of a command
        peak=$(peak_kib "$IMGZ" $job --threads 8) || fail "$job"
        ok "$job: $peak KiB" test "$peak" -lt "$limit"
    done
    ok "$disk is restored" cmp "$disk" "$disk.back"
    peak=$(peak_of_stream "$disk.gz") || fail "restore a stream"
    ok "restore $disk from a stream: $peak KiB" test "$peak" -lt "$limit"
    ok "$disk is restored from a stream" cmp "$disk" back
done

# A stream that does not say how large the disk is: what does not come is not taken.
"$IMGZ" capture -q --chunk-size 16M - unknown.gz <small
peak=$(peak_of_stream unknown.gz) || fail "restore a stream of unknown size"
ok "restore a stream of unknown size: $peak KiB" test "$peak" -lt "$limit"
ok "it is restored" cmp small back
finish
