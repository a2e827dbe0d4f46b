#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The program and the libraries are hardened, as readelf and objdump see the files: a bug in imgz,
# which runs as root, is harder to exploit.
source "$(dirname "$0")/lib.sh"
need readelf objdump ar
: "${IMGZ_BUILD:?}"
[[ -z $SANITIZED ]] || skip_all "the sanitizers take the place of hardening"
cache=$IMGZ_BUILD/CMakeCache.txt
[[ -f $cache ]] || skip_all "$IMGZ_BUILD is no build folder"

# cached NAME: its value in CMake's cache.
cached() {
    sed -n "s/^$1:[A-Z]*=//p" "$cache"
}

[[ $(cached CMAKE_BUILD_TYPE) != Debug ]] || skip_all "a debug build is not hardened"
[[ $(cached IMGZ_FUZZ) != ON ]] || skip_all "a fuzzing build is not hardened"
compiler=$(cached CMAKE_C_COMPILER)
library=$IMGZ_BUILD/libimgz.so

# compiles FLAG...: does the compiler know them?
compiles() {
    echo '#include <stdio.h>' | "$compiler" -Werror "$@" -x c -c -o probe.o - 2>/dev/null
}

# has FILE READELF-OPTION PATTERN
has() {
    readelf -W "$2" "$1" 2>/dev/null | grep -Eq -e "$3"
}

title "what the dynamic linker does"
ok "the program can lie anywhere (PIE)" has "$IMGZ" -h 'Type: +DYN'
ok "... and says so" has "$IMGZ" -d 'FLAGS_1.* PIE'
for file in "$IMGZ" "$library"; do
    name=$(basename "$file")
    ok "$name: the jump table is read-only after the start (RELRO)" has "$file" -l GNU_RELRO
    ok "$name: all symbols are bound before that (BIND_NOW)" has "$file" -d 'FLAGS.* BIND_NOW'
    ok "$name: the stack is not executable" has "$file" -l 'GNU_STACK .* RW +0x'
    no "$name: no segment is writable and executable" has "$file" -l 'LOAD .* RWE '
    no "$name: no code is changed at the start (TEXTREL)" has "$file" -d TEXTREL
done

title "what the compiler put in"
level_3=
if compiles -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3; then
    level_3=yes
else
    skip FORTIFY_SOURCE=3 "the compiler does not know it"
fi
for file in "$IMGZ" "$library"; do
    name=$(basename "$file")
    ok "$name: stack canaries" has "$file" --dyn-syms 'UND __stack_chk_fail@'
    ok "$name: checked calls of the C library" has "$file" --dyn-syms 'UND __snprintf_chk@'
    # Level 2 does not see the size of what malloc() gave.
    [[ -z $level_3 ]] ||
        ok "$name: ... also where the size varies" has "$file" --dyn-syms 'UND __memcpy_chk@'
done
if [[ $(uname -m) == x86_64 ]] && compiles -fstack-clash-protection; then
    ok "a large stack frame touches every page" \
        grep -Eq 'or[lq]? +\$0x0,.*\(%[er]sp' <(objdump -d "$library")
else
    skip stack-clash "the compiler does not know it, or its code reads otherwise"
fi
if compiles -fcf-protection=full; then
    # Looked for in every object: the linker drops the mark of the whole if one lacks it, as the
    # C library's do in Debian 12.
    ar x "$IMGZ_BUILD/libimgz.a"
    objects=(*.c.o "$IMGZ_BUILD"/CMakeFiles/imgz.dir/tools/*.c.o)
    bare=()
    for object in "${objects[@]}"; do
        has "$object" -n 'x86 feature: IBT, SHSTK' || bare+=("$(basename "$object")")
    done
    equal "jumps and returns only land where they may (CET), but in" "${bare[*]}" ""
    ok "... as all of ${#objects[@]} objects say" test "${#objects[@]}" -gt 100
else
    skip CET "the compiler does not know it"
fi

finish
