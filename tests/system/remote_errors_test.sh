#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What can go wrong between two hosts, with a real ssh server: whoever made a mistake is told which,
# and nothing waits for ever. Names of files may be anything.
source "$(dirname "$0")/lib.sh"
need ssh /usr/sbin/sshd ssh-keygen python3 gunzip cmp
source "$HERE/sshd.sh"

fill random 3000000 1 >disk
disk=$PWD/disk
hash=$(root_of disk)

# A folder of programs for the PATH there; imgz is in it.
mkdir bin
ln -s "$IMGZ" bin/imgz

# serve [LINE...]: another server, whose PATH begins with bin.
serve() {
    IMGZ=$PWD/bin/imgz start_sshd "$@"
}

hashes() { # hashes NAME [OPTION...]
    expect_exit 0 "$IMGZ" hash -q "$@"
    equal "the hash of $1" "$(grep -ao '[0-9a-f]*$' "$OUT")" "$hash"
}

serve
hashes "ssh://samurai$disk"

# ---- The client ---------------------------------------------------------------------------------

title "whom the client does not let in"
sed "s|$SSH_FOLDER/known_hosts|$PWD/known|" "$SSH_FOLDER/config" >other
ssh-keygen -q -t ed25519 -N '' -f key
sed "s| ssh-.*| $(cut -d' ' -f 1,2 key.pub)|" "$SSH_FOLDER/known_hosts" >known
expect_error 1 "connecting to ssh://samurai$disk: Host key verification failed" \
    -- "$IMGZ" hash --ssh "ssh -F '$PWD/other'" "ssh://samurai$disk"
: >known
expect_error 1 "connecting to ssh://samurai$disk: Host key verification failed" \
    -- "$IMGZ" hash --ssh "ssh -F '$PWD/other'" "ssh://samurai$disk"
expect_error 1 "connecting to ssh://no-such-user@samurai$disk: .*Permission denied" \
    -- "$IMGZ" hash "ssh://no-such-user@samurai$disk"
expect_error 1 "connecting to ssh://samurai:1$disk: .*port 1: Connection refused" \
    -- "$IMGZ" hash "ssh://samurai:1$disk"
expect_error 1 "connecting to ssh://127.0.0.1:1$disk: .*Connection refused" \
    -- "$IMGZ" hash "ssh://127.0.0.1:1$disk"
expect_error 1 "connecting to samurai.invalid:$disk: .*Could not resolve hostname" \
    -- "$IMGZ" hash "samurai.invalid:$disk"

title "a client that cannot be run"
expect_error 1 "no-such-ssh cannot be run: No such file or directory; is ssh installed" \
    -- "$IMGZ" hash --ssh no-such-ssh "ssh://samurai$disk"
expect_error 1 "/dev/null -v cannot be run: Permission denied" \
    -- "$IMGZ" hash --ssh '/dev/null -v' "ssh://samurai$disk"
expect_error 2 "'ssh -F 'a b' is not a command: .* a quote in it is not closed" \
    -- "$IMGZ" hash --ssh "ssh -F 'a b" "ssh://samurai$disk"
expect_error 2 "' ' is not a command: it is empty" -- "$IMGZ" hash --ssh ' ' "ssh://samurai$disk"
expect_error 2 "a command is needed" -- "$IMGZ" hash --ssh '' "ssh://samurai$disk"
expect_error 2 "a path without line breaks" \
    -- "$IMGZ" hash --remote-imgz $'/a\nb' "ssh://samurai$disk"
client=$IMGZ_SSH
IMGZ_SSH=
expect_error 1 'Connection refused' -- "$IMGZ" hash "ssh://127.0.0.1:1$disk" # that is none

title "--ssh wins over IMGZ_SSH"
IMGZ_SSH=no-such-ssh
expect_exit 0 "$IMGZ" hash -q --ssh "$client" "ssh://samurai$disk"
expect_error 1 'no-such-ssh cannot be run' -- "$IMGZ" hash "ssh://samurai$disk"
IMGZ_SSH=$client

title "one connection for several"
sed "\$a\\    ControlMaster auto\\n    ControlPath $PWD/%C\\n    ControlPersist 60" \
    "$SSH_FOLDER/config" >shared
for try in first second; do
    expect_exit 0 "$IMGZ" capture -q --force --ssh "ssh -F $PWD/shared" "ssh://samurai$disk" x.gz
    ok "$try: the image is right" gunzips_to x.gz disk
done
ok "the connection is there" ssh -F shared -O check samurai
ok "and is closed" ssh -F shared -O exit samurai

# ---- Names of files -----------------------------------------------------------------------------

