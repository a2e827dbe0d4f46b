#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# bench/rivals, the proof of the README's figures, works from end to end on tiny inputs: it
# measures, checks what it measures, draws, and leaves nothing behind. How fast anything is, is not
# asked.
source "$(dirname "$0")/lib.sh"
need python3 gnuplot mke2fs igzip pigz zstd losetup /usr/bin/time
: "${IMGZ_SOURCE:?}" "${IMGZ_BARE:?}"
[[ -z $SANITIZED ]] || skip_all "a sanitizer build is not measured"
need_free 2048
LIMIT=300
RIVALS=$IMGZ_SOURCE/bench/rivals
here=(--quick --no-install --bare "$IMGZ_BARE")

# results EXPRESSION: a Python expression about the results in folder/results is true.
results() {
    python3 -c 'import json, sys
results = json.load(open("folder/results/rivals.json"))
jobs = results["jobs"]
sys.exit(not eval(sys.argv[1]))' "$1"
}

title "all of it"
expect_exit 0 "$RIVALS" "${here[@]}" --imgz "$IMGZ" --folder folder
# Without root there are no loop devices and no such job.
left_out=0
have_loop || left_out=1
ok "every job has results" results "len(jobs) == 17 - $left_out"
ok "imgz took part in every job" results \
    'all(any(c["ours"] for c in job["contestants"].values()) for job in jobs.values())'
ok "imgz took part with the other chunk hash, too" results \
    'all("imgz sha256" in jobs[name]["contestants"] for name in ("capture", "verify", "hash"))'
ok "and hashed by that" results \
    'len(jobs["hash"]["contestants"]["imgz sha256"]["samples"][-1]["report"]["root_hash"]) == 64'
ok "what imgz says of its flush is kept" results \
    'jobs["capture"]["contestants"]["imgz"]["samples"][-1]["report"]["flush_ns"] > 0'
ok "bare libraries took part" results '"bare ISA-L" in jobs["capture"]["contestants"]'
ok "the machine is named" results 'results["machine"]["cpu"] and results["machine"]["date"]'
rows=$(($(wc -l <folder/results/rivals.csv) - 1))
ok "CSV has a line for each contestant" results \
    "sum(len(job['contestants']) for job in jobs.values()) == $rows"
ok "the table has the targets" \
    grep -qF '| capture real files, default level | pigz -1 | >= 4.2x |' folder/results/table.md
ok "and that of the other chunk hash" \
    grep -qF '| sha256sum (imgz with --chunk-hash sha256) | >= 1.5x |' folder/results/table.md
for plot in ratio jobs growth memory; do
    equal "$plot.png is one" "$(head -c 4 "folder/results/$plot.png" | tail -c 3)" PNG
    ok "$plot.svg ends" grep -q '^</svg>' "folder/results/$plot.svg"
done
for name in "imgz fast" "imgz -"{0..12} "zstd -"{1..3} "bare ISA-L"; do
    ok "the ratio of $name is drawn" grep -qF ">$name<" folder/results/ratio.svg
done
ok "the other chunk hash is drawn" grep -qF '>imgz sha256<' folder/results/jobs.svg
no "but is no level" grep -qF '>imgz sha256<' folder/results/ratio.svg
ok "an axis that does not begin at 0 says so" grep -q 'not at 0<' folder/results/ratio.svg
processor=$(python3 -c 'import json
print(json.load(open("folder/results/rivals.json"))["machine"]["cpu"])')
for plot in ratio jobs growth memory; do
    ok "$plot names the processor" grep -qF " of $processor" "folder/results/$plot.svg"
    no "$plot calls nothing the physical limit" grep -qi 'physical limit' "folder/results/$plot.svg"
done
mkdir -p copy/bench/results
cp folder/results/rivals.json copy/bench/results
no "nothing says where the files lay" grep -rqF "$PWD" folder/results
equal "only results are left" "$(ls folder)" results
equal "no loop device is left" "$(losetup -l -n -O BACK-FILE | grep -cF "$PWD")" 0

title "who cannot take part is left out, who lies too"
mkdir bin
printf '#!/bin/sh\nexit 9\n' >bin/zstd
printf '#!/bin/sh\nhead -c 1000 /dev/urandom\n' >bin/pigz
chmod +x bin/*
PATH=$PWD/bin:$PATH expect_exit 0 "$RIVALS" "${here[@]}" --imgz "$IMGZ" --folder folder \
    --only capture
expect_text 'zstd -1 left out: exit 9'
expect_text 'pigz -1 left out: '
ok "the others go on" results '"igzip -1" in jobs["capture"]["contestants"]'

title "an imgz that writes something else is found out"
cat >liar <<LIAR
#!/usr/bin/env bash
# Captures something, whatever it was asked to.
[[ \$1 != capture || \$# -lt 6 ]] || set -- "\${@:1:\$#-2}" /bin/sh "\${@:\$#}"
exec "$IMGZ" "\$@"
LIAR
chmod +x liar
expect_exit 1 "$RIVALS" "${here[@]}" --imgz ./liar --folder folder --only capture
expect_text 'imgz left out: '
expect_exit 1 "$RIVALS" "${here[@]}" --imgz /bin/true --folder folder
expect_text '/bin/true does not work: it printed no JSON object'
expect_exit 2 "$RIVALS" --only nothing
expect_text 'no such job: nothing'

title "corpora and results"
cat >corpora.py <<'PYTHON'
import os, sys, zlib
sys.path.insert(0, os.path.join(sys.argv[1], "bench"))
from contest import corpora
one, other = corpora.Corpora("one", 8), corpora.Corpora("other", 8)
for each in (one, other):
    os.mkdir(each.folder)
for name in ("real", "random", "mixed", "disk-4"):
    assert corpora.same_content(one.path(name), other.path(name)), name
    with open(one.path(name), "rb") as file:
        assert zlib.crc32(file.read()) == one.crc32(name), name
assert not corpora.same_content(one.path("real"), one.path("random"))
assert os.stat(one.path("disk-4")).st_blocks * 512 < one.raw_bytes("disk-4") / 8
PYTHON
ok "the same each time, with the right CRC-32" python3 corpora.py "$IMGZ_SOURCE"

cp -r "$IMGZ_SOURCE/bench/contest" "$RIVALS" copy/bench
cp "$IMGZ_SOURCE/README.md" copy
expect_exit 0 copy/bench/rivals --draw --publish
ok "the README shows the plot" grep -q '^!\[.*\](bench/results/ratio.png)' copy/README.md
ok "the README shows the targets" grep -q '^| capture real files, default level |' copy/README.md
before=$(cat copy/README.md)
expect_exit 0 copy/bench/rivals --draw --publish
equal "and the same when asked again" "$(cat copy/README.md)" "$before"

finish
