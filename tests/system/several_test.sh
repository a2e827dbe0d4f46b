#!/usr/bin/env bash
# quick
# SPDX-License-Identifier: MIT
# verify, hash and info of several files: each is worked on whatever became of the others, the exit
# code is the highest of all, and there is a line, or a JSON object on a line, for each.
source "$(dirname "$0")/lib.sh"
need python3 sha256sum

fill mixed 3145728 1 >disk
fill mixed 2000000 2 >other
expect_exit 0 "$IMGZ" capture -q disk a.gz
expect_exit 0 "$IMGZ" capture -q other b.gz
cp a.gz bad.gz
flip bad.gz 200000 1

# objects CODES: what is on stdout is an object on each line, with these exit codes in turn.
cat >objects.py <<'PYTHON'
import json, sys
codes = [json.loads(line)["exit_code"] for line in open(sys.argv[1], encoding="utf-8")]
assert codes == [int(code) for code in sys.argv[2:]], codes
PYTHON
objects() {
    ok "JSON objects with exit codes $*" python3 objects.py "$OUT" "$@"
}

title "verify"
expect_exit 0 "$IMGZ" verify a.gz b.gz
expect_text '^verified   a.gz .*all good'
expect_text '^verified   b.gz .*all good'
expect_text '^verified   2 images, all good'
equal "a line each and one for all" "$(wc -l <"$ERR")" 3
equal "nothing on stdout" "$(cat "$OUT")" ""
expect_exit 0 "$IMGZ" verify --scrub a.gz b.gz
expect_text '^scrubbed   2 images, all good'
expect_exit 0 "$IMGZ" verify -v a.gz b.gz
expect_text '^root hash'
expect_exit 0 "$IMGZ" verify -q a.gz b.gz
equal "-q: silent" "$(cat "$OUT" "$ERR")" ""
expect_error 3 bad.gz -- "$IMGZ" verify a.gz bad.gz b.gz
expect_text '^verified   b.gz'
expect_text '^failed     1 of 3 images'
expect_error 1 missing -- "$IMGZ" verify missing a.gz
expect_text '^verified   a.gz'
expect_error 3 bad.gz -- "$IMGZ" verify bad.gz missing a.gz # the highest, not the last
expect_text '^failed     2 of 3 images'
expect_error 3 bad.gz -- "$IMGZ" verify missing bad.gz
expect_exit 3 "$IMGZ" verify --json a.gz bad.gz missing b.gz
objects 0 3 1 0
expect_exit 0 "$IMGZ" verify --json a.gz b.gz
objects 0 0
expect_exit 0 bash -c '"$1" verify a.gz - b.gz <b.gz' - "$IMGZ"
expect_error 2 "once" -- bash -c '"$1" verify - a.gz - <b.gz' - "$IMGZ"
expect_error 2 "--against takes one image" -- "$IMGZ" verify a.gz b.gz --against disk

title "a drive beside an image is to be compared with it"
for words in "a.gz disk" "disk a.gz" "a.gz b.gz disk"; do
    # shellcheck disable=SC2086 # several words
    expect_error 2 "imgz verify a.gz --against disk" -- "$IMGZ" verify $words
    no "and nothing was verified before" grep -q verified "$ERR"
done
expect_exit 2 "$IMGZ" verify --json a.gz disk
objects 2
expect_exit 3 "$IMGZ" verify --json disk # alone it is what is to be checked
objects 3
head -c 1000 disk >cut.gz # the name of an image: damage, to be reported as that
expect_exit 3 "$IMGZ" verify a.gz cut.gz
expect_text '^verified   a.gz'
if (($(id -u) == 0)) && losetup -f >/dev/null 2>&1; then
    attach disk
    expect_error 2 "imgz verify a.gz --against $LOOP" -- "$IMGZ" verify a.gz "$LOOP"
    expect_exit 0 "$IMGZ" verify a.gz --against "$LOOP"
else
    skip "block devices" "no loop devices"
fi

title "hash"
expect_exit 0 "$IMGZ" hash disk b.gz
equal "a line each" "$(cat "$OUT")" "$("$IMGZ" hash disk)"$'\n'"$("$IMGZ" hash b.gz)"
expect_exit 3 "$IMGZ" hash --json disk bad.gz b.gz
objects 0 3 0
expect_error 1 missing -- "$IMGZ" hash missing disk
equal "the other is hashed" "$(cat "$OUT")" "$("$IMGZ" hash disk)"

