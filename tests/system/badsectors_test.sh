#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A source with sectors that cannot be read: by default the first one ends the capture, and is
# named; with --on-error=zero exactly they are zeros, everything else is in its place, the exit code
# is 4, and image, report and screen say which they are.
source "$(dirname "$0")/lib.sh"
source "$HERE/faultdisk.sh"
need python3 gunzip cmp
need_loop

fill mixed 12000000 1 >disk
truncate -s 12M disk
cp disk backing
serve_disk backing mnt

# ranges_are LIST: the last --json report's unreadable ranges, as Python writes them.
ranges_are() {
    ok "the report names $1" python3 -c 'import json, sys
report = json.load(open(sys.argv[1]))
found = [(r["offset"], r["bytes"]) for r in report["unreadable"]]
wanted = eval(sys.argv[2])
assert found == wanted, found
assert report["unreadable_bytes"] == sum(bytes for _, bytes in wanted), report
assert report["unreadable_range_count"] == len(wanted), report
assert report["ok"] is False and report["exit_code"] == 4 and "error" not in report, report' \
        report.json "$1"
}

# saved SOURCE LIST: capture of SOURCE loses exactly what 'wanted' has as zeros.
saved() {
    local source=$1
    shift
    expect_exit 4 "$IMGZ" capture --force --json --on-error=zero "$@" "$source" out.gz
    cp "$OUT" report.json
    ok "only bad sectors are zeros" gunzips_to out.gz wanted
    expect_exit 0 "$IMGZ" verify -q out.gz
}

# told WHICH COMMAND...: the job is done, exit code 0, and its report names what the last capture's
# does.
told() {
    local which=$1
    shift
    expect_exit 0 "$@"
    ok "the report of $which names what the image lacks" python3 -c 'import json, sys
captured, report = (json.load(open(path)) for path in sys.argv[1:])
assert report["ok"] is True and report["exit_code"] == 0, report
for key in "unreadable_bytes", "unreadable_range_count", "unreadable":
    assert report[key] == captured[key] != 0, report' report.json "$OUT"
}

attach mnt/disk --direct-io=on
title "one bad sector, on a device"
rule clear 'fail r 1049088 512 5 -1'
expect_error 1 'offset 1049088' 'Input/output error' 'on-error=zero' -- \
    "$IMGZ" capture "$LOOP" out.gz
rest_as_told out.gz
zeroed 1049088 512
saved "$LOOP"
ranges_are '[(1049088, 512)]'
expect_exit 4 "$IMGZ" capture --force -v --on-error=zero "$LOOP" out.gz
expect_text '^unreadable 512 B in 1 place, the first at byte 1049088'
expect_text "$LOOP is unreadable at offset 1049088"
expect_exit 0 "$IMGZ" info out.gz
expect_out 'unreadable.bytes  *512'
expect_out 'unreadable.ranges  *1049088\+512'
expect_error 1 'offset 1049088' -- "$IMGZ" hash "$LOOP"
expect_error 1 'offset 1049088' -- "$IMGZ" verify out.gz --against "$LOOP"

title "what reads the image tells of it"
SAYS='^unreadable 512 B in 1 place, the first at byte 1049088; the image has zeros there'
for job in 'verify out.gz' 'verify --scrub out.gz' 'verify out.gz --against wanted' \
    'restore --force out.gz back' 'hash -v out.gz'; do
    # shellcheck disable=SC2086 # the words of a command line
    expect_exit 0 "$IMGZ" $job
    expect_text "$SAYS"
    # shellcheck disable=SC2086
    told "$job" "$IMGZ" ${job% -v} --json
done
ok "it has zeros there" same back wanted
expect_exit 0 bash -c '"$1" restore - - <out.gz >back' - "$IMGZ"
expect_text "$SAYS"
ok "through pipes, too" same back wanted
expect_exit 0 bash -c 'cat out.gz | "$1" verify -' - "$IMGZ"
expect_text "$SAYS"
told 'a pipe' bash -c 'cat out.gz | "$1" verify --json -' - "$IMGZ"
expect_exit 3 "$IMGZ" verify --json out.gz --against disk
expect_out '"unreadable": \[{"offset": 1049088, "bytes": 512}\]'
expect_exit 0 "$IMGZ" verify -q out.gz
ok "nothing is said if nothing is asked for" test ! -s "$ERR"
expect_exit 0 "$IMGZ" capture -q disk whole.gz
expect_exit 0 "$IMGZ" verify --json whole.gz
expect_out '"unreadable_bytes": 0, "unreadable_range_count": 0, "unreadable": \[\]'
no "nothing is said of what lacks nothing" grep unreadable "$ERR"

