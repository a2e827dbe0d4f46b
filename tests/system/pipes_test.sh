#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Standard input and output in every place that takes "-": pipes, files, cut streams, slow ones,
# closed ones, full ones, ones nobody reads, and terminals.
source "$(dirname "$0")/lib.sh"
need cmp gunzip python3

# sh_exit CODE SCRIPT: a line of shell in which imgz is the tested program.
sh_exit() {
    local code=$1
    shift
    expect_exit "$code" bash -c 'imgz() { command "$IMGZ_PATH" "$@"; }'$'\n'"$1"
}
export IMGZ_PATH=$IMGZ

fill mixed 5000000 1 >disk
truncate -s 9M disk
python3 "$LAYOUT" put disk 8000000 text 300000 2
expect_exit 0 "$IMGZ" capture -q disk disk.gz
root=$(root_of disk)

title "every combination of -"
sh_exit 0 'imgz capture -q - out.gz < disk'
ok "capture of a redirected file" gunzips_to out.gz disk
rm out.gz
sh_exit 0 'cat disk | imgz capture -q - out.gz'
ok "capture of a pipe" gunzips_to out.gz disk
expect_exit 0 "$IMGZ" verify -q out.gz
rm out.gz
sh_exit 0 'imgz capture -q disk - > out.gz'
ok "capture to a redirected file" gunzips_to out.gz disk
expect_exit 0 "$IMGZ" verify -q out.gz
rm out.gz
sh_exit 0 'set -o pipefail; imgz capture -q disk - | cat > out.gz'
ok "capture to a pipe" gunzips_to out.gz disk
rm out.gz
sh_exit 0 'set -o pipefail; cat disk | imgz capture -q - - | gunzip -c | cmp - disk'
sh_exit 0 'cat disk.gz | imgz restore -q - back'
ok "restore from a pipe" same disk back
ok "its holes" test "$(stat -c %b back)" -lt $((6300000 / 512))
rm back
sh_exit 0 'imgz restore -q - back < disk.gz'
ok "restore from a redirected file" same disk back
rm back
sh_exit 0 'set -o pipefail; imgz restore -q disk.gz - | cmp - disk'
sh_exit 0 'set -o pipefail; cat disk.gz | imgz restore -q - - | cmp - disk'
: >back
sh_exit 0 'imgz restore -q disk.gz - > back'
ok "restore to a redirected file" same disk back
rm back
sh_exit 0 'cat disk.gz | imgz verify -'
sh_exit 0 'imgz verify - < disk.gz'
sh_exit 0 'cat disk | imgz verify disk.gz --against -'
sh_exit 2 'cat disk.gz | imgz verify - --against disk' # its hashes are at the end
expect_text '^imgz: .*file'
sh_exit 2 'cat disk.gz | imgz verify - --against -'
for what in disk disk.gz; do
    sh_exit 0 "cat $what | imgz hash -"
    expect_out "^IMGZ-ROOT \(-\) = $root$"
    sh_exit 0 "imgz hash - < $what"
    expect_out "^IMGZ-ROOT \(-\) = $root$"
done
sh_exit 0 'set -o pipefail; cat disk | imgz capture -q - - | imgz verify -q -'
sh_exit 0 'set -o pipefail; imgz capture -q disk - | imgz restore -q - - | imgz hash -'
expect_out "= $root$"

title "nothing at all"
sh_exit 1 ': | imgz capture -q - out.gz'
expect_text '^imgz: reading standard input: it ended before the first byte.*--allow-empty'
absent out.gz
mkfifo nothing
sh_exit 1 ': >nothing & imgz capture -q --force nothing out.gz; code=$?; wait; exit $code'
rm nothing
sh_exit 1 'imgz capture -q - out.gz </dev/null'
sh_exit 1 ': | imgz capture -q - - >out'
equal "not even a header is written" "$(stat -c %s out)" 0
absent out.gz
: >empty
sh_exit 0 'set -o pipefail; : | imgz capture -q --allow-empty - - | imgz restore -q - - | wc -c'
expect_out '^0$'
for source in empty '- <empty'; do
    sh_exit 0 "imgz capture -q $source out.gz"
    ok "an empty file is one" gunzips_to out.gz empty
    rm out.gz
done

title "only the product on standard output"
sh_exit 0 'imgz capture -v --reproducible disk - 2>said >out.gz'
expect_exit 0 "$IMGZ" capture -q --reproducible disk quiet.gz
ok "the summary is not in the image" same out.gz quiet.gz
ok "it is on standard error" test -s said
rm -f out.gz

title "a stream cut short"
size=$(stat -c %s disk.gz)
for at in 0 1 2 9 10 11 17 18 100 300 $((size / 7)) $((size / 2)) $((size - 50000)) \
    $((size - 4000)) $((size - 1000)) $((size - 500)) $((size - 9)) $((size - 8)) $((size - 5)) \
    $((size - 4)) $((size - 1)); do
    sh_exit 3 "head -c $at disk.gz | imgz restore - back"
    expect_text '^imgz: '
    absent back
    sh_exit 3 "head -c $at disk.gz | imgz verify -"
    expect_text '^imgz: .*standard input'
    sh_exit 3 "head -c $at disk.gz | imgz restore -q - - >part"
    ok "nothing wrong was given out before the cut at $at" \
        cmp -n "$(stat -c %s part)" part disk
