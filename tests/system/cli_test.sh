#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What scripts rely on: exit codes, what goes to which stream, JSON and its keys, and that a wrong
# command line is refused with a word of help before anything is done.
source "$(dirname "$0")/lib.sh"
need python3 gunzip cmp

COMMANDS=(capture restore verify hash info devices bench)
fill mixed 3000000 1 >disk
expect_exit 0 "$IMGZ" capture -q --digest sha256 disk disk.gz

# usage PATTERN ARGUMENTS...: exit 2, a message, nothing on stdout, nothing made.
usage() {
    local pattern=$1
    shift
    expect_error 2 "$pattern" -- "$IMGZ" "$@"
    [[ " $* " == *" --json "* ]] || equal "nothing on stdout" "$(cat "$OUT")" ""
    expect_text "Try 'imgz.* --help'"
    absent new
}

title "help and version"
expect_exit 0 "$IMGZ" --version
expect_out '^imgz [0-9]+\.[0-9]+\.[0-9]+'
expect_exit 0 "$IMGZ" --help
for command in "${COMMANDS[@]}"; do
    expect_out "^ *$command "
done
equal "help is no error" "$(cat "$ERR")" ""
cp "$OUT" help
expect_exit 0 "$IMGZ" -h
ok "-h is --help" same help "$OUT"
for command in "${COMMANDS[@]}"; do
    expect_exit 0 "$IMGZ" "$command" --help
    expect_out "imgz $command"
    equal "$command --help says nothing on stderr" "$(cat "$ERR")" ""
    no "no line of it is longer than 100 columns" grep -E '^.{101}' "$OUT"
    [[ $command == devices || $command == info ]] || expect_out '--threads'
    expect_exit 0 "$IMGZ" "$command" -h
done
for command in "${COMMANDS[@]}"; do
    expect_exit 0 "$IMGZ" "$command" --help
    cp "$OUT" help.command
    expect_exit 0 "$IMGZ" help "$command"
    ok "help $command is $command --help" same help.command "$OUT"
done
expect_exit 0 "$IMGZ" help
ok "help is --help" same help "$OUT"
usage "capture" help captrue
usage "one command" help capture restore
expect_exit 0 "$IMGZ" -V
expect_out '^imgz [0-9]+\.[0-9]+\.[0-9]+'
expect_exit 0 "$IMGZ" capture disk new --help # help wins and nothing is done
absent new

title "wrong command lines"
usage 'command'
usage "captrue.*capture" captrue disk new
usage 'frobnicate' frobnicate
usage 'SOURCE' capture
usage 'IMAGE' capture disk
usage 'IMAGE' restore
usage 'TARGET' restore disk.gz
usage 'IMAGE' verify
usage 'many' capture disk new third
usage 'many' devices disk
usage 'empty' capture '' new
usage 'empty' capture disk ''
usage 'frobnicate' capture --frobnicate disk new
usage 'thread.*--threads' capture --thread 2 disk new
usage "unknown option '-z'" capture -z disk new
usage 'level' restore -6 disk.gz new
usage 'force' hash --force disk
for level in 13 -1 99999999999999999999 best 1x 0x1 '' ' 1' +1; do
    usage 'level' capture --level "$level" disk new
done
usage 'level' capture -13 disk new
usage 'level' capture --level=13 disk new
for threads in -1 1025 99999999999999999999 many '' 2.5; do
    usage 'threads' capture --threads "$threads" disk new
done
for chunk in 0 1 65535 65537 32768 32M 33554432 1000000 3M 1MB M 18446744073709551616K '' -65536; do
    usage 'chunk-size' capture --chunk-size "$chunk" disk new
done
usage 'digest' capture --digest '' disk new
usage 'direct' capture --direct maybe disk new
usage 'progress' capture --progress never disk new
usage 'json' capture --json disk -
usage 'json' restore --json disk.gz -
usage 'quiet' capture -q -v disk new
usage 'value|needs' capture disk new --threads
# The list of digests is the library's to judge.
for digests in sha257 sha256,,md5 sha256,frob ,sha256 'sha256,'; do
    expect_error 2 "digest" -- "$IMGZ" capture --digest "$digests" disk new
    absent new
done

