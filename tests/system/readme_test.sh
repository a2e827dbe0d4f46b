#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The README and the guides do not lie: every block marked sh in them runs, in order, in one folder
# that holds a small disk.img. Blocks that cannot run here are marked console.
source "$(dirname "$0")/lib.sh"
need python3 ddrescue
: "${IMGZ_SOURCE:?}"
LIMIT=300

# The blocks as files: README-01-line-42.sh and so on.
mkdir "$WORK/blocks" "$WORK/bin"
cat >blocks.py <<'PYTHON'
import re
import sys

text = open(sys.argv[1], encoding="utf-8").read()
for number, block in enumerate(re.finditer(r"^```sh\n(.*?)^```$", text, re.M | re.S), 1):
    line = text.count("\n", 0, block.start()) + 1
    with open(f"{sys.argv[2]}-{number:02}-line-{line}.sh", "w", encoding="utf-8") as file:
        file.write(block.group(1))
PYTHON
ln -s "$IMGZ" "$WORK/bin/imgz"
export PATH="$WORK/bin:$PATH"

fill mixed 20000000 1 >disk.img
truncate -s 64M disk.img
python3 "$LAYOUT" put disk.img 60000000 text 500000 2
shopt -s nullglob
for document in README.md tools/GUIDE.md tools/JSON.md; do
    name=$(basename "$document" .md)
    python3 blocks.py "$IMGZ_SOURCE/$document" "$WORK/blocks/$name"
    before=$PASSED
    for block in "$WORK/blocks/$name"-*; do
        title "$document, ${block##*/}"
        expect_exit 0 bash -eu -o pipefail "$block"
    done
    ok "$document has blocks to run" test "$PASSED" -gt "$before"
done

finish
