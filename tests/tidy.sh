#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What the house style says and a machine can check: tidy.sh SOURCE_DIR LIBIMGZ_SO.
# Prints one line for each thing that is wrong. Exit 0: nothing is; 77: a tool for it is missing.
set -u
shopt -s nullglob
cd "$1" || exit 1
library=$2
wrong=0

for tool in clang-format shellcheck ctags nm cc c++; do
    command -v "$tool" >/dev/null || {
        echo "tidy: $tool is not installed"
        exit 77
    }
done

# complain WHAT: counts and shows each line of standard input.
complain() {
    local line
    while IFS= read -r line; do
        printf '%s: %s\n' "$1" "$line"
        wrong=$((wrong + 1))
    done
}

list() { # list FOLDER... -- FIND-EXPRESSION...
    local folders=()
    while [[ $1 != -- ]]; do
        [[ ! -d $1 ]] || folders+=("$1")
        shift
    done
    shift
    find "${folders[@]}" -type f \( "$@" \) | sort
}

mapfile -t sources < <(list engine include tools tests bench -- -name '*.[ch]' -o -name '*.cc' \
    -o -name '*.inc')
mapfile -t scripts < <(list .ci tools tests bench -- -name '*.sh' -o -name '*.bash' \
    -o -path .ci/run -o -path bench/rivals)
mapfile -t pythons < <(list tools tests bench -- -name '*.py')

# The C source without its comments, so that these may speak of what the code may not do.
code_of() {
    cc -fpreprocessed -dD -E -P -x c "$1" 2>/dev/null
}

# ---- Looks -------------------------------------------------------------------------------------

complain format < <(clang-format --dry-run -Werror "${sources[@]}" 2>&1 | grep 'error:')
complain shellcheck < <(shellcheck -x -f gcc "${scripts[@]}")
complain "more than 100 columns" < <(
    grep -nE '^.{101,}' /dev/null "${sources[@]}" "${scripts[@]}" "${pythons[@]}" \
        CMakeLists.txt tests/CMakeLists.txt bench/CMakeLists.txt | cut -c -80)
complain "first line is not the SPDX line" < <(
    for file in "${sources[@]}"; do
        head -n 1 "$file" | grep -q 'SPDX-License-Identifier: MIT' || echo "$file"
    done)
complain "more than 600 lines" < <(
    for file in "${sources[@]}"; do
        lines=$(wc -l <"$file")
        ((lines <= 600)) || echo "$file: $lines"
    done)
complain "a function of more than 70 lines" < <(
    ctags --languages=C,C++ --map-C=+.inc --c-kinds=f --c++-kinds=f --fields=+ne -o - \
        "${sources[@]}" |
        sed -nE 's/^([^\t]*)\t([^\t]*)\t.*line:([0-9]+).*end:([0-9]+).*/\2 \3 \4 \1/p' |
        while read -r file start end name; do
            ((end - start < 70)) || echo "$file:$start: $name, $((end - start + 1))"
        done)
complain "two files of one name" < <(basename -a "${sources[@]}" | sort | uniq -d)

# ---- Who may include whom ----------------------------------------------------------------------

# room FOLDER ALLOWED...: what a folder of engine/ may include of others, always by the path there.
rooms=()
room() {
    local folder=$1 allowed
    rooms+=("engine/$folder")
    allowed=$(IFS='|' && echo "$*")
    complain "engine/$folder may not include" < <(
        grep -nE '^ *# *include *"' /dev/null engine/"$folder"/*.* |
            grep -vE "\"($allowed)/[a-z0-9_]+\.(h|inc)\"")
}

# In order: each may include only from rooms above it, so there is no circle.
room base
room machine base
room checksum base
room codec base
room format base checksum codec
room pipeline base machine
room io/file base pipeline
room io/device base machine pipeline io/file
room io/aio base pipeline io/file
room io/fs base pipeline io/device
room io/remote base codec format pipeline io/aio
room io/source base pipeline io/file io/device io/aio io/fs io/remote
room io/sink base pipeline io/file io/device io/aio io/remote io/source
room io/ddmap base pipeline io/file
room image base checksum codec format pipeline io/aio io/remote io/source io/sink
room job/common base machine checksum codec format pipeline io/device io/remote io/source io/sink \
    io/ddmap image
room job/capture base checksum codec format pipeline io/aio io/source io/sink io/ddmap image \
    job/common
room job/verify base checksum pipeline io/device io/source image job/common
room job/restore base io/device io/sink image job/common job/verify
room job/measure base checksum codec format io/aio io/source io/sink image job/common
room job/serve base checksum codec format pipeline io/remote io/source image job/common
room api base checksum codec format pipeline io/device image job/common
complain "a folder of engine/ that is no room" < <(
    printf '%s\n' "${sources[@]}" | sed -n 's|^\(engine/.*\)/.*|\1|p' | sort -u |
        grep -vxF -f <(printf '%s\n' "${rooms[@]}"))
complain "engine/DESIGN.md has other rooms, or in another order" < <(
    sed -nE 's|^    ((  )?[a-z]+)/( .*)?$|\1|p' engine/DESIGN.md |
        awk '/^ / { sub(/^ +/, group); print; next } { group = "engine/" $1 "/" }
            $1 != "io" && $1 != "job" { print "engine/" $1 }' |
        diff <(printf '%s\n' "${rooms[@]}") - | grep '^[<>]')
complain "only a kind of source, or sink, may know what one is made of" < <(
    grep -lE '"io/(source/source|sink/sink)_ops.h"' -r engine |
        grep -vE '^engine/io/(source|sink)/')
complain "tools may include only imgz/imgz.h and their own" < <(
    grep -nE '^ *# *include *("[^"]*/|<\.\.|<imgz/)' /dev/null tools/*.[ch] |
        grep -v '<imgz/imgz.h>')

