#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Prints what a program that is compiled with the public headers relies on, a line each: functions
# and types of callbacks, the size of each struct and the offset and type of its members, the values
# of constants. For processors with pointers of 64 bits; 32 bits: exit 77.
#
#   abi.sh INCLUDE_DIR              abi.txt beside this is the record of it, system/abi_test.sh
#   abi.sh include >tests/api/abi.txt        compares the two; this makes it anew
set -eu
export LC_ALL=C
include=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

tags() { # tags KINDS: name, scope, type and signature of each, separated by tabs
    ctags --language-force=C --c-kinds="$1" --sort=no --fields=+SKst -f - "$include"/imgz/*.h |
        grep -v '^!' | awk -F '\t' -v OFS='\t' '{
            scope = type = signature = "-"
            for (i = 4; i <= NF; i++) {
                if ($i ~ /^struct:/) scope = substr($i, 8)
                if ($i ~ /^typeref:/) type = substr($i, 9)
                if ($i ~ /^signature:/) signature = substr($i, 11)
            }
            sub(/^typename:/, "", type)
            sub(/^(enum|struct):/, "& ", type)
            gsub(/: /, " ", type)
            sub(/IMGZ_API /, "", type)
            print $1, scope, type, signature
        }'
}

tags p | while IFS=$'\t' read -r name _ type signature; do
    echo "function $name: $type $signature"
done >"$work/lines"
tags t | while IFS=$'\t' read -r name _ type _; do
    echo "callback $name: $type"
done >>"$work/lines"

{
    echo '#include <stdio.h>'
    echo '#include <imgz/imgz.h>'
    echo 'int main(void) { if (sizeof(void *) != 8) return 77;'
    tags s | while IFS=$'\t' read -r name _; do
        cat <<C
printf("struct $name: %zu bytes\n", sizeof(struct $name));
C
    done
    tags m | while IFS=$'\t' read -r name scope type _; do
        cat <<C
printf("struct $scope.$name: at %zu, $type\n", offsetof(struct $scope, $name));
C
    done
    tags e | while IFS=$'\t' read -r name _; do
        cat <<C
printf("constant %s: %lld\n", "$name", (long long)$name);
C
    done
    # The version changes with every release, and what has no value guards or marks.
    tags d | while IFS=$'\t' read -r name _; do
        [[ $name != IMGZ_VERSION_* && $name != IMGZ_API && $name != *_H ]] || continue
        cat <<C
printf("constant %s: %lld\n", "$name", (long long)($name));
C
    done
    echo 'return 0; }'
} >"$work/layout.c"
cc -I"$include" -o "$work/layout" "$work/layout.c"
"$work/layout" >>"$work/lines"
sort "$work/lines"
