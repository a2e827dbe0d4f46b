#!/usr/bin/env bash
# quick
# SPDX-License-Identifier: MIT
# Drives and images on another host, which has imgz: read through a real ssh server.
source "$(dirname "$0")/lib.sh"
need ssh /usr/sbin/sshd ssh-keygen python3 gunzip cmp
source "$HERE/sshd.sh"
start_sshd "$@"

python3 "$LAYOUT" fill mixed 7000000 1 >disk
truncate -s 12M disk
python3 "$LAYOUT" fill random 500123 2 >>disk
far=$PWD/disk

title "every job that reads"
expect_exit 0 "$IMGZ" capture -q --reproducible disk here.gz
expect_exit 0 "$IMGZ" capture -q --reproducible "ssh://samurai$far" there.gz
ok "the same image" cmp here.gz there.gz
expect_exit 0 "$IMGZ" capture -q "samurai:$far" short.gz
ok "scp's form: gunzip gives the disk" cmp disk <(gunzip -c short.gz)
run "$IMGZ" hash -q disk
local_hash=$(cut -d= -f2 "$OUT")
expect_exit 0 "$IMGZ" hash -q "ssh://samurai$far"
expect_out "$local_hash"
expect_exit 0 "$IMGZ" verify -q here.gz --against "ssh://samurai$far"
expect_exit 0 "$IMGZ" verify -q "ssh://samurai$PWD/here.gz"
expect_exit 0 "$IMGZ" verify -q --scrub "ssh://samurai$PWD/here.gz"
expect_exit 0 "$IMGZ" restore -q "ssh://samurai$PWD/here.gz" back
ok "restored from an image there" cmp disk back
expect_exit 0 "$IMGZ" info "ssh://samurai$PWD/short.gz"
expect_out 'source.path +samurai:'
cp disk other
printf x | dd of=other bs=1 seek=5000000 conv=notrunc status=none
expect_exit 3 "$IMGZ" verify -q here.gz --against "ssh://samurai$PWD/other"

title "options give what they give here"
: >empty
printf x >byte
head -c 65537 disk >two
same() { # same FILE OPTION...: its image is the same, from there and from here
    local file=$1
    shift
    expect_exit 0 "$IMGZ" capture -q --force --reproducible "$@" "$file" here1.gz
    expect_exit 0 "$IMGZ" capture -q --force --reproducible "$@" "ssh://samurai$PWD/$file" there1.gz
    ok "the same image: $file $*" cmp here1.gz there1.gz
}
same empty
same byte
same two
same two --chunk-size 64K
same disk --chunk-size 64K --chunk-hash sha256
same disk --level 6 --digest sha256,md5
same disk --level 0 --threads 1
same disk --chunk-size 16M
for option in --chunk-hash=sha256 --digest=sha256 --chunk-size=64K; do
    run "$IMGZ" hash -q "$option" disk
    cut -d= -f2 "$OUT" >hash.here
    run "$IMGZ" hash -q "$option" "ssh://samurai$far"
    ok "the same hash: $option" cmp hash.here <(cut -d= -f2 "$OUT")
done
expect_exit 0 "$IMGZ" verify -q --paranoid here.gz --against "ssh://samurai$far"
expect_exit 3 "$IMGZ" verify -q --paranoid here.gz --against "ssh://samurai$PWD/other"

title "a connection that is lost"
# It lasts for so many bytes. A shell with a pipe would keep it open, and nobody would say a word.
cat >brief <<END
#!/usr/bin/env python3
import os
import subprocess
import sys

child = subprocess.Popen(["$IMGZ", *sys.argv[1:]], stdout=subprocess.PIPE)
rest = 2000000
while rest > 0:
    data = os.read(child.stdout.fileno(), min(rest, 65536))
    if not data:
        break
    os.write(1, data)
    rest -= len(data)
END
chmod +x brief
expect_exit 1 "$IMGZ" capture -q --reproducible --remote-imgz "$PWD/brief" "ssh://samurai$far" \
    cut.gz
expect_text "reading ssh://samurai$far at offset [0-9]+: Connection reset by peer.*add --resume"
expect_exit 0 "$IMGZ" capture -q --reproducible --resume "ssh://samurai$far" cut.gz
ok "resumed: the same image" cmp here.gz cut.gz

title "what is not there"
expect_exit 1 "$IMGZ" hash "ssh://samurai$PWD/none"
expect_text 'samurai.* says: opening .*/none: No such file'
expect_exit 1 "$IMGZ" hash --remote-imgz "$PWD/no imgz" "ssh://samurai$far"
expect_text "there is no $PWD/no imgz on that host; install it there, or say where.*--remote-imgz"
expect_exit 1 "$IMGZ" hash "ssh://samurai/proc/self/status"
expect_text 'only files and drives can be read'
expect_exit 1 "$IMGZ" capture disk "ssh://samurai$PWD/new.gz"
expect_text 'is on another host, where imgz can only read'
no "nothing was made" test -e new.gz
expect_exit 2 "$IMGZ" hash ssh://samurai
expect_text 'names no file or device'
expect_exit 2 "$IMGZ" hash ssh://-oProxyCommand=x/dev/sda
expect_text 'must not begin with -'
finish
