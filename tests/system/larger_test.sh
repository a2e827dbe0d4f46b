#!/usr/bin/env bash
# quick
# SPDX-License-Identifier: MIT
# verify --against a device that is larger than the disk: as much as the disk has is compared, and
# what lies behind it is told. A smaller one is another disk; so is a file or pipe of another size.
source "$(dirname "$0")/lib.sh"
source "$HERE/faultdisk.sh"
need python3
need_loop

MIB=1048576
SIZE=$((3 * MIB + 777))
fill mixed "$SIZE" 1 >disk
printf 'x' | dd of=disk bs=1 seek=$((SIZE - 1)) conv=notrunc status=none
expect_exit 0 "$IMGZ" capture -q disk disk.gz

# on_drive BYTES: a drive of so many bytes that holds the disk, and zeros behind it.
on_drive() {
    cp disk drive
    truncate -s "$1" drive
    attach drive --direct-io=on
}

# rest_is BYTES ZERO_BYTES ALL_ZERO [OPTION...]: equal, and this is behind the disk.
rest_is() {
    local wanted="$1 $2 $3"
    shift 3
    expect_exit 0 "$IMGZ" verify --json "$@" disk.gz --against "$LOOP"
    equal "the rest" "$(python3 -c 'import json, sys
report = json.load(open(sys.argv[1]))
assert report["raw_bytes"] == int(sys.argv[2]) and report["bad_chunk_count"] == 0, report
print(report["rest_bytes"], report["rest_zero_bytes"], report["rest_zero"])' "$OUT" "$SIZE")" \
        "$wanted"
}

title "zeros behind the disk"
on_drive $((3 * MIB + 1024))
rest_is 247 247 True
expect_exit 0 "$IMGZ" verify disk.gz --against "$LOOP"
expect_text '^after it .*247 B more, all zeros'
on_drive $((7 * MIB))
for option in --direct=on --direct=off --paranoid --digest=sha256; do
    rest_is $((4 * MIB - 777)) $((4 * MIB - 777)) True $option
done

title "something else"
printf 'y' | dd of=drive bs=1 seek=$((7 * MIB - 1)) conv=notrunc status=none
rest_is $((4 * MIB - 777)) $((4 * MIB - 778)) False
expect_exit 0 "$IMGZ" verify disk.gz --against "$LOOP"
expect_text "^after it .*not all zeros: the first other byte is at $((7 * MIB - 1))$"
printf 'y' | dd of=drive bs=1 seek=$SIZE conv=notrunc status=none
rest_is $((4 * MIB - 777)) 0 False
expect_exit 0 "$IMGZ" verify -q disk.gz --against "$LOOP"

title "a small disk on a large drive"
on_drive $((1030 * MIB))
rest_is $((1027 * MIB - 777)) $((1024 * MIB + MIB - 777 % 4096)) None
expect_exit 0 "$IMGZ" verify disk.gz --against "$LOOP"
expect_text '^after it .*zeros in the first .*; the rest was not read'

title "behind a difference nothing is looked for"
printf 'y' | dd of=drive bs=1 seek=5 conv=notrunc status=none
run "$IMGZ" verify --json disk.gz --against "$LOOP"
equal "exit code" "$CODE" 3
ok "it is a difference" grep -q '"bad_chunk_count": 1,.*"rest_bytes": 0,' "$OUT"

title "a drive that cannot be read behind the disk"
cp disk backing
truncate -s $((7 * MIB)) backing
serve_disk backing mnt
attach mnt/disk --direct-io=on
rule "fail r $((5 * MIB)) 512 5 -1"
run "$IMGZ" verify -v --json disk.gz --against "$LOOP"
equal "exit code" "$CODE" 0
expect_text 'cannot be read after the end of the disk'
ok "it is not known" grep -q '"rest_zero": null' "$OUT"

title "smaller, or no device"
head -c $((3 * MIB)) disk >small
attach small
expect_error 3 "$((3 * MIB)) bytes|it has 3 MiB" -- "$IMGZ" verify disk.gz --against "$LOOP"
cp disk longer
printf '\0' >>longer
expect_error 3 "\($((SIZE + 1)) bytes\)" -- "$IMGZ" verify disk.gz --against longer
expect_exit 3 "$IMGZ" verify -q disk.gz --against - < <(cat longer)

finish
