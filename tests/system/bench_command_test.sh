#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# imgz bench measures on the built-in mix, on files and on drives, says what follows in a table and
# in JSON, writes nothing it was not asked to, and leaves nothing behind however it ends. That its
# figures are large or small is nobody's business here.
source "$(dirname "$0")/lib.sh"
need python3 cmp

fill mixed 12000000 1 >disk
truncate -s 40M disk
python3 "$LAYOUT" put disk 30000000 text 3000000 2
sha256sum disk >disk.sum
mkdir folder

# Small chunks, so that the slowest level is done soon in a build with sanitizers too.
bench=("$IMGZ" bench --seconds 1 --chunk-size 64K)

cat >check.py <<'PYTHON'
# check.py REPORT KINDS...: the one JSON object is whole and agrees with itself.
import json
import sys

report = json.load(open(sys.argv[1], encoding="utf-8"))
kinds = sys.argv[2:]
rows = report["rows"]
levels = ["0", "fast"] + [str(level) for level in range(1, 13)]
at = kinds.index("capture")
kinds[at:at + 1] = ["capture"] * len(levels)

assert report["ok"] is True and report["exit_code"] == 0 and report["command"] == "bench", report
assert [row["kind"] for row in rows] == kinds, [row["kind"] for row in rows]
captures = [row for row in rows if row["kind"] == "capture"]
assert [row["level"] for row in captures] == levels, captures
for row in rows:
    assert row["bytes"] > 0 and row["elapsed_ns"] > 0, row
    speed = row["bytes"] * 1e9 / row["elapsed_ns"]
    assert abs(row["bytes_per_second"] - speed) <= 1 + speed / 1e6, row
    assert row["thread_count"] in (1, report["thread_count"]), row
assert 0 < report["sample_bytes"] <= 64 << 20, report
assert 0 <= report["sample_zero_bytes"] <= report["sample_bytes"], report
assert report["chunk_count"] * report["chunk_bytes"] >= report["sample_bytes"], report
assert 0 < report["processor_percent"] <= 100, report
assert report["advice"] and all("\n" not in line for line in report["advice"]), report
for row in captures:
    assert 0 < row["sample_image_bytes"] < 1.02 * report["sample_bytes"], row
assert all(row["sample_image_bytes"] < captures[0]["sample_image_bytes"] for row in captures[1:])

read = report["read_bytes_per_second"]
if report["path"] is None:
    assert read is None and report["source_bytes"] is None, report
    assert report["level_kept_up"] is None, report
    assert all(row["keeps_up"] is None and row["source_ns"] is None for row in captures), captures
else:
    assert read == rows[0]["bytes_per_second"], report
    for row in captures:
        assert row["keeps_up"] is (row["bytes_per_second"] >= read) or \
            abs(row["bytes_per_second"] - read) <= 1, row
        assert row["source_image_bytes"] > 0 and row["source_ns"] > 0, row
    kept = [row["level"] for row in captures[1:] if row["keeps_up"]]
    assert report["level_kept_up"] == (kept[-1] if kept else None), report
PYTHON

kinds=(zero-test hash hash-sha256 crc32 capture decode) # whatever is measured

title "the built-in mix"
expect_exit 0 "${bench[@]}"
equal "nothing on stderr" "$(cat "$ERR")" ""
for row in 'zero test' hash 'hash sha256' crc32 'capture 0' 'capture fast' 'capture 12' decode; do
    expect_out "^$row +[0-9.]+ [MG]B/s"
done
expect_out '^capture 6 .* [0-9.]+:1'
expect_out 'bench FILE'
no "the default hash is not named" grep -q 'chunk hash' "$OUT"
no "nothing was read" grep -Eq '^read|keeps up$' "$OUT"
no "no line ends in a blank" grep -q ' $' "$OUT"
expect_exit 0 "${bench[@]}" --json --threads 3
equal "nothing on stderr" "$(cat "$ERR")" ""
ok "the report" python3 check.py "$OUT" "${kinds[@]}"
ok "a quarter of the mix is zeros" grep -q '"sample_zero_bytes": 16777216,' "$OUT"
ok "as many threads as asked for" grep -q '"thread_count": 3' "$OUT"