# ---- Documents ---------------------------------------------------------------------------------

# A path in a document starts at engine/, at the document's folder or at the root. A bare name may
# be that of any file.
mapfile -t names < <(find engine include tools tests bench .ci -type f -printf '%f\n' | sort -u)
complain "there is no such file" < <(
    for document in engine/DESIGN.md engine/FORMAT.md bench/README.md tests/README.md; do
        grep -oP '(?<![\w./*)-])[\w./-]+\.(c|cc|h|inc|sh|py|md|txt)\b' "$document" | sort -u |
            while read -r path; do
                [[ -e engine/$path || -e ${document%/*}/$path || -e $path ]] ||
                    [[ $path != */* && " ${names[*]} " == *" $path "* ]] || echo "$document: $path"
            done
    done)

# ---- Banned calls ------------------------------------------------------------------------------

complain "banned" < <(
    for file in "${sources[@]}"; do
        calls='alloca|atoi|atol|atoll|sscanf|strcpy|strcat|sprintf|vsprintf|gets'
        case $file in
        engine/base/assert.c) ;;
        engine/*)
            calls+='|exit|abort|printf|vprintf|dprintf|puts|putchar|perror|errx?|warnx?'
            ;;
        esac
        case $file in
        engine/machine/subprocess.c | tools/* | tests/* | bench/*) ;; # ends a process of its own
        *) calls+='|_exit' ;;
        esac
        case $file in
        engine/io/source/extent.c | tests/*) ;;
        *) calls+='|lseek|lseek64' ;;
        esac
        code_of "$file" | grep -oE "(^|[^a-zA-Z0-9_.>])($calls) ?\(" | sed "s|^|$file: |"
    done)

complain "engine/ prints nothing, yet it names" < <(
    for file in "${sources[@]}"; do
        [[ $file == engine/* && $file != engine/base/assert.c ]] || continue
        code_of "$file" | grep -owE 'stdout|stderr' | sed "s|^|$file: |"
    done)

complain "EINVAL is the system's; imgz_latch_raise_usage() is for what was asked for" < <(
    grep -nE 'imgz_latch_raise\(.*-EINVAL' engine/*/*.c engine/*/*/*.c)

complain "names an option, which is for tools/option_advice.c" < <(
    for file in "${sources[@]}"; do
        [[ $file != engine/* ]] || code_of "$file" |
            grep -oE '"[^"]*--[a-z][^"]*"' | grep -vE 'mdadm --stop|--rereadpt' | sed "s|^|$file: |"
    done)

# ---- Headers and symbols -----------------------------------------------------------------------

flags=(-Iinclude -Iengine -Itools -D_GNU_SOURCE -DIMGZ_HAVE_ISAL=0 -Wall -Wextra -Werror
    -fsyntax-only)
complain "does not compile alone" < <(
    for header in include/imgz/*.h engine/*/*.h engine/*/*/*.h tools/*.h; do
        cc -std=gnu11 "${flags[@]}" -include "$header" -x c /dev/null 2>&1 |
            grep -m 1 -E 'error:'
    done)
complain "does not compile alone as C or C++" < <(
    for header in include/imgz/*.h; do
        for try in "cc -std=c99 -x c" "c++ -std=c++11 -x c++" "c++ -std=c++20 -x c++"; do
            # shellcheck disable=SC2086 # words
            $try "${flags[@]}" -pedantic -include "$header" /dev/null 2>&1 | grep -m 1 'error:'
        done
    done)
# Names that start with an underscore belong to the compiler and its sanitizers.
complain "exported" < <(nm -D --defined-only "$library" |
    awk '$2 != "A" && $3 !~ /^(imgz_|_)/ { print $3 }')

echo "tidy: ${#sources[@]} source files, ${#scripts[@]} scripts, $wrong complaints"
((wrong == 0))
