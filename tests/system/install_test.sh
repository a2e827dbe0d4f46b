#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What 'cmake --install' puts in place is enough for others: C and C++ programs find and use the
# library by pkg-config and by find_package, shared and static; imgz runs from there; the manual
# page and the completions are sound.
source "$(dirname "$0")/lib.sh"
need cmake cc c++ pkg-config python3
: "${IMGZ_BUILD:?}" "${IMGZ_SOURCE:?}"
[[ -f $IMGZ_BUILD/cmake_install.cmake ]] || skip_all "$IMGZ_BUILD is no build folder"

api=$IMGZ_SOURCE/tests/api
flags=(-Wall -Wextra -Werror)
[[ -z $SANITIZED ]] || flags+=("-fsanitize=$SANITIZED")
root=$PWD/usr
fill mixed 9000000 1 >disk
truncate -s 24M disk

title "installing"
ok "cmake --install" cmake --install "$IMGZ_BUILD" --prefix "$root"
libdir=$(dirname "$(find "$root" -name 'libimgz.so' | head -n 1)")
for file in bin/imgz share/man/man1/imgz.1 share/man/man3/imgz.3 share/man/man3/imgz_capture.3 \
    share/bash-completion/completions/imgz share/zsh/site-functions/_imgz \
    share/fish/vendor_completions.d/imgz.fish; do
    ok "$file is installed" test -s "$root/$file"
done
for file in libimgz.so libimgz.so.1 libimgz.a pkgconfig/imgz.pc cmake/imgz/imgzConfig.cmake \
    cmake/imgz/imgzConfigVersion.cmake; do
    ok "$file is installed" test -e "$libdir/$file"
done
equal "the headers are installed" "$(find "$root/include" -type f -printf '%P\n' | sort)" \
    "$(printf 'imgz/%s.h\n' imgz info system)"
no "nothing names the build folder" grep -rqF "$IMGZ_BUILD" "$root/include" "$root/share" \
    "$libdir/pkgconfig" "$libdir/cmake"
ok "DESTDIR is obeyed" env "DESTDIR=$PWD/staged" cmake --install "$IMGZ_BUILD"
ok "a staged imgz" find staged -path '*/bin/imgz' -type f
rm -rf staged
# Moved as a whole it still works: nothing in it knows where it was.
mv usr moved
root=$PWD/moved
libdir=${libdir/"$PWD/usr"/$root}
export LD_LIBRARY_PATH=$libdir PKG_CONFIG_PATH=$libdir/pkgconfig

title "imgz from there"
expect_exit 0 "$root/bin/imgz" --version
version=$(sed 's/^imgz //; s/ .*//; q' "$OUT")
expect_exit 0 "$root/bin/imgz" capture -q disk disk.gz
expect_exit 0 "$root/bin/imgz" verify -q disk.gz
expect=$("$root/bin/imgz" hash disk | sed 's/.* = //')
equal "pkg-config knows the version" "$(pkg-config --modversion imgz)" "$version"

# outsider PROGRAM: runs in a folder of its own and prints the version and the disk's root hash.
outsider() {
    local code
    rm -rf outside
    mkdir outside
    (cd outside && "$1" ../disk >../said 2>&1)
    code=$?
    equal "$(basename "$1") works" "exit $code, $(cat said)" "exit 0, $version $expect"
}

exported() { nm -D --defined-only "$1" | awk '$2 != "A" { print $3 }' | sed 's/@.*//'; }

title "pkg-config"
read -ra shared < <(pkg-config --cflags --libs imgz)
read -ra static < <(pkg-config --cflags --libs --static imgz)
ok "C, shared" cc "${flags[@]}" -std=c11 -D_GNU_SOURCE -o c-shared "$api/outsider.c" "${shared[@]}"
outsider "$PWD/c-shared"
ok "it is the shared library" grep -q libimgz.so.1 <(ldd c-shared)
ok "C++, shared" c++ "${flags[@]}" -std=c++17 -o cc-shared "$api/outsider.cc" "${shared[@]}"
outsider "$PWD/cc-shared"
# The folder holds both libraries and the linker prefers the shared one, so it is named by file.
for i in "${!static[@]}"; do
    [[ ${static[i]} != -limgz ]] || static[i]=$libdir/libimgz.a
