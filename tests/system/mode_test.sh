#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Who may read what a job makes, and what it does not write through: other people's links.
source "$(dirname "$0")/lib.sh"
need cmp

SIZE=$((3 * 1048576))
fill mixed $SIZE 1 >disk
expect_exit 0 "$IMGZ" capture -q disk disk.gz

title "the mode of files"
mode_of() {
    stat -c %a "$1"
}
for mask in 000 022 077 177; do
    rm -f new.gz new
    (umask $mask && exec "$IMGZ" capture -q disk new.gz)
    (umask $mask && exec "$IMGZ" restore -q disk.gz new)
    equal "umask $mask" "$(mode_of new.gz) $(mode_of new)" "600 600"
    for mode in 640 0644 444 777 4; do
        (umask $mask && exec "$IMGZ" capture -q --force --mode $mode disk new.gz)
        (umask $mask && exec "$IMGZ" restore -q --force --mode=$mode disk.gz new)
        equal "umask $mask, mode $mode" "$(mode_of new.gz) $(mode_of new)" \
            "$((10#$mode)) $((10#$mode))"
    done
done
ok "the bytes" same disk new
for mode in 0 000 1000 4755 8 66x rw '' -1 0o644 07777777777777; do
    expect_error 2 "mode" -- "$IMGZ" capture --force --mode "$mode" disk new.gz
done
mkfifo pipe
exec 7<>pipe
launch "$IMGZ" capture -q --mode 644 pipe slow.gz 7>&-
fill random 3000000 2 >&7
ok "the image is begun" wait_until test -s slow.gz.partial
equal "what is not complete is nobody else's" "$(mode_of slow.gz.partial)" 600
exec 7>&-
reap
equal "what is complete has its mode" "$CODE $(mode_of slow.gz)" "0 644"

title "names that are links"
mkdir hostile
echo precious >victim
ln -s ../victim hostile/new.partial
expect_error 1 "hostile/new" -- "$IMGZ" restore disk.gz hostile/new
expect_error 1 "hostile/new" -- "$IMGZ" restore --force disk.gz hostile/new
rm hostile/new.partial
ln -s ../nowhere hostile/new
expect_error 1 "symbolic link" -- "$IMGZ" restore --force disk.gz hostile/new
absent nowhere
rm hostile/new
ln -s ../victim hostile/new
expect_error 1 "exists" -- "$IMGZ" restore disk.gz hostile/new
equal "the victim is as it was" "$(cat victim)" precious

finish