title "what users of gzip, zstd, dd and qemu-img type"
usage "list.*'imgz info IMAGE'.*'imgz devices'" list disk.gz
usage "convert.*'imgz capture SOURCE IMAGE'" convert disk new
usage "extract.*'imgz restore IMAGE TARGET'" extract disk.gz new
usage "compare.*'imgz verify IMAGE --against SOURCE'" compare disk.gz disk
usage "version.*'imgz --version'" version
usage "imgz restore" -d disk.gz
usage "plain paths.*'imgz capture SOURCE IMAGE'" if=disk of=new
usage "plain paths.*'./if=disk'" capture if=disk of=new
usage "plain paths" restore disk.gz of=new bs=1M
usage "unknown option '-c'; name '-'" capture -c disk
usage "unknown option '-k'; imgz never removes" capture -k disk new
usage "unknown option '-d'; use 'imgz restore" capture -d disk.gz
usage "unknown option '-t'; use 'imgz verify" info -t disk.gz
usage "unknown option '--best'; use -12" capture --best disk new
usage "unknown option '--sha256'; use --digest" hash --sha256=x disk
expect_error 3 "not a gzip file" -- "$IMGZ" restore disk new.gz
expect_text "Did you mean 'imgz capture disk new.gz'"
expect_error 3 "not a gzip file" -- "$IMGZ" restore disk new
no "without a sign of it, it does not guess" grep -q 'Did you mean' "$ERR"
absent new
cp disk if=disk
expect_exit 0 "$IMGZ" capture -q ./if=disk ./of=new
ok "a file of such a name can be captured" gunzips_to ./of=new disk
rm -f ./if=disk ./of=new

title "ways to write an option"
expect_exit 0 "$IMGZ" capture -q --reproducible --level 12 --threads 2 --chunk-size 64K disk a
for words in "-12" "--level=12" "-6 -12" "--level 3 --level 12"; do
    # shellcheck disable=SC2086 # several words
    expect_exit 0 "$IMGZ" capture -q --force --reproducible $words --chunk-size=65536 disk b
    ok "$words is level 12" same a b
done
expect_exit 0 "$IMGZ" capture disk --force -q b --reproducible -12 --chunk-size 64KiB
ok "options and operands in any order" same a b
expect_exit 0 "$IMGZ" capture -q --force --level fast disk b
for words in -T1 "-T 1" "-T 0" -T0 "--threads 0"; do
    # shellcheck disable=SC2086 # several words
    expect_exit 0 "$IMGZ" capture -q -f --reproducible --level 12 --chunk-size 64K $words disk b
    ok "-f and $words" same a b
done
expect_exit 0 "$IMGZ" verify -v -T 3 b
expect_text 'used +3 threads'
expect_exit 0 "$IMGZ" capture -q --force -0 disk b
ok "level 0 stores" test "$(stat -c %s b)" -ge 1500000

title "exit codes and what is said"
expect_exit 0 "$IMGZ" capture disk new
equal "capture prints nothing on stdout" "$(cat "$OUT")" ""
expect_text 'captured.*disk.*new'
expect_text 'root hash  [0-9a-f]{32}'
expect_text '/s'
expect_exit 0 "$IMGZ" verify new
equal "verify prints nothing on stdout" "$(cat "$OUT")" ""
expect_text 'verified'
rm -f back
expect_exit 0 "$IMGZ" restore new back
equal "restore prints nothing on stdout" "$(cat "$OUT")" ""
expect_text 'restored'
expect_exit 0 "$IMGZ" verify new --against disk
expect_text 'equal'
rm -f quiet back
for words in "capture -q disk quiet" "verify -q quiet" "restore -q quiet back" \
    "verify -q quiet --against back" "capture --quiet --force disk quiet"; do
    # shellcheck disable=SC2086
    expect_exit 0 "$IMGZ" $words
    equal "$words is silent" "$(cat "$OUT" "$ERR")" ""
done
expect_exit 0 "$IMGZ" hash -q disk
equal "hash -q still hashes" "$(wc -l <"$OUT")" 1
equal "and says nothing else" "$(cat "$ERR")" ""
expect_exit 0 "$IMGZ" capture -v --force disk quiet
expect_text '(io_uring|pread)'
expect_text 'thread'
# Failures are said even with -q, in one line.
expect_error 1 missing -- "$IMGZ" capture -q missing other
equal "one line" "$(wc -l <"$ERR")" 1
cp disk.gz bad.gz
flip bad.gz 200000 1
expect_error 3 bad.gz -- "$IMGZ" verify -q bad.gz
equal "one line" "$(wc -l <"$ERR")" 1

