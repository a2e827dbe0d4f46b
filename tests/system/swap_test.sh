#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Somebody else may rename what imgz works on: what it decided on is written, and nothing else.
source "$(dirname "$0")/lib.sh"
need cmp gunzip

fill mixed 5000000 1 >disk
expect_exit 0 "$IMGZ" capture -q disk disk.gz
echo precious >precious
cp precious victim

# True once process $CHILD has the FIFO open, to wait for a reader.
holds_target() {
    local fd
    for fd in /proc/"$CHILD"/fd/*; do
        [[ $fd -ef target ]] && return 0
    done
    return 1
}

title "a FIFO that becomes something else while a reader is waited for"
jobs=('restore -q disk.gz' 'restore -q --force disk.gz' 'capture -q disk'
    'capture -q --force disk')
victims=(victim)
if have_loop; then
    truncate -s 8M backing
    attach backing
    victims+=("$LOOP")
else
    skip "swapped for a device" "no loop devices here"
fi
as_it_was() {
    if [[ -b $1 ]]; then
        cmp -n 9 "$1" /dev/zero
    else
        cmp "$1" precious
    fi
}
for job in "${jobs[@]}"; do
    for other in "${victims[@]}"; do
        mkfifo target
        # shellcheck disable=SC2086
        launch "$IMGZ" $job target
        wait_until holds_target
        ln -s "$other" link
        mv -T link target
        reap
        equal "$job, swapped for $other" "$CODE" 1
        expect_text '^imgz: target was removed, or replaced by something else'
        ok "$other is as it was" as_it_was "$other"
        rm target
    done
    mkfifo target
    # shellcheck disable=SC2086
    launch "$IMGZ" $job target
    wait_until holds_target
    mv target aside
    ln -s victim target
    if [[ $job == capture* ]]; then
        ok "$job, renamed: its reader gets all" bash -c 'gunzip -c <aside | cmp - disk'
    else
        ok "$job, renamed: its reader gets all" bash -c 'cmp disk <aside'
    fi
    reap
    equal "exit code" "$CODE" 0
    ok "the file is as it was" same victim precious
    rm target aside
done

title "a map whose folder, or whose name, becomes something else"
fill text 12000000 6 >busy
for how in folder link; do
    mkdir -p theirs other
    cp precious other/map
    launch "$IMGZ" capture -q -12 --map theirs/map busy busy.gz
    wait_until test -s theirs/map
    kill -STOP "$CHILD"
    if [[ $how == folder ]]; then
        mv theirs moved
        ln -s other theirs
    else
        ln -sf ../other/map theirs/map
    fi
    kill -CONT "$CHILD"
    reap
    ok "$how: the file there is as it was" same other/map precious
    if [[ $how == folder ]]; then
        equal "exit code" "$CODE" 0
        ok "the map is in the folder that was named" grep -q '+$' moved/map
    fi
    rm -rf theirs moved other busy.gz
done

title "links of another user"
if have_root; then
    cp precious victim
    ln -s victim link
    chown -h nobody link
    for command in 'restore --force disk.gz link' 'capture --force disk link' \
        'capture --map link disk new.gz'; do
        # shellcheck disable=SC2086
        expect_error 1 "another user's symbolic link" -- "$IMGZ" $command
        ok "what it leads to is as it was" same victim precious
        absent new.gz
    done
    chown nobody victim
    expect_exit 0 "$IMGZ" restore -q --force disk.gz link
    ok "to a file of theirs it is followed" same victim disk
    ok "the link stays" test -L link
else
    skip "links of another user" "needs root"
fi
finish
