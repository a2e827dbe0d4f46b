#!/usr/bin/env bash
# quick
# SPDX-License-Identifier: MIT
# faultfs, on which other tests rely: it passes everything through, refuses exactly what it is told
# to while it is mounted, and stops refusing when it is told so.
source "$(dirname "$0")/lib.sh"
source "$HERE/faultfs.sh"
need python3

serve_folder back mnt

# call [RULE] EXPRESSION: Python, with f, a file in mnt that is open for writing, after which the
# rule is told. Prints what went wrong.
cat >call.py <<'PYTHON'
import ctypes, errno, fcntl, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def renameat2(source, target, flags):
    if libc.renameat2(-100, source.encode(), -100, target.encode(), flags) != 0:
        raise OSError(ctypes.get_errno(), "renameat2")
def prepare():
    for name in "other", "new", "a:b":
        if os.path.exists("mnt/" + name):
            os.unlink("mnt/" + name)
    with open("mnt/other", "w") as file:
        file.write("other")
def tell(line):
    with open("mnt/.faultfs", "w") as file:
        file.write(line + "\n")
def call(expression):
    try:
        eval(expression)
        return "fine"
    except OSError as error:
        return errno.errorcode[error.errno]
f = os.open("mnt/file", os.O_RDWR)
if len(sys.argv) == 3:
    prepare()
    first = call(sys.argv[2])
    prepare()
    tell(sys.argv[1])
    print(first, call(sys.argv[2]))
    tell("clear")
else:
    print(call(sys.argv[1]))
PYTHON
call() {
    python3 call.py "$@"
}

# refuses WHAT ERROR EXPRESSION: it is fine before, and an error then.
refuses() {
    equal "$1 is refused when that is told" "$(call "refuse $1 $2" "$3")" "fine $2"
}

title "everything is passed through"
fill mixed 3000000 1 >disk
ok "a file is written" cp disk mnt/file
ok "there" same mnt/file disk
ok "and here" same back/file disk
ok "a folder is made" mkdir mnt/folder
ok "a file goes into it" mv mnt/file mnt/folder/file
ok "and back by a link" ln mnt/folder/file mnt/file
equal "both are one file" "$(stat -c %i:%h mnt/file)" "$(stat -c %i:%h mnt/folder/file)"
rm -r mnt/folder
ok "a hole is one" truncate -s 8M mnt/file
ok "and stays one" test "$(stat -c %b mnt/file)" -lt 8000
truncate -s 3000000 mnt/file
ok "mode" chmod 1640 mnt/file
equal "mode is kept" "$(stat -c %a back/file)" 1640
mkdir -m 777 mnt/open
ok "a user may write where he may" setpriv --reuid 65534 --regid 65534 --clear-groups \
    touch mnt/open/file
equal "and owns it" "$(stat -c %u:%g back/open/file)" 65534:65534
no "and nowhere else" setpriv --reuid 65534 --regid 65534 --clear-groups touch mnt/new
rm -r mnt/open

title "each switch"
refuses open EACCES 'os.open("mnt/other", os.O_RDONLY)'
refuses reopen ENOENT 'os.open("mnt/file", os.O_RDONLY)'
refuses create ENOSPC 'os.open("mnt/new", os.O_CREAT | os.O_EXCL | os.O_WRONLY)'
refuses direct EINVAL 'os.open("mnt/other", os.O_RDONLY | os.O_DIRECT)'
refuses read EIO 'os.read(os.open("mnt/other", os.O_RDONLY), 10)'
refuses write EINVAL 'os.write(f, b"x")'
refuses allocate ENOSPC 'os.posix_fallocate(f, 0, 4096)'
refuses truncate EINVAL 'os.ftruncate(f, 3000000)'
refuses fsync EINVAL 'os.fsync(f)'
refuses fsyncdir EIO 'os.fsync(os.open("mnt", os.O_RDONLY))'
refuses unlink EPERM 'os.unlink("mnt/other")'
refuses link EPERM 'os.link("mnt/other", "mnt/new")'
refuses rename EXDEV 'os.rename("mnt/other", "mnt/new")'
refuses noreplace EINVAL 'renameat2("mnt/other", "mnt/new", 1)'
refuses chmod EPERM 'os.fchmod(f, 0o600)'
refuses lock ENOLCK 'fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)'
refuses xattr EPERM 'os.setxattr(f, "user.imgz.test", b"x")'
refuses colon EINVAL 'os.open("mnt/a:b", os.O_CREAT | os.O_WRONLY)'
refuses stat EACCES 'os.fstat(f)'

title "some of it"
refuse noreplace EINVAL
equal "without flags it goes on" "$(call 'os.rename("mnt/other", "mnt/new")')" fine
allow_all
refuse unlink EIO 1 'n*w'
no "the first one fails" unlink mnt/new
ok "what is asked for is shown" was_asked unlink new
ok "the second does not" unlink mnt/new
ok "and what was refused is there no more" test ! -e back/new
touch mnt/other
refuse unlink EIO -1 'n*'
ok "another name does not match" unlink mnt/other
allow_all
no "what was asked for is forgotten" was_asked unlink
printf 12345 >mnt/small
made_up 'sm*' 4096
equal "a size is made up" "$(stat -c %s mnt/small)" 4096
equal "what is read is what there is" "$(cat mnt/small)" 12345
allow_all
equal "and the true one again" "$(stat -c %s mnt/small)" 5
no "a word that is not known" refuse everything EPERM
no "an error that is not known" refuse link ENOTHING
finish
