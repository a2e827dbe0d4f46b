#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What a job shows of itself: the phase it is in, the work that is left, and no time in which it was
# stopped.
source "$(dirname "$0")/lib.sh"
need python3 mkfifo

fill text 12000000 1 >disk

title "the time in which it is stopped does not count"
launch "$IMGZ" capture -12 --progress=json disk disk.gz
ok "it has begun" wait_until grep -q '"phase":"copy"' "$ERR"
kill -STOP "$CHILD"
sleep 5
kill -CONT "$CHILD"
kill -USR1 "$CHILD"
reap
equal "exit code" "$CODE" 0
grep '^{' "$ERR" >lines
# The whole time is in the summary; it has the stop in it. It counts as two seconds at most.
ok "by the job's clock" python3 -c '
import json, re, sys
last = json.loads(open(sys.argv[1]).read().splitlines()[-1])
summary = re.search(r"^time +(?:(\d+):)?([\d.]+)", open(sys.argv[2]).read(), re.M)
whole = 60 * int(summary[1] or 0) + float(summary[2])
assert last["phase"] == "finish", last
assert 0 < last["elapsed_ns"] / 1e9 < whole - 2.9, (last, whole)' lines "$ERR"

title "free space, by the file system's own count, and the zeros that were read"
if have mke2fs && have dumpe2fs; then
    mkdir files
    fill random 9000000 2 >files/one
    head -c 100000000 /dev/zero >fs
    mke2fs -q -t ext4 -b 4096 -E nodiscard -d files fs
    cp --sparse=never fs solid && mv solid fs
    count=$(dumpe2fs -h fs 2>/dev/null | sed -n 's/^Free blocks: *//p')
    expect_exit 0 "$IMGZ" capture -v --progress=json fs fs.gz
    expect_text "^imgz: .*\($((count * 4096)) bytes\) of fs are free space\$"
    grep '"phase":"finish"' "$ERR" >lines
    ok "what was blank" python3 -c '
import json, sys
last = json.loads(open(sys.argv[1]).read())
disk = open(sys.argv[2], "rb").read()
step = 1 << 20
chunks = [disk[at:at + step] for at in range(0, len(disk), step)]
blank = sum(len(chunk) for chunk in chunks if not any(chunk))
assert last["blank_bytes_done"] == blank > 50 * step, (last, blank)
assert last["blank_bytes_ahead"] == 0, last' lines fs
    expect_exit 0 "$IMGZ" hash -v fs
    expect_text " of fs are free space"
    expect_exit 0 "$IMGZ" verify -v fs.gz --against fs
    expect_text " of fs are free space"
    # A drive that is known to be bad is read for nothing but what the job needs.
    for option in --on-error=zero --timeout=60 --map=map; do
        expect_exit 0 "$IMGZ" capture -v --force "$option" fs fs.gz
        no "not with $option" grep -q 'are free space' "$ERR"
    done
    rm -r files fs fs.gz
else
    skip free-space "mke2fs and dumpe2fs are not installed"
fi

title "a line without a terminal, and at one of 80 columns"
mkfifo pipe
launch env --default-signal "$IMGZ" capture pipe x.gz
exec 9<>pipe
head -c 30000 disk >&9
ok "it has begun" wait_until test -e x.gz.partial
kill -USR1 "$CHILD"
ok "its words" wait_until grep -Eq \
    '^imgz: capture(, opening)?: (.* MB/s, mean .* MB/s, .* zero, )?0:[0-9]+ so far$' "$ERR"
no "never 0:00" grep -q '0:00' "$ERR"
kill "$CHILD"
exec 9>&-
reap
expect_exit 0 python3 "$HERE/terminal.py" none -- env TERM=xterm "$IMGZ" capture -9 --force \
    disk disk.gz
sed 's/\x1b\[K/\n/g' "$ERR" >shown
ok "it fits" python3 -c '
import sys
lines = [line.rstrip("\n") for line in open(sys.argv[1])]
bars = [line for line in lines if "[=" in line or "[>" in line]
assert bars, lines
assert all(len(line) < 80 for line in bars), max(bars, key=len)
assert any(":1 " in line for line in bars), bars
assert not any("zero" in line for line in bars), bars
assert not any("0:00" in line for line in bars), bars' shown
expect_exit 0 python3 "$HERE/terminal.py" none --columns 140 -- env TERM=xterm "$IMGZ" capture \
    -9 --force disk disk.gz
ok "a wide one has more" grep -aq 'zero.*left' "$ERR"

finish
