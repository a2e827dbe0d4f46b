#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A drive on another host with sectors that cannot be read: as one of this host, to the byte.
source "$(dirname "$0")/lib.sh"
source "$HERE/faultdisk.sh"
source "$HERE/sshd.sh"
need python3 gunzip cmp ssh /usr/sbin/sshd ssh-keygen
need_loop
start_sshd "$@"

fill mixed 12000000 1 >disk
truncate -s 12M disk
cp disk backing
serve_disk backing mnt
attach mnt/disk --direct-io=on
rule clear 'fail r 1049088 512 5 -1' 'fail r 7000064 4096 5 -1'

title "it ends the capture"
expect_error 1 'reading ssh://samurai' 'offset 1049088' 'Input/output error' 'on-error=zero' -- \
    "$IMGZ" capture "ssh://samurai$LOOP" out.gz
rest_as_told out.gz

title "or it is zeros"
expect_exit 4 "$IMGZ" capture -q --reproducible --on-error=zero "$LOOP" here.gz
expect_exit 4 "$IMGZ" capture -q --reproducible --on-error=zero "ssh://samurai$LOOP" there.gz
ok "the same image" cmp here.gz there.gz
expect_exit 4 "$IMGZ" capture -q --reproducible --on-error=zero --digest sha256 \
    "ssh://samurai$LOOP" digest.gz
expect_exit 0 "$IMGZ" verify -q --digest sha256 digest.gz

title "with a map, and back for what was bad"
expect_exit 4 "$IMGZ" capture -q --on-error=zero --map map "ssh://samurai$LOOP" mapped.gz
rule clear
expect_exit 0 "$IMGZ" capture -q --map map "ssh://samurai$LOOP" mapped.gz
ok "all of it now" cmp disk <(gunzip -c mapped.gz)
finish
