#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Whatever signal ends a job, it cleans up first; what was ignored at its start stays ignored; and
# SIGUSR1 shows how far it is.
source "$(dirname "$0")/lib.sh"
need mkfifo python3 env prlimit

fill mixed 5000000 1 >disk
mkfifo pipe

# started COMMAND...: a job that waits for more to come through the pipe; ours to end is 9.
started() {
    exec 9<>pipe
    head -c 70000 disk >pipe 9>&- & # holds no end to read from: it ends with the job
    launch "$@"
    wait_until test -e x.gz.partial || fail "the job does not start: $*"
}
ended() {
    exec 9>&-
    reap
}

title "each signal that would end it"
for signal in HUP INT QUIT USR2 PIPE ALRM TERM STKFLT XCPU XFSZ VTALRM PROF IO PWR 34 48 64; do
    number=$(kill -l "$signal" | tr -dc 0-9)
    [[ $signal == [0-9]* ]] && number=$signal
    started env --default-signal "$IMGZ" capture pipe x.gz
    kill -"$signal" "$CHILD"
    ended
    equal "exit code after $signal" "$CODE" $((128 + number))
    expect_text "^imgz: capture stopped by SIG.*; nothing is left of x.gz"
    absent x.gz
done

title "those that were ignored at its start"
started env --default-signal --ignore-signal=HUP,INT,QUIT,USR1,USR2,PIPE,ALRM,XCPU,VTALRM,PROF \
    --ignore-signal=POLL,XFSZ,PWR "$IMGZ" capture pipe x.gz
for signal in HUP INT QUIT USR1 USR2 PIPE ALRM XCPU VTALRM PROF IO XFSZ PWR; do
    kill -"$signal" "$CHILD"
done
sleep 0.5
ok "it runs on" kill -0 "$CHILD"
no "and says nothing" grep -q . "$ERR"
kill -TERM "$CHILD"
ended
equal "exit code" "$CODE" 143
absent x.gz

title "twice in a moment, as timeout(1) does"
for signal in TERM INT HUP; do
    started env --default-signal "$IMGZ" capture pipe x.gz
    python3 - "$CHILD" "$signal" <<'PYTHON'
import contextlib, os, signal, sys, time
with contextlib.suppress(ProcessLookupError):
    for _ in range(3):
        os.kill(int(sys.argv[1]), getattr(signal, "SIG" + sys.argv[2]))
        time.sleep(0.002)
PYTHON
    ended
    equal "exit code" "$CODE" $((128 + $(kill -l "$signal")))
    absent x.gz
done

title "a limit of processor time"
fill text 100000000 2 >large
expect_exit 152 prlimit --cpu=1:20 "$IMGZ" capture -12 large x.gz
expect_text "stopped by SIGXCPU; x.gz.partial is kept"
ok "it is kept" test -e x.gz.partial
rm -f large x.gz.partial

title "SIGUSR1 shows progress"
line='^imgz: capture: [0-9.]+ (B|KiB)'
for option in --progress=auto --progress=none --quiet; do
    started env --default-signal "$IMGZ" capture "$option" pipe x.gz
    kill -USR1 "$CHILD"
    ok "a line, with $option" wait_until grep -Eq "$line" "$ERR"
    kill -USR1 "$CHILD"
    sleep 0.4
    equal "a line for each" "$(grep -Ec "$line" "$ERR")" 2
    ok "it runs on" kill -0 "$CHILD"
    kill "$CHILD"
    ended
    equal "exit code" "$CODE" 143
done
started env --default-signal "$IMGZ" capture --progress=json pipe x.gz
kill -USR1 "$CHILD"
ok "an object" wait_until grep -q '^{"event":"progress"' "$ERR"
kill "$CHILD"
ended
# Before there is anything to show, and where nothing is ever to be cleaned up.
mkfifo nobody
# It is asked for after exec: a shell that is about to become the job catches SIGUSR1 too.
catches_usr1() {
    [[ $(readlink "/proc/$CHILD/exe") == "$IMGZ" ]] &&
        (( 0x$(sed -n 's/^SigCgt:\t//p' "/proc/$CHILD/status") & 0x200 ))
}
launch env --default-signal "$IMGZ" capture nobody x.gz
ok "it is prepared" wait_until catches_usr1
kill -USR1 "$CHILD"
ok "a line while it waits" wait_until grep -Eq '^imgz: capture, opening: ' "$ERR"
kill "$CHILD"
reap
equal "exit code" "$CODE" 143
absent x.gz

finish