title "a file"
expect_exit 0 "${bench[@]}" disk
expect_out '^disk \(40 MiB\): a sample of'
expect_out '^read .* [0-9.]+ [MG]B/s'
expect_out '^ +speed +ratio +keeps up$'
expect_out '^capture 0 .* (yes|no) '
expect_out 'level .* (keep|comes closest)'
expect_out 'A capture of all of it takes'
expect_out 'The image would be about'
no "no line ends in a blank" grep -q ' $' "$OUT"
expect_exit 0 "${bench[@]}" --json --direct=off disk
ok "the report" python3 check.py "$OUT" read-cached "${kinds[@]}"
cp "$OUT" report
ok "its size" grep -q '"source_bytes": 41943040,' report
if have_holes; then
    ok "its holes" python3 -c 'import json, os, sys
report = json.load(open("report"))
holes = 41943040 - os.stat("disk").st_blocks * 512
assert abs(report["source_hole_bytes"] - holes) <= 1 << 20, (report, holes)'
else
    skip holes "this file system keeps none"
fi
# All of the disk's data is in the sample, and level fast comes to all of that.
"$IMGZ" capture -q --chunk-size 64K disk disk.gz
ok "the image is as large as was said" python3 -c 'import json, os
rows = json.load(open("report"))["rows"]
said = [row["source_image_bytes"] for row in rows if row["level"] == "fast"][0]
size = os.stat("disk.gz").st_size
assert abs(said - size) <= size / 100 + 32768, (said, size)'
rm disk.gz
printf x >tiny
expect_exit 0 "${bench[@]}" tiny
expect_out 'little data'
truncate -s 10M hole
expect_exit 0 "${bench[@]}" hole
have_holes && expect_out '^All of it is a hole'
expect_exit 0 "${bench[@]}" --json hole
ok "the report is JSON" python3 -m json.tool "$OUT"

title "drives and other file systems"
if have_root && have_loop; then
    attach disk --read-only
    expect_exit 0 "${bench[@]}" --json "$LOOP"
    ok "the report" python3 check.py "$OUT" read-direct "${kinds[@]}"
    expect_exit 0 "${bench[@]}" --json --direct=off "$LOOP"
    ok "the report" python3 check.py "$OUT" read-cached "${kinds[@]}"
    detach "$LOOP"
else
    skip drives "loop devices cannot be attached here"
fi
if have_root && mount_at tmpfs memory -t tmpfs 2>/dev/null; then
    cp disk memory
    expect_exit 0 "${bench[@]}" --json memory/disk
    ok "the report is JSON" python3 -m json.tool "$OUT"
    umount_at memory
else
    skip tmpfs "it cannot be mounted here"
fi

title "another chunk hash"
expect_exit 0 "${bench[@]}" --chunk-hash sha256 --write-to folder tiny
expect_out '^tiny \(.*, chunks of 64 KiB, chunk hash sha256$'
expect_out '^hash +[0-9.]+ [MG]B/s +XXH3-128, the default$'
expect_out '^hash sha256 +[0-9.]+ [MG]B/s +SHA-256, for --chunk-hash sha256$'
expect_exit 0 "${bench[@]}" --chunk-hash sha256 --json tiny
ok "JSON names it" grep -q '"chunk_hash": "sha256"' "$OUT"
ok "and the default" grep -q '"chunk_hash": "xxh3"' report

title "a busy machine"
expect_exit 0 "${bench[@]}" --json --threads $(($(nproc) < 128 ? 8 * $(nproc) : 1024)) disk
ok "is told from an idle one" grep -q 'had a processor for only' "$OUT"

title "restoring to a folder"
expect_exit 0 "${bench[@]}" --json --direct=off --write-to folder disk
ok "the report" python3 check.py "$OUT" read-cached "${kinds[@]}" restore
equal "nothing is left there" "$(ls -A folder)" ""
expect_exit 0 "${bench[@]}" --write-to folder disk
expect_out '^restore +[0-9.]+ [MG]B/s'
expect_out 'Restoring to folder'
equal "nothing is left there" "$(ls -A folder)" ""