done
ok "C, static" cc "${flags[@]}" -std=c11 -D_GNU_SOURCE -o c-static "$api/outsider.c" \
    "${static[@]}"
no "it is not the shared library" grep -q libimgz.so <(ldd c-static)
outsider "$PWD/c-static"
ok "C++, static" c++ "${flags[@]}" -std=c++17 -o cc-static "$api/outsider.cc" "${static[@]}"
outsider "$PWD/cc-static"

# The same where opening an image takes its time: a job is then stopped while it opens one.
if have strace && strace -o /dev/null -e inject=getppid:error=EPERM true 2>/dev/null; then
    cat >slow-static <<'BASH'
#!/bin/bash
export ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" # it cannot work under strace
exec strace -f -qq -o /dev/null -e trace=pread64 -e inject=pread64:delay_enter=3000 \
    "$(dirname "$0")/c-static" "$@"
BASH
    chmod +x slow-static
    outsider "$PWD/slow-static"
else
    skip "slow storage" "strace cannot inject here"
fi

title "the examples"
# example NAME ARGUMENT...: builds it as the manual says, and runs it.
example() {
    local name=$1
    shift
    ok "$name is built" cc "${flags[@]}" -std=c11 -D_GNU_SOURCE -o "$name" "$api/$name.c" \
        "${shared[@]}"
    expect_exit "${WANTED:-0}" "./$name" "$@"
}
example example_capture disk example.gz
expect_out "^$expect\$"
expect_out "^$(sha256sum <disk | cut -d ' ' -f 1)\$"
example example_restore example.gz example.img
ok "it is the disk" cmp disk example.img
example example_verify example.gz disk
example example_hash example.gz
expect_out "^$expect\$"
expect_text '^finish: 25165824 bytes'
example example_info example.gz
expect_out "^25165824 bytes, root hash $expect\$"
expect_out '^level: libdeflate [0-9.]+ level 6$'
example example_devices
expect_out '^[0-9]+ drives$'
example example_topology
expect_out 'binding (none|node|core)$'
example example_bench disk
expect_out '^capture fast +[0-9]+ MB/s$'
cp disk other && printf x | dd of=other bs=1 seek=3000000 conv=notrunc status=none
WANTED=3 example example_verify example.gz other
expect_text '^the first of 1 bad chunks is at 2097152$'
equal "there is one for each job" "$(find "$api" -name 'example_*' | wc -l)" 8
sed -n '/^```c$/,/^```$/{/^```/!p}' "$IMGZ_SOURCE/README.md" >readme.c
ok "the README's program is built" cc "${flags[@]}" -std=c11 -o readme readme.c "${shared[@]}"
expect_exit 0 ./readme disk readme.gz
expect_out "^$expect\$"
expect_exit 1 ./readme
expect_text '^usage: '

title "find_package"
cmake_flags=("-DCMAKE_PREFIX_PATH=$root")
[[ -z $SANITIZED ]] || cmake_flags+=("-DCMAKE_C_FLAGS=-fsanitize=$SANITIZED"
    "-DCMAKE_CXX_FLAGS=-fsanitize=$SANITIZED")
ok "configured" cmake -S "$api" -B by-cmake "${cmake_flags[@]}"
ok "built" cmake --build by-cmake
for program in outsider-c outsider-cc outsider-c-static; do
    outsider "$PWD/by-cmake/$program"
done
sed 's/imgz 1.0 REQUIRED/imgz 99 REQUIRED/' "$api/CMakeLists.txt" >wrong.txt
mkdir wrong && cp wrong.txt wrong/CMakeLists.txt && cp "$api"/outsider.* wrong/
no "another major version is not found" cmake -S wrong -B wrong/build "${cmake_flags[@]}"