title "digests: what sha256sum --check takes without a word"
expect_exit 0 "$IMGZ" hash --digest sha256 disk other
cp "$OUT" sums
expect_out "^# IMGZ-ROOT \(disk\) = $(root_of disk)\$"
expect_exit 0 sha256sum --check --strict sums
equal "no warning" "$(cat "$ERR")" ""
equal "both are right" "$(cat "$OUT")" $'disk: OK\nother: OK'
expect_exit 0 "$IMGZ" hash --digest sha256,md5 disk
cp "$OUT" sums
expect_exit 0 cksum --check --strict sums
equal "cksum takes several digests" "$(cat "$ERR")" ""
printf -v name 'line\nbreak \\ # and (more)'
cp disk "$name"
expect_exit 0 "$IMGZ" hash --digest sha256 "$name"
cp "$OUT" sums
expect_exit 0 sha256sum --check --strict sums
equal "whatever the name" "$(cat "$ERR")" ""
expect_exit 0 "$IMGZ" hash disk
expect_out "^IMGZ-ROOT \(disk\) = "

title "info"
expect_exit 0 "$IMGZ" info a.gz b.gz
equal "a table each" "$(grep -c '^raw size' "$OUT")" 2
expect_exit 3 "$IMGZ" info --json a.gz disk b.gz
objects 0 3 0
expect_error 1 missing -- "$IMGZ" info missing a.gz
expect_out '^image +a.gz'

title "a signal ends all of them"
mkfifo pipe
"$IMGZ" verify pipe a.gz 2>said &
pid=$!
CHILDREN+=("$pid")
for ((try = 0; try < 100; try++)); do
    grep -q pipe "/proc/$pid/cmdline" && break
    sleep 0.1
done
sleep 0.5
kill -TERM "$pid"
wait "$pid"
equal "128 + 15" $? 143
no "the next one was not begun" grep -q a.gz said

# What looks at the second of three is the one child of imgz.
child_of() {
    cat "/proc/$1/task/$1/children" 2>/dev/null
}
reads_fifo() {
    local child
    child=$(child_of "$CHILD")
    [[ -n $child ]] && find "/proc/${child% }/fd" -lname '*/fifo' 2>/dev/null | grep -q .
}

title "one that crashes is the end of no other"
mkfifo fifo
exec 8<>fifo
launch "$IMGZ" hash --json disk fifo other 8<&-
ok "it waits for the pipe" wait_until reads_fifo
kill -KILL "$(child_of "$CHILD" | tr -d ' ')"
reap
equal "exit code" "$CODE" 1
objects 0 1 0
expect_text '^imgz: hash fifo: its process was ended by SIGKILL'

title "a signal ends them all"
for signal in INT TERM; do
    launch "$IMGZ" hash disk fifo other 8<&-
    ok "it waits for the pipe" wait_until reads_fifo
    child=$(child_of "$CHILD" | tr -d ' ')
    kill -"$signal" "$CHILD"
    reap
    equal "exit code" "$CODE" $((128 + $(kill -l "$signal")))
    expect_text "stopped by SIG$signal"
    equal "the first was done, the last was not begun" "$(wc -l <"$OUT")" 1
    absent "/proc/$child"
done
launch "$IMGZ" hash disk fifo 8<&-
ok "it waits for the pipe" wait_until reads_fifo
child=$(child_of "$CHILD" | tr -d ' ')
kill -KILL "$CHILD"
reap
ok "nothing goes on without it" wait_until test ! -e "/proc/$child"
exec 8<&-

title "started by a program that ignores its children"
expect_exit 0 env --ignore-signal=CHLD "$IMGZ" verify a.gz b.gz
expect_exit 3 env --ignore-signal=CHLD "$IMGZ" info a.gz disk

title "nobody listens"
expect_exit 1 bash -c "set -o pipefail; '$IMGZ' info a.gz b.gz a.gz b.gz | true"
equal "it is said once" "$(grep -c 'cannot write to standard output' "$ERR")" 1
finish