title "stopped"
for signal in INT TERM; do
    launch "$IMGZ" bench --seconds 300 --chunk-size 64K --write-to folder disk
    ok "the first row comes at once" wait_until grep -q '^read' "$OUT"
    kill -"$signal" "$CHILD"
    reap
    equal "exit code of SIG$signal" "$CODE" $((128 + $(kill -l "$signal")))
    expect_text "stopped by SIG$signal"
    equal "nothing is left" "$(ls -A folder)" ""
done
launch "$IMGZ" bench --seconds 20 --chunk-size 64K --write-to folder --json tiny
ok "the file is there" wait_until compgen -G 'folder/*.partial'
kill -INT "$CHILD"
reap
equal "exit code" "$CODE" 130
equal "the file is gone" "$(ls -A folder)" ""
ok "what was measured is told" python3 -c 'import json, sys
report = json.load(open(sys.argv[1]))
assert report["ok"] is False and report["exit_code"] == 130, report
assert report["error"]["code"] == "ECANCELED", report
assert [row["kind"] for row in report["rows"]][-1] == "decode", report' "$OUT"

title "what is said meanwhile"
expect_exit 0 "${bench[@]}" --quiet tiny
equal "nothing on stderr" "$(cat "$ERR")" ""
expect_exit 0 "${bench[@]}" --verbose tiny
expect_text '^imgz: measuring capture 6: '
expect_exit 0 "$IMGZ" bench --seconds 4 --chunk-size 64K --progress=json tiny
ok "lines of JSON" python3 -c 'import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
assert lines and all(line["event"] == "progress" for line in lines), lines
assert lines[-1]["phase"] == "finish", lines' "$ERR"
if have script; then
    script -qec "'$IMGZ' bench --seconds 2 --chunk-size 64K tiny" /dev/null >typescript </dev/null
    ok "on a terminal it shows what it is at" grep -aq 'capture 1 \.\.\.' typescript
fi

title "what cannot be measured"
mkfifo pipe
: >empty
expect_error 1 'missing.*No such file' -- "$IMGZ" bench missing
expect_error 1 'folder.*directory' -- "$IMGZ" bench folder
expect_error 1 'empty.*is empty' -- "$IMGZ" bench empty
expect_error 2 'pipe.*neither' -- "$IMGZ" bench pipe
expect_error 2 'null.*neither' -- "$IMGZ" bench /dev/null
expect_error 2 'stream' -- "$IMGZ" bench -
expect_error 1 'nowhere.*No such file' -- "$IMGZ" bench --write-to nowhere disk
expect_error 1 'tiny.*Not a directory' -- "$IMGZ" bench --write-to tiny disk
expect_error 2 'many' -- "$IMGZ" bench disk disk
expect_error 2 'empty' -- "$IMGZ" bench ''
expect_error 2 'level' -- "$IMGZ" bench -6 disk
expect_error 2 'xxh3 or sha256' -- "$IMGZ" bench --chunk-hash md5 disk
expect_error 2 'digest' -- "$IMGZ" bench --digest sha256 disk
for seconds in 0 3601 -1 1.5 many ''; do
    expect_error 2 'seconds' -- "$IMGZ" bench --seconds "$seconds" disk
done
expect_error 2 'write-to' -- "$IMGZ" bench --write-to '' disk
expect_error 2 'seconds' -- "$IMGZ" restore --seconds 3 disk new
expect_exit 1 "$IMGZ" bench --json missing
ok "a failure is JSON too" python3 -c 'import json, sys
report = json.load(open(sys.argv[1]))
assert report["ok"] is False and report["error"]["code"] == "ENOENT", report
assert report["rows"] == [] and report["advice"] == [], report
assert report["chunk_hash"] is None, report' "$OUT"
if [[ -z $SANITIZED ]]; then
    expect_error 1 'out of memory' -- bash -c 'ulimit -v 120000 && exec "$@"' - "$IMGZ" bench
else
    skip memory "a sanitizer needs it for itself"
fi

ok "the source is as it was" sha256sum --check --status disk.sum
equal "nothing else was made" "$(ls -d ./*imgz* ./*partial* 2>/dev/null)" ""

finish