title "no word too much, none that is not true"
fill mixed 900000 3 >little
expect_exit 0 "$IMGZ" capture -v -T 1 little little.gz
expect_text ' 1 worker, '
expect_text 'used +1 thread, '
expect_exit 0 "$IMGZ" verify little.gz
expect_text ' 1 chunk, all good'
expect_exit 0 "$IMGZ" verify disk.gz --against disk
expect_text ' 3 chunks, all equal'
cp disk other
flip other 100000 1
flip other 2500000 1
expect_error 3 'they differ in 2 of 3 chunks of 1024 KiB' -- "$IMGZ" verify disk.gz --against other
no "what differs is not called bad" grep -q bad "$ERR"
expect_error 3 'other.* it has 879 KiB .900000 bytes.' -- \
    bash -c 'cp little other; exec "$1" verify disk.gz --against other' - "$IMGZ"
truncate -s 500M hole
for words in "capture -f hole hole.gz" "verify hole.gz" "verify hole.gz --against hole"; do
    # shellcheck disable=SC2086 # several words
    expect_exit 0 "$IMGZ" $words
    expect_text '^time +[0-9.]+ s'
    no "$words: no speed where nothing was read" grep -q '/s' "$ERR"
done
dd if=disk of=hole bs=1M count=1 seek=100 conv=notrunc status=none
expect_exit 0 "$IMGZ" capture -f hole hole.gz
expect_text '^time .*/s of data'
expect_exit 0 "$IMGZ" capture --help
no "capture names no reasons that only restore has" grep -qE 'mounted|held' "$OUT"
rm -f hole hole.gz little little.gz other

title "JSON"
# json CODE KEYS ARGUMENTS...: stdout holds exactly one object with these keys and 'ok' and
# 'exit_code' as the exit code says; a failure has an error with its own keys.
json() {
    local code=$1 keys=$2
    shift 2
    expect_exit "$code" "$IMGZ" "$@"
    ok "its one object: $*" python3 check.py "$OUT" "$code" "$keys" "$1"
}
cat >check.py <<'PYTHON'
import json
import sys

text = open(sys.argv[1], encoding="utf-8").read()
code, keys, command = int(sys.argv[2]), sys.argv[3].split(), sys.argv[4]
report = json.loads(text)  # fails if anything follows the object
assert isinstance(report, dict), report
assert report["ok"] is (code == 0), report
assert report["exit_code"] == code, report
assert report["command"] in (command, None), report
for key in keys:
    assert key in report, f"no {key} in {report}"
if code != 0:
    error = report["error"]
    assert {"stage", "reason", "path", "offset", "text", "code"} <= set(error), error
    assert error["text"] and "\n" not in error["text"], error
    assert error["path"] is None or isinstance(error["path"], str), error
    assert error["offset"] is None or isinstance(error["offset"], int), error
else:
    assert "error" not in report or report["error"] is None, report
PYTHON
job="raw_bytes image_bytes zero_bytes chunk_bytes chunk_count root_hash crc32 digests elapsed_ns
thread_count io"
rm -f new back
json 0 "$job source image" capture --json disk new
json 0 "$job image target" restore --json new back
json 0 "$job image" verify --json new
json 0 "$job image against" verify --json new --against disk
json 0 "$job path" hash --json --digest sha256 disk
ok "the digest is that of sha256sum" grep -q "$(sha256sum <disk | cut -d' ' -f 1)" "$OUT"
json 0 "image raw_bytes image_bytes zero_bytes chunk_bytes root_hash meta" info --json disk.gz
json 0 "devices" devices --json
json 0 "machine allowed quota_millis worker_count slot_count slot_bytes memory_bytes binding reason
nodes workers" info --topology --json
json 1 "" capture --json missing other
ok "the error names the path" python3 -c 'import json, sys
assert json.load(open(sys.argv[1]))["error"]["path"] == "missing"' "$OUT"
json 1 "" capture --json disk new
json 3 "image" verify --json bad.gz
ok "the error has an offset" python3 -c 'import json, sys
error = json.load(open(sys.argv[1]))["error"]
assert isinstance(error["offset"], int), error' "$OUT"
json 3 "image" restore --json bad.gz other
json 3 "image against" verify --json disk.gz --against bad.gz
json 3 "image" info --json disk
json 2 "" capture --json
json 2 "" capture --json --level 13 disk other
json 2 "" restore --json disk.gz -
json 2 "" frobnicate --json
printf -v name 'quote" backslash\\ line\nbreak latin1\xe9'
cp disk "$name"
rm -f new
json 0 "$job" capture --json "$name" new
json 0 "meta" info --json new
rm -f "$name"