title "names"
mkdir names
# shellcheck disable=SC1003,SC2016 # nothing is to be expanded
names=('a b' "it's" 'a"b' '$HOME' '`id`' $'new\nline' '-x' '100%' '%41' 'a;b&c|d' '~' '*' '\' '#?')
names+=($'\xff\xfe' 'ä' 'a:b' '--')
for name in "${names[@]}"; do
    cp disk "names/$name"
    hashes "samurai:$PWD/names/$name"
    url=$(python3 -c 'import os, sys, urllib.parse
print(urllib.parse.quote(os.fsencode(sys.argv[1])))' "$PWD/names/$name")
    hashes "ssh://samurai$url"
    rm "names/$name"
done
cp disk 'names/a b'
hashes "ssh://samurai$PWD/names/a b"
expect_error 2 'a % in it is not followed by two' -- "$IMGZ" hash "ssh://samurai$PWD/names/100%"
expect_error 2 'cannot hold %00' -- "$IMGZ" hash "ssh://samurai$PWD/names/a%00b"
expect_error 1 "says: opening /.*41: No such file" -- "$IMGZ" hash "ssh://samurai/%2541"
cp "$IMGZ" "names/i'm \$g z"
hashes "ssh://samurai$disk" --remote-imgz "$PWD/names/i'm \$g z"

title "what cannot be read there"
mkfifo fifo
long=$(printf '%5000s' '' | tr ' ' x)
expect_error 1 "says: .*$PWD/names: " -- "$IMGZ" hash "ssh://samurai$PWD/names"
expect_error 1 'says: .*/names/none: No such file' -- "$IMGZ" hash "ssh://samurai$PWD/names/none"
expect_error 1 'says: .*/disk/x: Not a directory' -- "$IMGZ" hash "ssh://samurai$disk/x"
expect_error 1 'says: ' -- "$IMGZ" hash "ssh://samurai/dev/zero"
expect_error 1 'ssh://samurai/xx' -- "$IMGZ" hash "ssh://samurai/$long"
expect_error 1 "says: .*only files and drives" -- "$IMGZ" hash "ssh://samurai/proc/self/status"
expect_error 1 "says: " -- "$IMGZ" hash "ssh://samurai$PWD/fifo"

expect_exit 1 "$IMGZ" hash --json "ssh://samurai/$(printf 'a/%.0s' {1..2500})"
expect_out '"code": "ENAMETOOLONG"'

title "what would be written there"
expect_error 1 'on another host, where imgz can only read' \
    -- "$IMGZ" capture disk "samurai:$PWD/new.gz"
expect_exit 0 "$IMGZ" capture -q disk here.gz
expect_error 1 'on another host, where imgz can only read' \
    -- "$IMGZ" restore here.gz "ssh://samurai$PWD/new"
expect_exit 1 "$IMGZ" capture --map "samurai:$PWD/map" disk new.gz
expect_exit 1 "$IMGZ" capture --dry-run disk "samurai:$PWD/new.gz"
absent new new.gz map

expect_error 2 'on another host, so it cannot be measured from here; run it there' \
    -- "$IMGZ" bench "ssh://samurai$disk"

title "what would be done"
expect_exit 0 "$IMGZ" capture --dry-run "ssh://samurai$disk" new.gz
expect_text 'would capture .*2.86 MiB.* to new.gz'
expect_text 'only files and drives of this host are sampled'
expect_exit 0 "$IMGZ" restore --dry-run "ssh://samurai$PWD/here.gz" new
expect_text 'would restore .*2.86 MiB'
absent new new.gz

# ---- The other host -----------------------------------------------------------------------------

title "no imgz there"
IMGZ=/nonexistent/imgz start_sshd
expect_error 1 "connecting to ssh://samurai$disk: there is no imgz in the PATH on that host" \
    'install it there, or say where it is with --remote-imgz' -- "$IMGZ" hash "ssh://samurai$disk"
hashes "ssh://samurai$disk" --remote-imgz "$IMGZ"
expect_error 1 "there is no $PWD on that host|Permission denied|Is a directory" \
    -- "$IMGZ" hash --remote-imgz "$PWD" "ssh://samurai$disk"
expect_error 1 '' -- "$IMGZ" hash --remote-imgz /bin/false "ssh://samurai$disk"
expect_error 1 'what answers there is not imgz' \
    -- "$IMGZ" hash --remote-imgz /bin/yes "ssh://samurai$disk"
expect_error 1 '' -- "$IMGZ" hash --remote-imgz /bin/cat "ssh://samurai$disk"

title "sudo"
serve
have sudo ||
    expect_error 1 'sudo must be there, find imgz' -- "$IMGZ" hash --sudo "ssh://samurai$disk"
cat >bin/sudo <<'SH'
#!/bin/sh
printf 'asked for %s\n' "$*" >&2
echo 'sudo: a password is required' >&2
exit 1
SH
chmod +x bin/sudo
expect_error 1 "ssh://samurai$disk: sudo: a password is required; sudo must be there" \
    -- "$IMGZ" hash --sudo "ssh://samurai$disk"
cat >bin/sudo <<SH
#!/bin/sh
echo "\$*" >>'$PWD/asked'
[ "\$1" = -n ] || exit 1
shift
exec "\$@"
SH
hashes "ssh://samurai$disk" --sudo
hashes "ssh://samurai$disk" --sudo --remote-imgz "$PWD/names/i'm \$g z"
equal "what sudo was asked for" "$(cat asked)" "-n imgz remote
-n $PWD/names/i'm \$g z remote"

title "a shell that greets"
# shellcheck disable=SC2016 # for the server's shell
greeting='sh -c '\''echo hello; echo "to all" >&2; eval "$SSH_ORIGINAL_COMMAND"'\'
serve "ForceCommand $greeting"
hashes "ssh://samurai$disk"
hashes "ssh://samurai$disk" --remote-imgz "$IMGZ"
expect_exit 0 "$IMGZ" capture -q "ssh://samurai$disk" greeted.gz
ok "the image is right" gunzips_to greeted.gz disk
serve "ForceCommand echo This account is not available."
expect_error 1 '' -- "$IMGZ" hash "ssh://samurai$disk"
serve "ForceCommand echo 'Come back on Monday.' >&2; exit 1"
expect_error 1 "connecting to ssh://samurai$disk: Come back on Monday" \
    -- "$IMGZ" hash "ssh://samurai$disk"

title "a key that may only read by imgz"
serve "ForceCommand imgz remote"
hashes "ssh://samurai$disk"
hashes "ssh://samurai$disk" --sudo
expect_error 1 '' -- "$IMGZ" hash --remote-imgz "$IMGZ" "ssh://samurai$disk"

title "a file that may not be read"
if have_root && have setpriv; then
    nobody="setpriv --reuid=$(id -u nobody) --regid=$(id -g nobody) --clear-groups"
    serve "ForceCommand $nobody $PWD/bin/imgz remote"
    cp disk secret
    chmod 600 secret
    if setpriv --reuid="$(id -u nobody)" --regid="$(id -g nobody)" --clear-groups \
        "$PWD/bin/imgz" --version >/dev/null 2>&1; then
        hashes "ssh://samurai$disk"
        expect_error 1 'says: .*/secret: Permission denied' 'try --sudo' \
            -- "$IMGZ" hash "ssh://samurai$PWD/secret"
    else
        skip nobody "nobody cannot run $IMGZ"
    fi
else
    skip nobody "it needs root and setpriv"
fi

# ---- A session that hangs or dies ---------------------------------------------------------------

# It passes on so many bytes, then nothing.
cat >stuck.py <<'PYTHON'
import os
import signal
import subprocess
import sys

imgz, folder, rest = sys.argv[1], sys.argv[2], int(sys.argv[3])
child = subprocess.Popen([imgz, *sys.argv[4:]], stdout=subprocess.PIPE)
while rest > 0:
    data = os.read(child.stdout.fileno(), min(rest, 65536))
    if not data:
        sys.exit(1)
    os.write(1, data)
    rest -= len(data)
with open(f"{folder}/stuck.new", "w", encoding="ascii") as file:
    file.write(f"{os.getpid()}\n")
os.rename(f"{folder}/stuck.new", f"{folder}/stuck")
signal.pause()
PYTHON
cat >stuck <<SH
#!/bin/sh
exec python3 '$PWD/stuck.py' '$IMGZ' '$PWD' 2000000 "\$@"
SH
mv stuck stuck.sh
chmod +x stuck.sh
serve

# Starts a capture that gets no further than 2 MB; STUCK is the process there.
capture_stuck() {
    rm -f stuck
    launch "$IMGZ" capture -q --reproducible --chunk-size 64K --remote-imgz "$PWD/stuck.sh" \
        "ssh://samurai$disk" "$1"
    wait_until test -e stuck || fail "it does not begin" "$(cat "$ERR")"
    STUCK=$(cat stuck)
}

title "it is stopped there"
capture_stuck stopped.gz
kill -STOP "$STUCK"
sleep 0.5
began=$SECONDS
kill -INT "$CHILD"
reap
equal "Ctrl-C is heard" "$CODE" 130
ok "within seconds" test $((SECONDS - began)) -lt 15
ok "what there was is kept" test -s stopped.gz.partial
kill -KILL "$STUCK"

title "it is killed there"
expect_exit 0 "$IMGZ" capture -q --reproducible --chunk-size 64K disk small.gz
capture_stuck killed.gz
kill -KILL "$STUCK"
reap
equal "it failed" "$CODE" 1
expect_text "reading ssh://samurai$disk at offset [0-9]+: Connection reset"
expect_text 'killed.gz.partial is kept'
no "no image" test -e killed.gz
expect_exit 0 "$IMGZ" capture -q --reproducible --chunk-size 64K --resume "ssh://samurai$disk" \
    killed.gz
ok "resumed: the same image" cmp small.gz killed.gz
expect_exit 0 "$IMGZ" capture -q --reproducible --chunk-size 64K --resume "ssh://samurai$disk" \
    stopped.gz
ok "resumed: the same image" cmp small.gz stopped.gz

title "the server ends"
capture_stuck ended.gz
ssh_client=$(pgrep -P "$CHILD")
kill -KILL "$ssh_client"
reap
equal "it failed" "$CODE" 1
expect_text "Connection reset.*ended.gz.partial is kept"
kill -KILL "$STUCK"

finish
