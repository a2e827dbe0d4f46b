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
for mask in 000 022 077 177 277 777; do
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
# As somebody whom a mode of 000 keeps out, from opening the file a second time, too.
if have_root; then
    mkdir -m 777 theirs
    chmod 644 disk disk.gz
    nobody() {
        (umask "$1" && exec setpriv --reuid 65534 --regid 65534 --clear-groups "${@:2}")
    }
    nobody 777 "$IMGZ" capture -q --on-error=zero --map theirs/map disk theirs/new.gz
    equal "umask 777, capture with a map" "$? $(mode_of theirs/new.gz) $(mode_of theirs/map)" \
        "0 600 600"
    nobody 777 "$IMGZ" restore -q --resume --read-back disk.gz theirs/new
    equal "umask 777, restore and read again" "$? $(mode_of theirs/new)" "0 600"
else
    skip nobody "only root can be somebody else"
fi
mkfifo pipe
exec 7<>pipe
launch "$IMGZ" capture -q --mode 644 pipe slow.gz 7>&-
fill random 3000000 2 >&7
ok "the image is begun" wait_until test -s slow.gz.partial
equal "what is not complete is nobody else's" "$(mode_of slow.gz.partial)" 600
exec 7>&-
reap
equal "what is complete has its mode" "$CODE $(mode_of slow.gz)" "0 644"

title "core dumps"
# core_limit_is LIMIT: of the program that was launched, once it is that.
core_limit_is() {
    [[ $(readlink "/proc/$CHILD/exe") == "$IMGZ" ]] &&
        grep -qE "^Max core file size +$1 " "/proc/$CHILD/limits"
}
mkfifo never
exec 8<>never
launch prlimit --core=unlimited:unlimited "$IMGZ" verify -q - <&8
ok "none is written" wait_until core_limit_is 0
kill "$CHILD"
reap
launch env IMGZ_CORE=1 prlimit --core=unlimited:unlimited "$IMGZ" verify -q - <&8
ok "unless it is asked for" wait_until core_limit_is unlimited
kill "$CHILD"
reap
exec 8>&-

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