title "JSON: the CRC-32 is the disk's, or null"
sum=$(python3 -c 'import sys, zlib
print("%08x" % zlib.crc32(open(sys.argv[1], "rb").read()))' disk)
# crc WANTED ARGUMENTS...: a string, or null.
crc() {
    local wanted=$1
    shift
    expect_exit 0 "$IMGZ" "$@" --json
    equal "crc32 of: $*" "$(python3 -c 'import json, sys
print(json.dumps(json.load(open(sys.argv[1]))["crc32"]))' "$OUT")" "$wanted"
}
crc "\"$sum\"" capture --force disk new
crc "\"$sum\"" restore --force new back
crc "\"$sum\"" restore --force --read-back new back
crc "\"$sum\"" verify new
crc "\"$sum\"" verify --scrub new
crc "\"$sum\"" hash new
crc null verify new --against disk
crc null hash disk
# A disk of no bytes has one, too.
: >empty
crc '"00000000"' capture --force empty none.gz
crc null hash empty

title "counts have their words"
head -c 3000000 /dev/zero >zeros
expect_exit 0 "$IMGZ" capture -q zeros one.gz
expect_exit 0 "$IMGZ" info none.gz
expect_out ', 0 zero runs$'
expect_exit 0 "$IMGZ" info one.gz
expect_out ', 1 zero run$'
rm -f empty none.gz zeros one.gz

title "progress"
truncate -s 3000M large
fill text 3000000 2 | dd of=large conv=notrunc status=none
python3 "$LAYOUT" put large 2000000000 mixed 40000000 3
expect_exit 0 "$IMGZ" capture --progress=json -12 --threads 1 large large.gz
grep '^{' "$ERR" >lines
ok "each line is an object with the promised keys, never going back" python3 -c '
import json, sys
done = 0
lines = [json.loads(line) for line in open(sys.argv[1])]
assert lines, "no lines"
for line in lines:
    assert {"phase", "raw_bytes_done", "raw_bytes_total", "elapsed_ns"} <= set(line), line
    assert done <= line["raw_bytes_done"] <= int(sys.argv[2]), line
    assert line["raw_bytes_total"] == int(sys.argv[2]), line
    done = line["raw_bytes_done"]
assert done == int(sys.argv[2]), done
assert lines[-1]["phase"] == "finish", lines[-1]' lines 3145728000
expect_exit 0 bash -c '"$1" capture --progress=json - piped.gz < <(cat disk)' - "$IMGZ"
grep '^{' "$ERR" >lines
ok "a pipe has no total" python3 -c '
import json, sys
first = json.loads(open(sys.argv[1]).readline())
assert first["raw_bytes_total"] is None or first["phase"] != "copy", first' lines
expect_exit 0 "$IMGZ" verify --progress=none large.gz
no "no progress if none is wanted" grep -q '%' <(grep -v verified "$ERR")
if have script; then
    script -qec "$IMGZ verify --progress=bar large.gz" /dev/null >typescript </dev/null
    equal "with a bar: exit code" $? 0
    script -qec "$IMGZ verify large.gz" /dev/null >typescript </dev/null
    equal "with a bar by itself: exit code" $? 0
else
    skip bar "script is not installed"
fi
rm -f large large.gz

title "info"
expect_exit 0 "$IMGZ" info disk.gz
expect_out '3000000'
expect_out "$(root_of disk)"
expect_out "sha256"
expect_out "disk" # the source's name is in the metadata
expect_exit 0 "$IMGZ" capture -q --reproducible disk plain.gz
expect_exit 0 "$IMGZ" info plain.gz
no "a reproducible image names no source" grep -Eq "source|host|$(date +%Y)-" "$OUT"

title "an error's reason, for programs"
head -c 100000 /dev/zero >some
expect_exit 0 "$IMGZ" capture -q some some.gz
expect_exit 1 "$IMGZ" capture -q --json some some.gz
expect_out '"reason": "exists"'
expect_exit 1 "$IMGZ" capture -q --json nothing some.gz
expect_out '"reason": "none"'

finish
