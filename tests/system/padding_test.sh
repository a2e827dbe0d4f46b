#!/usr/bin/env bash
# quick
# SPDX-License-Identifier: MIT
# An image that does not fill what holds it. Zeros behind it are padding, as for gzip; they used to
# be called damage. Anything else is refused, for what it is: bytes that follow the image. And an
# image that is not all there is one that ended early, not a damaged one.
source "$(dirname "$0")/lib.sh"
need python3 gzip cmp

{
    fill text 300000 1
    fill random 200000 2
    head -c 700000 /dev/zero
    fill mixed 100001 3
} >disk
expect_exit 0 "$IMGZ" capture -q --chunk-size 64K --digest sha256 disk good.gz
root=$(root_of --chunk-size 64K disk)
size=$(stat -c %s good.gz)

# accepted FILE: every command takes it for the image that is in it, as gunzip does.
accepted() {
    local file=$1
    expect_exit 0 "$IMGZ" verify -q "$file"
    expect_exit 0 "$IMGZ" verify -q --scrub "$file"
    expect_exit 0 "$IMGZ" verify -q "$file" --against disk
    expect_exit 0 "$IMGZ" info --json "$file"
    expect_out "\"image_bytes\": $size,"
    expect_exit 0 "$IMGZ" restore -q --force "$file" back
    ok "restored from $file" same disk back
    expect_exit 0 "$IMGZ" verify -q - < <(exec cat "$file")
    expect_exit 0 "$IMGZ" restore -q --force - back < <(exec cat "$file")
    ok "restored from a pipe of $file" same disk back
    rm -f back
}

# told PATTERN FILE: every command refuses it with that, and never calls it damaged.
told() {
    local pattern=$1 file=$2
    expect_error 3 "$file" "$pattern" -- "$IMGZ" verify "$file"
    no "$file: damaged" grep -q damaged "$ERR"
    expect_error 3 "$file" "$pattern" -- "$IMGZ" verify --scrub "$file"
    expect_error 3 "$file" "$pattern" -- "$IMGZ" verify "$file" --against disk
    expect_error 3 "$file" "$pattern" -- "$IMGZ" info "$file"
    expect_error 3 "$file" "$pattern" -- "$IMGZ" restore "$file" back
    absent back
    expect_error 3 "standard input" "$pattern" -- "$IMGZ" verify - < <(exec cat "$file")
    no "a pipe of $file: damaged" grep -q damaged "$ERR"
    expect_error 3 "standard input" "$pattern" -- "$IMGZ" restore - back < <(exec cat "$file")
    absent back
}

title "padding"
for zeros in 1 8 512 65536 5000001; do
    { cat good.gz && head -c $zeros /dev/zero; } >padded.gz
    accepted padded.gz
done
ok "gunzip takes it, too" bash -c 'gunzip -c padded.gz 2>/dev/null | cmp - disk'
expect_exit 0 "$IMGZ" hash padded.gz
expect_out "= $root$"
expect_exit 0 "$IMGZ" verify -v padded.gz
expect_text "ends at byte $size; the 5000001 bytes after it are padding"
ok "a reader by FORMAT.md takes it" python3 "$HERE/imgz_reader.py" check padded.gz

title "an image that ends in zeros itself"
# Its CRC-32 and size are 0, so is a trailer of 8 bytes.
: >nothing
expect_exit 0 "$IMGZ" capture -q --reproducible nothing nothing.gz
for zeros in 0 1 7 8 9 100; do
    { cat nothing.gz && head -c $zeros /dev/zero; } >padded.gz
    expect_exit 0 "$IMGZ" verify -q padded.gz
    expect_exit 0 "$IMGZ" info --json padded.gz
    expect_out "\"image_bytes\": $(stat -c %s nothing.gz),"
    expect_exit 0 "$IMGZ" verify -q - < <(exec cat padded.gz)
done

title "long runs of zeros in an image"
# A chunk in stored blocks is what it is: zeros, but for a byte at its beginning or end.
{ printf x && head -c 3145728 /dev/zero && printf x; } >sparse
expect_exit 0 "$IMGZ" capture -q -0 sparse sparse.gz
{ cat sparse.gz && head -c 9000000 /dev/zero; } >padded.gz
expect_exit 0 "$IMGZ" restore -q --force padded.gz back
ok "restored" same sparse back
rm -f back

