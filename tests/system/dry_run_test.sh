#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# --dry-run tells what a run would do, fails where it would, and changes nothing.
source "$(dirname "$0")/lib.sh"
need cmp python3

mkdir out
fill mixed 40000000 1 >disk
truncate -s 60M disk
expect_exit 0 "$IMGZ" capture -q disk disk.gz
expect_exit 0 "$IMGZ" capture -q -6 disk small.gz

# All that a run might touch, with times.
state() {
    find . -path ./.lib -prune -o -printf '%p %s %T@ %C@ %i\n' | sort
    find . -path ./.lib -prune -o -type f -exec sha256sum {} + | sort
}
# dry CODE COMMAND...: ends with that code and has changed nothing.
dry() {
    local code=$1 before
    shift
    before=$(state)
    expect_exit "$code" "$@"
    equal "nothing is changed by $*" "$(state)" "$before"
}
# reported EXPRESSION: true of the JSON object 'r'.
reported() {
    ok "report: $1" python3 -c "import json, sys; r = json.load(open(sys.argv[1])); assert $1, r" \
        "$OUT"
}

title "capture: size, time and room"
dry 0 "$IMGZ" capture --dry-run disk out/new.gz
expect_text '^dry run    would capture disk \(60 MiB\) to out/new.gz, a new file; nothing was'
expect_text '^size       about .* at level fast, from a sample of '
expect_text '^time       about .*: read at .*, compressed at .* by '
expect_text '^room       .* free there, enough'
dry 0 "$IMGZ" capture -n --json -6 disk out/new.gz
reported 'r["ok"] and r["dry_run"] and r["raw_bytes"] == 60 << 20'
reported "abs(r['estimated_image_bytes'] / $(stat -c %s small.gz) - 1) < 0.1"
reported 'r["estimated_ns"] > 0 and r["room_bytes"] > 1 << 20 and r["partial_bytes"] == 0'
dry 0 "$IMGZ" capture -q -n disk out/new.gz
equal "-q: silent" "$(cat "$OUT" "$ERR")" ""
dry 0 "$IMGZ" capture -n disk -
expect_text 'to standard output; nothing was written'
equal "nothing on standard output" "$(wc -c <"$OUT")" 0
dry 0 "$IMGZ" capture -n - out/new.gz <disk
expect_text '^size       unknown'
dry 0 "$IMGZ" capture -n --json - out/new.gz < <(cat disk)
reported 'r["raw_bytes"] is None and r["estimated_image_bytes"] is None'
: >empty
dry 0 "$IMGZ" capture -n empty out/new.gz

title "what would fail fails"
dry 1 "$IMGZ" capture -n disk disk.gz
expect_text '^imgz: disk.gz exists and was not changed'
dry 0 "$IMGZ" capture -n -f disk disk.gz
expect_text ', replacing an existing file'
dry 1 "$IMGZ" capture -n missing out/new.gz
dry 1 "$IMGZ" capture -n disk nowhere/new.gz
dry 2 "$IMGZ" capture -n disk disk
dry 3 "$IMGZ" capture -n --size 5M disk out/new.gz
dry 3 "$IMGZ" restore -n disk out/new
dry 1 "$IMGZ" restore -n disk.gz disk
cp disk.gz cut.gz
truncate -s -100 cut.gz
dry 3 "$IMGZ" restore -n cut.gz out/new
if have_root && have setpriv; then
    mkdir -m 755 closed
    chmod 755 . && chmod 644 disk disk.gz
    for job in "capture -n disk" "restore -n disk.gz"; do
        # shellcheck disable=SC2086 # words of a command
        dry 1 setpriv --reuid 65534 --clear-groups "$IMGZ" $job closed/new
        expect_text '^imgz: creating closed/new: Permission denied'
    done
fi

title "what an interrupted run left"
head -c 3000000 disk.gz >out/new.gz.partial
dry 1 "$IMGZ" capture -n disk out/new.gz
expect_text 'is left from an interrupted run'
dry 0 "$IMGZ" capture -n --discard-partial disk out/new.gz
expect_text ', a new file'
dry 0 "$IMGZ" capture -n --json --resume disk out/new.gz
reported 'r["partial_bytes"] == 3000000'
dry 0 "$IMGZ" capture -n --resume disk out/new.gz
expect_text 'going on from .* of an interrupted run'
echo precious >out/new.gz.partial
for flag in "" --resume --discard-partial; do
    # shellcheck disable=SC2086 # nothing, or a word
    dry 1 "$IMGZ" capture -n $flag disk out/new.gz
    expect_text 'may not be from an interrupted run'
done
rm out/new.gz.partial

title "an image and its map"
expect_exit 0 "$IMGZ" capture -q --on-error=zero --map map disk mapped.gz
sed -i 's/^0x00000000 .* +$/0x00000000 0x00001000 */' map
printf '0x00001000 0x%x +\n' "$(($(stat -c %s disk) - 4096))" >>map
dry 0 "$IMGZ" capture -n --on-error=zero --map map disk mapped.gz
expect_text '^dry run    would read the 4 KiB of disk that mapped.gz lacks; nothing was written'

title "restore"
dry 0 "$IMGZ" restore -n disk.gz out/copy
expect_text 'would restore disk.gz \(60 MiB, .* of it data\) to out/copy, a new file; nothing'
expect_text '^room       .* free there, enough'
dry 0 "$IMGZ" restore -n --json disk.gz out/copy
reported 'r["dry_run"] and r["raw_bytes"] == 60 << 20 and 0 < r["written_bytes"] <= 41 << 20'
dry 0 "$IMGZ" restore -n - out/copy <disk.gz
mkfifo fifo
dry 0 "$IMGZ" restore -n disk.gz fifo

title "no room"
if have_root; then
    mkdir tight
    if mount_at none tight -t tmpfs -o size=8m; then
        dry 1 "$IMGZ" restore -n disk.gz tight/copy
        expect_text 'only .* are free'
        dry 0 "$IMGZ" restore -n --override no-room disk.gz tight/copy
        expect_text '^room       8 MiB free there, probably too little'
        dry 0 "$IMGZ" capture -n -0 disk tight/new.gz
        expect_text '^room       8 MiB free there, probably too little'
        umount_at tight
    else
        skip "no room" "no file system can be mounted here"
    fi
fi

title "drives"
if have_loop; then
    fill random 67108864 2 >drive
    cp drive before
    attach drive
    expect_exit 0 "$IMGZ" restore -n disk.gz "$LOOP" </dev/null
    expect_text "^writing to $LOOP"
    expect_text "would restore disk.gz .* to $LOOP; nothing was written"
    expect_exit 0 "$IMGZ" restore -n --yes --discard --read-back disk.gz "$LOOP"
    expect_exit 0 "$IMGZ" capture -n "$LOOP" out/new.gz
    expect_text "would capture $LOOP"
    detach "$LOOP"
    ok "the drive is as it was" same drive before
    truncate -s 32M drive
    attach drive
    expect_error 1 "too small" -- "$IMGZ" restore -n disk.gz "$LOOP"
    detach "$LOOP"
    if have sfdisk; then
        truncate -s 0 table && truncate -s 60M table
        printf 'label: gpt\n' | sfdisk -q table
        expect_exit 0 "$IMGZ" capture -q table table.gz
        truncate -s 64M drive
        attach drive --sector-size 4096
        expect_error 1 "made for sectors of 512" -- "$IMGZ" restore -n table.gz "$LOOP"
        detach "$LOOP"
    fi
else
    skip drives "no loop devices here"
fi
finish