done

title "closed ones"
sh_exit 1 'imgz capture - out.gz <&-'
expect_text '^imgz: .*standard input'
absent out.gz
sh_exit 1 'imgz restore - back <&-'
expect_text '^imgz: .*standard input'
absent back
sh_exit 1 'imgz hash - <&-'
sh_exit 1 'imgz verify - <&-'
sh_exit 1 'imgz capture disk - >&-'
expect_text '^imgz: .*standard output'
sh_exit 1 'imgz restore disk.gz - >&-'
expect_text '^imgz: .*standard output'
sh_exit 1 'imgz hash disk >&-'
sh_exit 1 'imgz info disk.gz >&-'
sh_exit 1 'imgz --version >&-'
sh_exit 1 'imgz --help >&-'
# Files must not land on the closed numbers, where messages would be written into them.
rm -f out.gz back
sh_exit 0 'imgz capture -v disk out.gz <&- >&- 2>&-'
ok "capture with everything closed" gunzips_to out.gz disk
expect_exit 0 "$IMGZ" verify -q out.gz
sh_exit 0 'imgz restore -v out.gz back <&- >&- 2>&-'
ok "restore with everything closed" same disk back
sh_exit 0 'imgz verify -v out.gz <&- >&- 2>&-'
sh_exit 3 'imgz verify -v <(head -c 5000 out.gz) <&- >&- 2>&-'
rm -f out.gz back

title "full ones"
for job in 'capture disk -' 'restore disk.gz -' 'hash disk' 'info disk.gz' 'devices' '--version' \
    'verify --json disk.gz' 'capture --help'; do
    sh_exit 1 "imgz $job >/dev/full"
    expect_text '^imgz: .*(No space|space)'
done

title "ones nobody reads"
fill random 30000000 3 >noise
for job in 'capture -q noise -' 'restore -q noise.gz -'; do
    [[ -e noise.gz ]] || "$IMGZ" capture -q noise noise.gz
    sh_exit 1 "imgz $job 2>said | head -c 1000 >/dev/null; code=\${PIPESTATUS[0]}; cat said >&2
        exit \$code"
    expect_text '^imgz: .*standard output'
done
rm -f noise noise.gz

title "slow and ragged ones"
cat >feed.py <<'PYTHON'
import random
import sys
import time

rng = random.Random(7)
left = open(sys.argv[1], "rb").read()
started = time.monotonic()
while left:
    count = rng.choice((1, 7, 511, 4095, 65536, 70001, 1048577))
    sys.stdout.buffer.write(left[:count])
    sys.stdout.buffer.flush()
    left = left[count:]
    if time.monotonic() - started < 2:
        time.sleep(0.02)
PYTHON
sh_exit 0 'python3 feed.py disk | imgz capture -q - out.gz'
ok "capture of a slow pipe" gunzips_to out.gz disk
rm -f out.gz
sh_exit 0 'python3 feed.py disk.gz | imgz restore -q - back'
ok "restore of a slow pipe" same disk back
rm -f back
sh_exit 0 'set -o pipefail; imgz restore -q disk.gz - | (sleep 1; cat) | cmp - disk'
sh_exit 0 'set -o pipefail; imgz capture -q disk - | (sleep 1; cat) | gunzip -c | cmp - disk'
sh_exit 0 'set -o pipefail; imgz capture -q --reproducible disk - |
    (while dd bs=777 count=200 status=none iflag=fullblock | grep -a . >/dev/null; do :; done
     cat >/dev/null)'

title "non-blocking ones"
# nonblocking.py FD COMMAND...: descriptor FD of it is a pipe that does not block and has 100 bytes
# of room, until it is read: what came through goes to our standard output.
cat >nonblocking.py <<'PYTHON'
import os
import subprocess
import sys
import time

FILLER = 65536 - 100
fd = int(sys.argv[1])
read_end, write_end = os.pipe()
os.set_blocking(write_end, False)
assert os.write(write_end, bytes(FILLER)) == FILLER
child = subprocess.Popen(sys.argv[2:], **{["stdout", "stderr"][fd - 1]: write_end})
os.close(write_end)
time.sleep(0.3)
pieces = []
while data := os.read(read_end, 1000):
    pieces.append(data)
sys.stdout.buffer.write(b"".join(pieces)[FILLER:])
sys.exit(child.wait())
PYTHON
for job in 'info --json disk.gz' 'info disk.gz' 'hash disk' 'capture --help' 'info --topology' \
    'capture --reproducible disk -' 'restore disk.gz -'; do
    # shellcheck disable=SC2086
    run "$IMGZ" $job
    cp "$OUT" wanted
    # shellcheck disable=SC2086
    expect_exit 0 python3 nonblocking.py 1 "$IMGZ" $job
    ok "$job: all of it on standard output" same "$OUT" wanted
