#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Bad images: one bit wrong in any region, and notes that lie. Every one is refused with exit code 3
# and a line that names the file and the offset, by verify and restore, from a file and from a pipe,
# and nothing is left of the target.
source "$(dirname "$0")/lib.sh"
need python3 gzip cmp
source "$HERE/badimage.sh"

map=$(python3 "$HERE/damage.py" map good.gz)
for kind in chunk zero index hashes meta end; do
    ok "the image has a note of kind $kind" test -z "${map##*"$kind" *}"
done
equal "the root hash is what the description says" "$(root_of --chunk-size 64K disk)" \
    "$(python3 "$HERE/damage.py" root disk 65536)"

every=1 # a sanitizer build takes a sample
[[ -z $SANITIZED ]] || every=9

title "one bit wrong"
mkdir flips
ok "copies with one bit wrong" python3 "$HERE/damage.py" flips good.gz flips
number=0
for file in flips/*; do
    ((number++ % every == 0)) || continue
    refused "$file"
    NAMED=$file
    if ((number % 3 == 0)); then
        refuse "scrub $(basename "$file" .gz)" "$IMGZ" verify -q --scrub "$file"
    fi
done
counted "one bit wrong" 100
# What is compared with a device comes from the index: damage there must not go unseen either.
for file in flips/*; do
    case $file in
    flips/index-* | flips/hashes-* | flips/end-* | flips/header-*) ;;
    *) continue ;;
    esac
    ((number++ % every == 0)) || continue
    NAMED=$file
    refuse "verify --against with $(basename "$file" .gz)" "$IMGZ" verify -q "$file" --against disk
done
counted "one bit wrong, compared by hashes" 20
rm -rf flips

title "lies"
mkdir lies
if python3 "$HERE/damage.py" lies good.gz lies 2>"$ERR"; then
    number=0
    for file in lies/*; do
        ((number++ % every == 0)) || continue
        MAY_NOT_FIT=
        [[ $file != lies/header-raw_bytes=* ]] || MAY_NOT_FIT=yes
        refused "$file"
        MAY_NOT_FIT=
        run "$IMGZ" info "$file"
        ((CODE == 0 || CODE == 3)) || fail "info $file: exit code $CODE" "$(head -c 400 "$ERR")"
        run "$IMGZ" verify -q "$file" --against disk
        ((CODE == 0 || CODE == 3)) || fail "verify --against with $file: exit code $CODE" \
            "$(head -c 400 "$ERR")"
    done
    counted "lies" 50

    title "lies about lengths get no memory"
    # As much room as the good image needs, and some: what a lie says must not be asked for.
    within=(env MALLOC_ARENA_MAX=1 bash -c 'ulimit -v "$1"; exec "${@:2}"' -)
    if [[ -n $SANITIZED ]]; then
        skip "memory" "a sanitizer reserves all there is"
    else
        room=$((32 << 10))
        until "${within[@]}" $room "$IMGZ" verify -q --threads 1 good.gz 2>/dev/null; do
            room=$((room + (16 << 10)))
        done
        room=$((room + (48 << 10)))
        for file in lies/*=*[0-9][0-9][0-9][0-9][0-9][0-9][0-9].gz; do
            # The size of chunks is believed, up to the format's limit: a stream says nothing else.
            [[ $file != lies/header-chunk_bytes* ]] || continue
            NAMED=$file
            refuse "in little memory: $file" \
                "${within[@]}" $room "$IMGZ" verify -q --threads 1 "$file"
            NAMED="standard input"
            refuse "in little memory: a pipe of $file" \
                "${within[@]}" $room "$IMGZ" verify -q --threads 1 - < <(exec cat "$file")
        done
        counted "lies about lengths" 20
    fi
    run "$IMGZ" verify lies/header-version=2.gz
    expect_text '^imgz: .*version'
else
    fail "damage.py cannot tell lies" "$(tail -n 3 "$ERR")"
fi
rm -rf lies

title "the good one is still good"
expect_exit 0 "$IMGZ" verify -q good.gz
expect_exit 0 "$IMGZ" verify --scrub good.gz
expect_text '^scrubbed '
expect_exit 0 "$IMGZ" verify --scrub - <good.gz
expect_exit 0 "$IMGZ" restore -q good.gz back
ok "restored" same disk back

finish
