#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The README does not lie: every block marked sh runs, in order, in one folder that holds a small
# disk.img. Blocks that cannot run here are marked console in it.
source "$(dirname "$0")/lib.sh"
need python3 ddrescue
: "${IMGZ_SOURCE:?}"
readme=$IMGZ_SOURCE/README.md
[[ -f $readme ]] || skip_all "there is no README.md yet"
LIMIT=300

# The blocks as files: 01-line-42.sh and so on.
mkdir "$WORK/blocks" "$WORK/bin"
python3 - "$readme" "$WORK/blocks" <<'PYTHON'
import re
import sys

text = open(sys.argv[1], encoding="utf-8").read()
for number, block in enumerate(re.finditer(r"^```sh\n(.*?)^```$", text, re.M | re.S), 1):
    line = text.count("\n", 0, block.start()) + 1
    with open(f"{sys.argv[2]}/{number:02}-line-{line}.sh", "w", encoding="utf-8") as file:
        file.write(block.group(1))
PYTHON
ln -s "$IMGZ" "$WORK/bin/imgz"
export PATH="$WORK/bin:$PATH"

fill mixed 20000000 1 >disk.img
truncate -s 64M disk.img
python3 "$LAYOUT" put disk.img 60000000 text 500000 2
shopt -s nullglob
for block in "$WORK"/blocks/*; do
    title "README.md, ${block##*/}"
    expect_exit 0 bash -eu -o pipefail "$block"
done
ok "there are blocks to run" test "$PASSED" -gt 0

finish