done
for job in 'capture no/disk out.gz' "info $(printf '%0900d' 1)"; do
    # shellcheck disable=SC2086
    run "$IMGZ" $job
    cp "$ERR" wanted
    # shellcheck disable=SC2086
    expect_exit "$CODE" python3 nonblocking.py 2 "$IMGZ" $job
    ok "the error is on standard error" same "$OUT" wanted
done
expect_exit 0 python3 nonblocking.py 2 "$IMGZ" capture -v --progress=json disk out.gz
ok "all of the log, progress and summary" bash -c '
    grep -q "^imgz: reading disk" "$1" && grep -q "\"phase\":\"finish\"" "$1" &&
        tail -n 1 "$1" | grep -q "^used "' - "$OUT"
rm -f out.gz

title "named pipes and devices as files"
mkfifo pipe
sh_exit 0 'cat disk >pipe & imgz capture -q pipe out.gz; code=$?; wait; exit $code'
ok "capture of a named pipe" gunzips_to out.gz disk
rm -f out.gz
sh_exit 0 'cat disk.gz >pipe & imgz restore -q pipe back; code=$?; wait; exit $code'
ok "restore from a named pipe" same disk back
rm -f back
# Whether it writes into a pipe or refuses: it must not put a file in its place.
launch timeout 20 cat pipe
run timeout 10 "$IMGZ" capture -q --force disk pipe
ok "a named pipe stays a named pipe" test -p pipe
timeout 1 bash -c ': >pipe' # lets the reader go, if it still waits
reap
launch "$IMGZ" capture -q --reproducible disk pipe
sleep 0.5
ok "a reader that comes late gets all" bash -c 'gunzip -c <pipe | cmp - disk'
reap
equal "exit code" "$CODE" 0
for signal in INT TERM; do
    launch "$IMGZ" capture -q disk pipe
    sleep 0.5
    kill -$signal "$CHILD"
    ok "while nobody reads, SIG$signal ends it" wait_until test ! -e "/proc/$CHILD/exe" ||
        timeout 5 cat pipe >/dev/null
    reap
    equal "exit code" "$CODE" $((128 + $(kill -l $signal)))
done
if have_root && mknod null c 1 3 2>/dev/null; then
    run "$IMGZ" capture -q --force disk null
    ok "a character device stays one" test -c null
    run "$IMGZ" restore -q --force disk.gz null
    ok "a character device stays one" test -c null
else
    skip "character device" "mknod is not allowed here"
fi

title "files that have no size"
for file in /proc/version /proc/$$/limits; do
    cat "$file" >copy
    rm -f out.gz
    expect_exit 0 "$IMGZ" capture -q "$file" out.gz
    ok "$file" gunzips_to out.gz copy
    equal "its hash" "$(root_of "$file")" "$(root_of copy)"
    expect_exit 0 "$IMGZ" verify -q out.gz --against "$file"
done
# A size that is not reached is none either: those of /sys say a page.
for file in /sys/kernel/mm/transparent_hugepage/enabled /sys/devices/system/cpu/online; do
    if [[ ! -r $file ]]; then
        skip "$file" "it is not there"
        continue
    fi
    cat "$file" >copy
    rm -f out.gz
    expect_exit 0 "$IMGZ" capture -q "$file" out.gz
    ok "$file" gunzips_to out.gz copy
    equal "its hash" "$(root_of "$file")" "$(root_of copy)"
    expect_exit 0 "$IMGZ" verify -q out.gz --against "$file"
done
rm -f out.gz
expect_error 2 "a map needs a source that can be read again" -- \
    "$IMGZ" capture --map map /proc/version out.gz
expect_error 2 "cannot be resumed" -- "$IMGZ" capture --resume /proc/version out.gz
absent out.gz map

title "terminals"
if have script; then
    script -qec "$IMGZ capture disk -" /dev/null >typescript </dev/null
    equal "an image is not written to a terminal" $? 2
    no "not even its first bytes" grep -qaP '\x1f\x8b' typescript
    script -qec "$IMGZ restore disk.gz -" /dev/null >typescript </dev/null
    equal "nor is a disk" $? 2
    ok "it says why" grep -qa 'imgz: .*terminal' typescript
    script -qec "$IMGZ restore - back" /dev/null >typescript </dev/null
    equal "an image is not typed in" $? 2
    absent back
    for job in 'capture - new.gz' 'hash -' 'verify disk.gz --against -'; do
        script -qec "timeout 20 $IMGZ $job" /dev/null >typescript </dev/null
        equal "$job: nor is a disk" $? 2
    done
    for job in 'capture /dev/stdin new.gz' 'capture /dev/tty new.gz' 'restore /dev/stdin new.gz' \
        'capture disk /dev/stdout' 'restore disk.gz /dev/tty'; do
        script -qec "timeout --foreground 20 $IMGZ $job" /dev/null >typescript </dev/null
        equal "$job: nor under another name" $? 2
    done
    absent new.gz
    # With a bar on the terminal the product is still only the product.
    script -qec "$IMGZ capture disk - >out.gz" /dev/null >typescript </dev/null
    equal "a terminal for messages alone is fine" $? 0
    ok "the image is whole" gunzips_to out.gz disk
else
    skip terminals "script is not installed"
fi

finish
