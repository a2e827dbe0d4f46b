#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A short run of the soak (stress/soak.py): broken and resumed again and again, every byte right.
source "$(dirname "$0")/lib.sh"
need python3 gunzip
if have_root && have cc && have fusermount3 && [[ -e /dev/fuse ]] && have_loop &&
    pkg-config --exists fuse3; then
    # shellcheck disable=SC2046 # flags are words
    ok "faultdisk.c compiles" cc -O1 -o faultdisk "$HERE/faultdisk.c" \
        $(pkg-config --cflags --libs fuse3)
    export FAULTDISK=$PWD/faultdisk
else
    skip "failing drives" "needs root, a C compiler, libfuse3 and loop devices"
fi
LIMIT=500
for seed in 1 1001; do
    expect_exit 0 env "IMGZ=$IMGZ" python3 "$IMGZ_SOURCE/tests/stress/soak.py" --cycles 6 \
        --seed "$seed" --folder "$PWD"
    expect_out '^6 cycles, 0 wrong bytes$'
    grep -a WRONG -A 30 "$OUT"
done

finish