title "the headers"
for header in "$root"/include/imgz/*.h; do
    name=$(basename "$header")
    for standard in c99 c11 c17; do
        ok "$name alone as $standard" cc "${flags[@]}" -pedantic "-std=$standard" -fsyntax-only \
            -x c "$header"
    done
    for standard in c++11 c++17 c++20; do
        ok "$name alone as $standard" c++ "${flags[@]}" -pedantic "-std=$standard" -fsyntax-only \
            -x c++ "$header"
    done
done
equal "the library exports what the headers declare and nothing else" \
    "$(exported "$libdir/libimgz.so" | sort)" \
    "$(grep -h -A 1 '^IMGZ_API' "$root"/include/imgz/*.h | grep -o 'imgz_[a-z_]*(' | tr -d '(' |
        sort -u)"

title "the manual page and the completions"
page=$root/share/man/man1/imgz.1
for word in capture restore verify hash info devices bench --level --chunk-size --digest \
    --threads --force --json --progress --reproducible --seconds --write-to --topology \
    "EXIT STATUS"; do
    ok "the manual page tells of $word" grep -qF -- "$word" <(sed 's/\\-/-/g' "$page")
done
sed -n '/^#include <imgz/,/^}/p' "$root/share/man/man3/imgz.3" |
    sed 's/\\&//; s/\\e/\\/g' >manual.c
ok "the example of the manual is built" cc "${flags[@]}" -o manual manual.c "${shared[@]}"
expect_exit 0 ./manual disk manual.gz
expect_out "^$expect\$"
if have man; then
    MANWIDTH=100 man -M "$root/share/man" 3 imgz_cancel_request 2>said | col -bx >rendered
    ok "man imgz_cancel_request" grep -q 'imgz_cancel_request(struct imgz_cancel' rendered
    man --warnings=w -E UTF-8 -l -Tutf8 -Z "$root/share/man/man3/imgz.3" >/dev/null 2>said
    equal "man renders imgz(3) without warnings" "$(cat said)" ""
    man --warnings=w -E UTF-8 -l -Tutf8 -Z "$page" >/dev/null 2>said
    equal "man renders it without warnings" "$(cat said)" ""
    MANWIDTH=80 man -l "$page" 2>/dev/null | col -bx >rendered
    no "no line is longer than 80 columns" grep -E '^.{81}' rendered
else
    skip man "man is not installed"
fi
if have groff; then
    groff -man -ww -Tutf8 "$page" >/dev/null 2>said
    equal "groff -ww has nothing to say" "$(cat said)" ""
fi
if have mandoc; then
    equal "mandoc -Tlint has no warnings" "$(mandoc -Tlint -W warning "$page" 2>&1)" ""
    equal "nor for imgz(3)" "$(mandoc -Tlint -W warning "$root/share/man/man3/imgz.3" 2>&1)" ""
fi
cat >complete.bash <<'BASH'
set -u
[[ ! -r /usr/share/bash-completion/bash_completion ]] || {
    set +u
    source /usr/share/bash-completion/bash_completion
}
source "$1"
complete -p imgz >/dev/null || exit 1
name=$(complete -p imgz | sed 's/.*-F \([^ ]*\).*/\1/')
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
COMP_LINE="$*"
COMP_POINT=${#COMP_LINE}
COMPREPLY=()
"$name" imgz "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
BASH
completion=$root/share/bash-completion/completions/imgz
ok "bash likes the completions" bash -n "$completion"
completes() { # completes WANTED WORDS...
    local wanted=$1
    shift
    equal "imgz $* completes" "$(bash complete.bash "$completion" "$@" 2>said | sed 's/ *$//' |
        grep -cxF -- "$wanted")" 1
}
completes capture imgz cap
completes restore imgz re
completes --level imgz capture --le
completes --against imgz verify --ag
completes bench imgz be
completes --write-to imgz bench --wr
mkdir folder
completes folder imgz bench --write-to fol
completes --topology imgz info --to

finish
