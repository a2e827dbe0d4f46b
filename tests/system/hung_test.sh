#!/usr/bin/env bash
# quick
# SPDX-License-Identifier: MIT
# A disk whose server does not answer is no reason for a restore to another one to wait. (All loop
# devices' files used to be looked at, and all disks, for what is on them.)
source "$(dirname "$0")/lib.sh"
source "$HERE/faultdisk.sh"
need cmp
need_loop

SIZE=$((3 * 1048576))
fill mixed $SIZE 1 >disk
expect_exit 0 "$IMGZ" capture -q disk disk.gz
fill random $SIZE 2 >backing
serve_disk backing mnt
server=${CHILDREN[-1]}
attach mnt/disk
hung=$LOOP
fill random $SIZE 3 >target
attach target

LIMIT=20
kill -STOP "$server"
run "$IMGZ" restore disk.gz "$LOOP"
kill -CONT "$server"
equal "a restore beside a disk that hangs" "$CODE" 0
expect_text "writing to $LOOP"
ok "its bytes" same disk "$LOOP"
detach "$LOOP"
detach "$hung"

finish