title "an image that lies about it"
# lie KEY VALUE: lie.gz is out.gz with other metadata, their hash made right.
lie() {
    python3 - "$HERE" "$@" <<'PYTHON'
import sys
sys.path.insert(0, sys.argv[1])
import damage

image = open("out.gz", "rb").read()
note = next(note for note in damage.read_notes(image) if note.kind == "meta")
lines = damage.uncarry_exactly(image, note).decode().splitlines(keepends=True)
key = sys.argv[2]
assert sum(line.startswith(key + "=") for line in lines) == 1
text = "".join(f"{key}={sys.argv[3]}\n" if line.startswith(key + "=") else line
               for line in lines).encode()
changed = damage.with_note(image, note, payload_bytes=len(text), payload_xxh3=damage.xxh3_64(text))
open("lie.gz", "wb").write(changed[:note.payload_offset] + damage.carry(text) + image[note.end:])
PYTHON
}
MANY=$(python3 -c 'print(" ".join(f"{2 * i}+1" for i in range(10000)))')
for lie in 'bytes 18446744073709551615' 'bytes 1000000000000000000000' 'bytes 0' 'bytes many' \
    'range-count 2' 'range-count 18446744073709551615' 'ranges 1049088' 'ranges 1049088+0' \
    'ranges 12582912+512' 'ranges 1049088+512 512+512' "ranges $MANY" \
    'ranges 18446744073709551615+18446744073709551615'; do
    ok "a lie: ${lie:0:40}" lie "unreadable.${lie%% *}" "${lie#* }"
    for job in 'verify lie.gz' 'restore --force lie.gz back'; do
        # shellcheck disable=SC2086
        expect_exit 0 "$IMGZ" $job -v --json
        expect_out '"unreadable_bytes": 0, "unreadable_range_count": 0, "unreadable": \[\]'
        expect_text 'list of unreadable ranges in lie.gz is invalid'
    done
    ok "the disk is there" same back wanted
done
rm back

title "several, the ends of chunks and of the disk among them"
rule clear 'fail r 0 512 5 -1' 'fail r 1048064 1024 5 -1' 'fail r 3000320 4096 5 -1' \
    'fail r 12582400 512 5 -1'
zeroed 0 512 1048064 1024 3000320 4096 12582400 512
saved "$LOOP"
ranges_are '[(0, 512), (1048064, 1024), (3000320, 4096), (12582400, 512)]'
saved "$LOOP" --threads 1 --chunk-size 64K
ranges_are '[(0, 512), (1048064, 1024), (3000320, 4096), (12582400, 512)]'

title "through the page cache"
saved "$LOOP" --direct=off
ranges_are '[(0, 512), (1048064, 1024), (3000320, 4096), (12582400, 512)]'

title "a whole chunk and more"
rule clear 'fail r 2097152 1500160 5 -1'
zeroed 2097152 1500160
saved "$LOOP"
ranges_are '[(2097152, 1500160)]'

title "other errors of a medium"
rule clear 'fail r 5000192 512 61 -1' 'fail r 6000128 512 110 -1'
zeroed 5000192 512 6000128 512
saved "$LOOP"
ranges_are '[(5000192, 512), (6000128, 512)]'

title "errors that pass"
rule clear 'fail r 7000064 512 5 2'
expect_exit 0 "$IMGZ" capture --force --json "$LOOP" out.gz
ok "nothing is lost" gunzips_to out.gz disk
rule clear 'fail r 7000064 512 5 40'
expect_exit 0 "$IMGZ" capture --force --json --retries 100 "$LOOP" out.gz
ok "nothing is lost with many retries" gunzips_to out.gz disk
rule clear 'fail r 7000064 512 5 40'
expect_exit 1 "$IMGZ" capture --retries 0 "$LOOP" none.gz
rest_as_told none.gz
detach "$LOOP"

title "a file"
rule clear 'fail r 4096000 4096 5 -1' 'fail r 9000960 512 5 -1'
zeroed 4096000 4096 8998912 4096
saved mnt/disk
ranges_are '[(4096000, 4096), (8998912, 4096)]'
expect_error 1 'offset 4096000' -- "$IMGZ" capture mnt/disk none.gz
rest_as_told none.gz

title "an image that cannot be read is not zeros"
rule clear
expect_exit 0 "$IMGZ" capture -q --force disk out.gz
cp out.gz image-backing
serve_disk image-backing image-mnt
rule 'fail r 1000000 512 5 -1'
expect_error 1 'Input/output error' -- "$IMGZ" verify image-mnt/disk
expect_error 1 'Input/output error' -- "$IMGZ" restore image-mnt/disk back
rest_as_told back
rule clear 'fail r 1000000 512 5 1'
expect_exit 0 "$IMGZ" verify -q image-mnt/disk

title "the command line"
expect_error 2 'stop or zero' -- "$IMGZ" capture --on-error=ignore disk none.gz
expect_error 2 'from 0 to' -- "$IMGZ" capture --retries=-1 disk none.gz
expect_error 2 'takes no --on-error' -- "$IMGZ" hash --on-error=zero disk

finish
