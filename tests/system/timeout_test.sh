#!/usr/bin/env bash
# serial
# SPDX-License-Identifier: MIT
# capture --timeout: a device that hangs ends the job, whoever of its threads waits for it; one that
# is only slow does not, nor does a process that was stopped.
source "$(dirname "$0")/lib.sh"
source "$HERE/faultdisk.sh"
need python3 gunzip cmp ddrescuelog
need_loop

fill mixed 12582912 1 >disk
cp disk backing
serve_disk backing mnt
attach mnt/disk --direct-io=on

# A process that the kernel does not let go could not be ended by the test either: so the device
# answers in the end.
answer_late() {
    for _ in {1..200}; do
        sleep 0.1
    done
    kill -CONT "$FAULTDISK_PID"
    rule clear
}

# hangs_at PATTERN COMMAND...: exit 1 with that and what to do, while the device still hangs.
hangs_at() {
    local pattern=$1 start=$SECONDS late
    shift
    answer_late &
    late=$!
    expect_error 1 "$pattern: no answer for 1 second;" 'the device hangs' -- "$@" --timeout 1
    ok "it did not wait for the device" test $((SECONDS - start)) -le 10
    kill "$late"
    wait "$late" 2>/dev/null
}

title "a read of the feeder"
rule clear 'slow 6291456 512 -1'
hangs_at "reading $LOOP at offset 6291456" "$IMGZ" capture --on-error=zero --map m "$LOOP" a.gz
rest_as_told a.gz
absent a.gz m.partial
ok "the map is whole" ddrescuelog -t m
rm m
rule clear

title "a read of a rescue"
rule 'fail r 1049088 512 5 1' 'slow 1049088 512 -1'
hangs_at "reading $LOOP at offset 1048576" "$IMGZ" capture --on-error=zero "$LOOP" a.gz
rest_as_told a.gz
rule clear

title "plain system calls"
rule 'slow 6291456 512 -1'
launch "$IMGZ" capture --direct=off --timeout 1 "$LOOP" a.gz
sleep 4
rule clear
reap
equal "exit code" "$CODE" 1
expect_text 'no answer for 1 second;'
rest_as_told a.gz

title "going back"
rule 'fail r 1049088 1024 5 -1'
expect_exit 4 "$IMGZ" capture -q --on-error=zero --map m "$LOOP" a.gz
cp a.gz before.gz
cp m before.map
rule clear 'slow 1049600 512 -1'
hangs_at "reading $LOOP at offset 10[0-9]*" "$IMGZ" capture --map m "$LOOP" a.gz
ok "the image is as it was" same a.gz before.gz
ok "the map is as it was" same m before.map
rest_as_told a.gz
rm -f a.gz*
rule clear

title "opening"
if [[ -n $SANITIZED ]]; then
    skip opening "a sanitizer waits for the thread that is left behind"
else
    kill -STOP "$FAULTDISK_PID"
    hangs_at "opening mnt/disk" "$IMGZ" capture mnt/disk a.gz
    kill -CONT "$FAULTDISK_PID"
    absent a.gz
fi

title "what was captured is kept to go on with"
rule 'slow 6291456 512 -1'
expect_error 1 'no answer for 1 second;' 'r.gz.partial is kept' -- \
    "$IMGZ" capture --resume --timeout 1 --threads 1 --map r.map "$LOOP" r.gz
ok "the map tells how far it came" ddrescuelog -t r.map
ok "which is somewhere" grep -q ' +$' r.map
rule clear 'fail r 0 1048576 5 -1'
expect_exit 0 "$IMGZ" capture -q --resume --map r.map "$LOOP" r.gz
ok "all is there, and the beginning was not read again" gunzips_to r.gz disk
rule clear

title "when it is looked at whether it is the same"
rule 'slow 6291456 512 -1'
expect_exit 1 "$IMGZ" capture -q --resume --timeout 1 --threads 1 "$LOOP" s.gz
cp s.gz.partial before.gz
rule clear 'slow 1048576 512 -1'
hangs_at "reading $LOOP at offset 1048576" "$IMGZ" capture --resume "$LOOP" s.gz
ok "what is there is kept" same s.gz.partial before.gz
rm s.gz.partial
rule clear

title "JSON"
rule 'slow 0 512 -1'
expect_exit 1 "$IMGZ" capture --json --timeout 1 "$LOOP" a.gz
expect_out '"ok": false'
expect_out '"code": "ETIMEDOUT", "stage": "read-source", "path": "/dev/loop[0-9]*", "offset": 0'
rule clear

title "slow is not hanging"
rule 'delay r 600' 'slow 6291456 512 1500'
expect_exit 0 "$IMGZ" capture -q --timeout 4 "$LOOP" slow.gz
ok "all is there" gunzips_to slow.gz disk
rule clear

title "a process that is stopped"
rule 'delay r 300'
launch "$IMGZ" capture -q --timeout 1 "$LOOP" stopped.gz
sleep 0.5
kill -STOP "$CHILD"
sleep 3
kill -CONT "$CHILD"
reap
equal "exit code" "$CODE" 0
ok "goes on where it was" gunzips_to stopped.gz disk
rule clear

title "a signal while it hangs"
rule 'slow 6291456 512 -1'
launch "$IMGZ" capture -q --timeout 2 "$LOOP" a.gz
sleep 0.5
kill -INT "$CHILD"
reap
equal "exit code" "$CODE" 130
rest_as_told a.gz
rule clear

title "a pipe may be silent"
(sleep 2 && cat disk) | "$IMGZ" capture -q --timeout 1 - pipe.gz
ok "for as long as it likes" gunzips_to pipe.gz disk

title "others do not wait for it"
HANGING=$LOOP
truncate -s 16M other
attach other
kill -STOP "$FAULTDISK_PID"
expect_exit 0 "$IMGZ" devices
expect_out "^$HANGING .*does not answer"
expect_exit 0 "$IMGZ" restore -q slow.gz "$LOOP"
kill -CONT "$FAULTDISK_PID"
ok "and are written" cmp -n 12582912 "$LOOP" disk

title "the command line"
expect_error 2 'from 1 to' -- "$IMGZ" capture --timeout 0 disk none.gz
expect_error 2 'takes no --timeout' -- "$IMGZ" hash --timeout 1 disk

finish
