# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What corrupt_test.sh and cut_test.sh share, sourced after lib.sh: a disk, a good image of it, and
# refused(), which tries a bad one in every way.

# An image with each kind of region: text, noise (stored), zeros, a last chunk that is shorter.
{
    fill text 300000 1
    fill random 200000 2
    head -c 700000 /dev/zero
    fill mixed 100001 3
} >disk
expect_exit 0 "$IMGZ" capture -q --chunk-size 64K --digest sha256 disk good.gz

# How many of the runs below did what they must; a failure is said at once.
refusals=0
harmless=0
hang=20 # seconds after which a run counts as one that hangs
[[ -z $SANITIZED ]] || hang=120

# refuse WHAT COMMAND...: exit 3 and a message with the name $NAMED and an offset. Like expect_exit,
# but counted in one for thousands of runs. A restore may also succeed if it has no need of what is
# wrong, and then gives back the right bytes; and with MAY_NOT_FIT set it may find its target too
# small before it finds the lie about the size.
refuse() {
    local what=$1 code said
    shift
    timeout --foreground --kill-after=2 "$hang" "$@" >/dev/null 2>"$ERR"
    code=$?
    said=$(<"$ERR")
    if [[ $code -eq 0 && -e back ]] && cmp -s back disk; then
        harmless=$((harmless + 1))
        rm -f back
    elif [[ $code -eq 1 && -n ${MAY_NOT_FIT:-} && $said == *'File too large'* ]]; then
        refusals=$((refusals + 1))
    elif [[ $code -ne 3 ]]; then
        fail "$what: exit code $code instead of 3" "command: $*" "stderr:  ${said:0:400}"
    elif ! [[ $said =~ ^imgz:\ .*"$NAMED".*(\ offset\ [0-9]+|do not add up) ]]; then
        fail "$what: the message does not name $NAMED and an offset" "command: $*" \
            "stderr:  ${said:0:400}"
    elif [[ -e back || -e back.partial ]]; then
        fail "$what: something of the target is left" "command: $*"
    else
        refusals=$((refusals + 1))
    fi
    [[ ! -e back && ! -e back.partial ]] || rm -f back back.partial
}

# refused FILE [how]: by every way in; "quick" leaves out the pipes. A pipe goes the same way
# through verify as through restore, so of these a third will do.
pipe_count=0
refused() {
    local file=$1 name
    name=$(basename "$file" .gz)
    NAMED=$file
    refuse "verify $name" "$IMGZ" verify -q "$file"
    refuse "restore $name" "$IMGZ" restore -q "$file" back
    [[ ${2:-} != quick ]] || return
    NAMED="standard input"
    if ((pipe_count++ % 3 == 0)); then
        refuse "verify of a pipe $name" "$IMGZ" verify -q - < <(exec cat "$file")
    fi
    refuse "restore of a pipe $name" "$IMGZ" restore -q - back < <(exec cat "$file")
}

counted() { # counted TEXT AT_LEAST
    ok "$1: $refusals refusals" test "$refusals" -ge "$2"
    echo "$refusals refused, $harmless restored right in spite of it"
    refusals=0
    harmless=0
}