title "terabytes of padding are not read"
cp good.gz huge.gz
if truncate -s 7T huge.gz 2>/dev/null; then
    # A file system without holes would have no room for it; reading it takes hours.
    expect_exit 0 timeout 60 "$IMGZ" verify -q huge.gz
    expect_exit 0 timeout 60 "$IMGZ" info huge.gz
    expect_exit 0 timeout 60 "$IMGZ" restore -q --force huge.gz back
    ok "restored" same disk back
    # Only what is padding is: here its last byte is not.
    printf x | dd of=huge.gz bs=1 seek=$((7 * 1024 ** 4 - 1)) conv=notrunc status=none
    expect_error 3 huge.gz "$((7 * 1024 ** 4 - size)) bytes follow the image" -- \
        timeout 60 "$IMGZ" verify huge.gz
    if have_root && have_loop; then
        truncate -s 6T huge.gz
        attach huge.gz
        expect_exit 0 timeout 60 "$IMGZ" verify -q "$LOOP"
        expect_exit 0 timeout 60 "$IMGZ" restore -q --force "$LOOP" back
        ok "restored from a device" same disk back
    else
        skip "a device of 6 TiB" "needs root and loop devices"
    fi
else
    skip "terabytes" "the file system does not take such files"
fi
rm -f huge.gz back

title "a device is larger than the image on it"
if have_root && have_loop; then
    truncate -s 16M holder
    attach holder
    dd if=good.gz of="$LOOP" bs=64k conv=sync,fsync status=none
    expect_exit 0 "$IMGZ" verify -q "$LOOP"
    expect_exit 0 "$IMGZ" verify -q --scrub "$LOOP"
    expect_exit 0 "$IMGZ" info "$LOOP"
    expect_exit 0 "$IMGZ" restore -q "$LOOP" back
    ok "restored" same disk back
    rm -f back
    # What was on it before is there still.
    fill random $((8 << 20)) 7 | dd of="$LOOP" bs=64k seek=32 conv=fsync status=none
    expect_error 3 "$LOOP" "at offset $size: $(((16 << 20) - size)) bytes follow the image" \
        "head -c $size $LOOP" -- "$IMGZ" verify "$LOOP"
    expect_exit 0 "$IMGZ" verify -q - < <(exec head -c "$size" "$LOOP")
else
    skip "a device" "needs root and loop devices"
fi

title "something else behind it"
for what in good.gz disk; do
    cat good.gz $what >more.gz
    told "at offset $size: $(stat -c %s $what) bytes follow the image" more.gz
done
{ cat good.gz && head -c 700 /dev/zero && cat good.gz; } >more.gz
told "at offset $size: $((size + 700)) bytes follow the image" more.gz
{ cat good.gz && printf x && head -c 3000000 /dev/zero; } >more.gz
told "at offset $size: 3000001 bytes follow the image" more.gz
expect_text "head -c $size"

title "an old image with padding is gone back to"
cp good.gz old.gz
truncate -s +100000 old.gz
{
    printf '0x0 + 1\n0x0 0x10000 +\n0x10000 0x1000 -\n'
    printf '0x11000 0x%x +\n' $(($(stat -c %s disk) - 0x11000))
} >old.map
expect_exit 0 "$IMGZ" capture -q --chunk-size 64K --map old.map disk old.gz
expect_exit 0 "$IMGZ" verify -q old.gz --against disk

title "ended early"
for length in 5 20 33 34 100 434 1000 $((size / 2)) $((size - 900)) $((size - 733)) \
    $((size - 400)) $((size - 8)) $((size - 1)); do
    head -c $length good.gz >cut.gz
    told "at offset $length: the input ended early.*was the transfer interrupted" cut.gz
done
# What was to be copied to was made as long as the whole before; the rest is zeros.
head -c $((size / 2)) good.gz >cut.gz
end=$(python3 -c 'print(len(open("cut.gz", "rb").read().rstrip(b"\0")))')
truncate -s "$size" cut.gz
expect_error 3 cut.gz "at offset $end: the input ended early" -- "$IMGZ" verify cut.gz
truncate -s 50M cut.gz
expect_error 3 cut.gz "at offset $end: the input ended early" -- "$IMGZ" restore cut.gz back
absent back
expect_error 3 "standard input" "is empty; did the command" -- "$IMGZ" restore - back </dev/null
absent back

finish
