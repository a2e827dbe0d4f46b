#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The border of the library changes on purpose only: functions as the symbol map has them, structs
# and constants as tests/api/abi.txt records them; and what the headers name is there.
source "$(dirname "$0")/lib.sh"
need ctags cc nm
: "${IMGZ_BUILD:?}" "${IMGZ_SOURCE:?}"

api=$IMGZ_SOURCE/tests/api
library=$IMGZ_BUILD/libimgz.so
headers=("$IMGZ_SOURCE"/include/imgz/*.h)
[[ -e $library ]] || skip_all "there is no $library"

# With the headers of a folder: abi FOLDER.
abi() { bash "$api/abi.sh" "$1"; }

# The functions of the map, with the node each stands in.
sed -nE 's/^(IMGZ_[0-9.]+) \{.*/\1/p; s/^ +(imgz_[a-z0-9_]+);/\1/p' "$IMGZ_SOURCE/engine/imgz.map" |
    awk '/^IMGZ/ { node = $1; next } { print $1 "@@" node }' | sort >map
sed 's/@.*//' map >functions

title "functions"
nm -D --defined-only "$library" | awk '$2 != "A" && $3 !~ /^_/ { print $3 }' | sort >exported
ok "the library exports what the map has, with its version" diff map exported
abi "$IMGZ_SOURCE/include" >found
[[ $? -ne 77 ]] || skip_all "the record is of processors with pointers of 64 bits"
sed -nE 's/^function ([a-z0-9_]+):.*/\1/p' found | sort >declared
ok "the headers declare what the map has" diff functions declared
grep -ohE '\bimgz_[a-z0-9_]+\(' "${headers[@]}" | tr -d '(' | sort -u >named
equal "the headers name no function that there is not" "$(comm -23 named functions)" ""

# .BI "int imgz_x(..." or .B uint32_t imgz_y(void);
sed -nE 's/^\.BI? "?.*\b(imgz_[a-z0-9_]+)\(.*/\1/p' "$IMGZ_SOURCE/tools/imgz.3" | sort -u >manual
ok "the manual's synopsis has them all" diff functions manual

title "structs and constants"
ok "as recorded (if this is meant: tests/api/abi.sh include >tests/api/abi.txt)" \
    diff "$api/abi.txt" found
sed -nE 's/^struct ([a-z_]+): .*/\1/p' found >structs
# Those are parts of others, and can never grow.
while read -r struct; do
    ok "struct $struct begins with its size" \
        grep -qx "struct $struct.struct_bytes: at 0, uint32_t" found
done < <(grep -vE '^imgz_(bench_row|digest_text|range|warning)$' structs)

title "a change is found"
mkdir changed && cp -r "$IMGZ_SOURCE/include/imgz" changed/
sed -i 's/^    enum imgz_stage stage;/    uint32_t added;\n&/' changed/imgz/imgz.h
abi changed >after
no "a member in the middle" diff -q found after
ok "it moves those behind it" grep -q 'struct imgz_error.offset: at 40' after
cp "$IMGZ_SOURCE/include/imgz/imgz.h" changed/imgz/
sed -i 's/IMGZ_FLAG_SCRUB = 4,/IMGZ_FLAG_SCRUB = 128,/' changed/imgz/imgz.h
abi changed >after
no "another value" diff -q found after

title "the version"
version=$("$IMGZ" --version | sed 's/^imgz //; s/ .*//; q')
cat >version.c <<'C'
#include <imgz/imgz.h>
#include <stdio.h>
int main(void)
{
    printf("%d.%d.%d %d %s %u\n", IMGZ_VERSION_MAJOR, IMGZ_VERSION_MINOR, IMGZ_VERSION_PATCH,
           IMGZ_VERSION_NUMBER, imgz_version(), (unsigned)imgz_version_number());
    return 0;
}
C
if [[ -z $SANITIZED ]]; then
    ok "built" cc -I"$IMGZ_SOURCE/include" -o version version.c "$library"
    IFS=. read -r major minor patch <<<"$version"
    number=$((major * 10000 + minor * 100 + patch))
    equal "of the header and of the library" "$(LD_LIBRARY_PATH=$IMGZ_BUILD ./version)" \
        "$version $number $version $number"
else
    skip "version" "the library needs a sanitizer"
fi

finish
