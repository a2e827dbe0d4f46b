#!/usr/bin/env bash
# quick
# SPDX-License-Identifier: MIT
# Before a restore overwrites a device where there is a terminal, its name is to be typed in.
source "$(dirname "$0")/lib.sh"
need cmp python3 sha256sum losetup mkfs.ext4 sfdisk setsid
need_loop

SIZE=$((5 * 1048576))
digest_of() {
    sha256sum <"$1" | cut -d' ' -f 1
}
fresh() { # a loop device of $1 bytes, full of noise
    rm -f target
    head -c "$1" noise >target
    attach target
}

fill mixed $SIZE 1 >disk
fill random $((16 * 1048576)) 2 >noise
cat disk noise >long
expect_exit 0 "$IMGZ" capture -q disk disk.gz
expect_exit 0 "$IMGZ" capture -q long long.gz

title "the question"
# at_terminal CODE ANSWER COMMAND...: what the terminal showed is in $ERR.
at_terminal() {
    local code=$1 answer=$2
    shift 2
    expect_exit "$code" python3 "$HERE/terminal.py" "$answer" "${AT[@]}" -- "$@"
}
AT=()
fresh $((16 * 1048576))
mkfs.ext4 -qF -L precious "$LOOP"
name=${LOOP#/dev/}
before=$(digest_of "$LOOP")
for answer in yes y '' sdb "$name " "$LOOP/" loop '^D'; do
    at_terminal 1 "$answer" "$IMGZ" restore disk.gz "$LOOP"
    expect_text "writing to $LOOP: 16 MiB, loop"
    expect_text "now on $LOOP: ext4 \"precious\""
    expect_text "Everything on $LOOP will be lost. Type its name to go on:"
    expect_text "imgz: writing to $LOOP was not confirmed; nothing was written"
    equal "unchanged after '$answer'" "$(digest_of "$LOOP")" "$before"
done
at_terminal 130 '^C' "$IMGZ" restore disk.gz "$LOOP"
equal "unchanged after ^C" "$(digest_of "$LOOP")" "$before"
# What was typed before is no answer.
AT=(--ahead "$name")
at_terminal 1 no "$IMGZ" restore disk.gz "$LOOP"
expect_text "Type its name"
equal "unchanged by what was typed ahead" "$(digest_of "$LOOP")" "$before"
AT=()
ln -s "$LOOP" by-name
at_terminal 1 by-name "$IMGZ" restore disk.gz by-name
expect_text "Type its name"
equal "unchanged" "$(digest_of "$LOOP")" "$before"
for answer in "$name" "$LOOP"; do
    head -c $SIZE noise >"$LOOP"
    at_terminal 0 "$answer" "$IMGZ" restore disk.gz by-name
    expect_text restored
    ok "written after '$answer'" cmp -n $SIZE disk "$LOOP"
done
ln -s "$LOOP" $'by\033[31m-name'
at_terminal 1 no "$IMGZ" restore disk.gz $'by\033[31m-name'
no "what a name does to a terminal is not shown" grep -qF $'\033[31m' "$ERR"
AT=(--input disk.gz)
before=$(digest_of "$LOOP")
at_terminal 1 no "$IMGZ" restore - "$LOOP"
equal "unchanged" "$(digest_of "$LOOP")" "$before"
at_terminal 0 "$name" "$IMGZ" restore - "$LOOP"
expect_text "Type its name"
AT=()
for option in --yes -y; do
    at_terminal 0 never "$IMGZ" restore "$option" disk.gz "$LOOP"
    no "no question with $option" grep -q "Type its name" "$ERR"
done
at_terminal 0 never "$IMGZ" restore disk.gz file
no "no question about a file" grep -q "Type its name" "$ERR"
at_terminal 1 never "$IMGZ" restore long.gz "$LOOP.none/x"

title "it is asked wherever the standard streams go"
head -c $SIZE noise >"$LOOP"
before=$(digest_of "$LOOP")
for redirection in '--error errors' '--input /dev/null' '--error errors --input /dev/null'; do
    # shellcheck disable=SC2206 # words
    AT=($redirection)
    for option in --progress=auto -q --json; do
        at_terminal 1 no "$IMGZ" restore "$option" disk.gz "$LOOP"
        expect_text "Type its name"
        equal "unchanged with $redirection $option" "$(digest_of "$LOOP")" "$before"
    done
done
AT=(--error errors)
at_terminal 1 no bash -c '"$1" restore disk.gz "$2" 2>&1 | tee log; exit "${PIPESTATUS[0]}"' - \
    "$IMGZ" "$LOOP"
expect_text "Type its name"
equal "unchanged behind a pipe" "$(digest_of "$LOOP")" "$before"
at_terminal 0 "$name" "$IMGZ" restore -q disk.gz "$LOOP"
ok "written after '$name' with -q" cmp -n $SIZE disk "$LOOP"
# A rescue shell on a console has terminals, but none that controls it.
AT=()
at_terminal 1 no setsid --wait "$IMGZ" restore disk.gz "$LOOP"
expect_text "Type its name"

# And where nobody would see the question it is not asked.
AT=(--error errors)
at_terminal 0 no setsid --wait "$IMGZ" restore disk.gz "$LOOP"
no "no question in a file" grep -q "Type its name" errors

title "a background job is not asked, does not hang, and does not write"
head -c $SIZE noise >"$LOOP"
AT=(--background)
at_terminal 1 never "$IMGZ" restore disk.gz "$LOOP"
expect_text "imgz: a background job cannot ask .* --yes"
expect_text "not confirmed; nothing was written"
equal "unchanged" "$(digest_of "$LOOP")" "$before"
at_terminal 0 never "$IMGZ" restore --yes disk.gz "$LOOP"
ok "written with --yes" cmp -n $SIZE disk "$LOOP"

title "what has no terminal is not asked"
AT=()
head -c $SIZE noise >"$LOOP"
expect_exit 0 setsid --wait "$IMGZ" restore disk.gz "$LOOP" </dev/null
no "no question to a script" grep -q "Type its name" "$ERR"
expect_text "the image disk.gz: 5 MiB"
expect_text "writing to $LOOP"
ok "written" cmp -n $SIZE disk "$LOOP"
expect_exit 0 setsid --wait "$IMGZ" restore -q disk.gz "$LOOP" </dev/null
no "nothing is said with -q" grep -q . "$ERR"

detach "$LOOP"
fresh $SIZE
at_terminal 1 never "$IMGZ" restore long.gz "$LOOP"
no "no question about a device that does not fit" grep -q "Type its name" "$ERR"
detach "$LOOP"

title "the image is shown"
# with_table FILE SECTOR-BYTES: three partitions, two of them with a file system.
truncate -s 64M table.img
printf 'label: gpt\nsize=16MiB,name=one\nsize=16MiB,name=two\nsize=8MiB,name=three\n' |
    sfdisk -q table.img 2>sfdisk.log
truncate -s 16M part
mkfs.ext4 -qF -L "$(printf 'ho\033me')" part
dd if=part of=table.img bs=1M seek=1 conv=notrunc,sparse status=none
mkfs.ext4 -qF -L precious part
dd if=part of=table.img bs=1M seek=17 conv=notrunc,sparse status=none
expect_exit 0 "$IMGZ" capture -q table.img table.gz
rm target
truncate -s 64M target
attach target
at_terminal 1 no "$IMGZ" restore table.gz "$LOOP"
expect_text "the image table.gz: 64 MiB, of table.img, captured 20[0-9-]+T[0-9:]+Z"
expect_text "in it: gpt"
expect_text 'in it, partition 1: ext4 "ho\?me", 16 MiB'
expect_text 'in it, partition 2: ext4 "precious", 16 MiB'
expect_text 'in it, partition 3: nothing recognised "three", 8 MiB'
AT=(--input table.gz)
at_terminal 1 no "$IMGZ" restore - "$LOOP"
expect_text "the image standard input: 64 MiB"
expect_text "in it: unknown until the whole image is read"
AT=()
# A chain of extended partitions, and chunks of the smallest size.
printf 'label: dos\n,8M\n,,E\n,8M\n,8M\n,8M\n,8M\n' | sfdisk -q table.img 2>sfdisk.log
expect_exit 0 "$IMGZ" capture -q --force --chunk-size 64K table.img table.gz
at_terminal 1 no "$IMGZ" restore table.gz "$LOOP"
expect_text "in it: dos"
expect_text "in it, partition 8: .*, [78]"
# What is damaged is not shown; the restore tells.
python3 - table.gz <<'PYTHON'
import sys
with open(sys.argv[1], "r+b") as image:
    image.seek(200)
    image.write(b"damaged")
PYTHON
at_terminal 1 no "$IMGZ" restore table.gz "$LOOP"
expect_text "in it: nothing recognised"
expect_text "Type its name"
detach "$LOOP"

finish
