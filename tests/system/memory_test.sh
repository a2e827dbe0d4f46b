#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Memory: no more than the disk needs, whatever an image says of its chunks; and no more than limits
# leave, with a message where that is too little.
source "$(dirname "$0")/lib.sh"
need python3 prlimit

# A disk that is small, or all zeros, in chunks of 16 MiB: those used to be allocated for each slot,
# and pinned: 389 MiB for two workers, 2.3 GiB for 32.
limit=100000
peak_of_stream() { # peak_of_stream IMAGE
    # shellcheck disable=SC2016 # expanded by the inner shell
    peak_kib bash -c '"$1" restore -q --force --threads 8 - back <"$2"' bash "$IMGZ" "$1"
}
: >empty
fill mixed 500000 1 >small
truncate -s 200M zeros
for disk in empty small zeros; do
    for job in "capture -q --chunk-size 16M $disk $disk.gz" "verify -q $disk.gz" \
        "verify -q --against $disk $disk.gz" "restore -q --read-back $disk.gz $disk.back"; do
        # shellcheck disable=SC2086 # words of a command
        peak=$(peak_kib "$IMGZ" $job --threads 8) || fail "$job"
        ok "$job: $peak KiB" test "$peak" -lt "$limit"
    done
    ok "$disk is restored" cmp "$disk" "$disk.back"
    peak=$(peak_of_stream "$disk.gz") || fail "restore a stream"
    ok "restore $disk from a stream: $peak KiB" test "$peak" -lt "$limit"
    ok "$disk is restored from a stream" cmp "$disk" back
done

# A stream that does not say how large the disk is: what does not come is not taken.
"$IMGZ" capture -q --chunk-size 16M - unknown.gz <small
peak=$(peak_of_stream unknown.gz) || fail "restore a stream of unknown size"
ok "restore a stream of unknown size: $peak KiB" test "$peak" -lt "$limit"
ok "it is restored" cmp small back

title "limits"
fill mixed 20000000 1 >disk
expect_exit 0 "$IMGZ" capture -q --reproducible disk disk.gz
"$IMGZ" capture -q --chunk-size 16M disk large.gz
if [[ -z $SANITIZED ]]; then
    limited() { # limited KIB COMMAND...
        expect_exit "$1" prlimit --as=$(($2 << 10)) "${@:3}"
    }
    limited 0 60000 "$IMGZ" capture -v --threads 8 --reproducible disk some.gz
    expect_text "^imgz: the limit of 'ulimit -v' leaves [0-9]+ MiB: 1 worker and [4-9] slots"
    ok "the image is the same" same some.gz disk.gz
    limited 0 900000 "$IMGZ" capture -v --force --threads 32 --reproducible disk some.gz
    expect_text "^imgz: the limit of 'ulimit -v' leaves [0-9]+ MiB: [0-9]+ workers? and"
    ok "the image is the same, with more" same some.gz disk.gz
    limited 0 60000 "$IMGZ" restore -q --read-back disk.gz disk.back
    ok "restored" cmp disk disk.back
    limited 0 60000 "$IMGZ" verify -q --threads 32 disk.gz
    limited 0 60000 "$IMGZ" verify -q disk.gz --against disk
    for job in "capture -q --chunk-size 16M disk none.gz" "restore -q large.gz none"; do
        # shellcheck disable=SC2086 # words of a command
        limited 1 100000 "$IMGZ" $job
        expect_text "'ulimit -v' allows 97 MiB and has [0-9]+ MiB left, but at least [0-9]+ MiB are"
        absent none.gz none none.partial none.gz.partial
    done
fi

# in_group MIB COMMAND...: in a control group of its own, which may have so much memory. 99: no such
# group can be made.
in_group() {
    local parent group code file
    parent=$(awk '$(NF - 2) == "cgroup" && $NF ~ /(^|,)memory(,|$)/ { print $5; exit }' \
        /proc/self/mountinfo)
    file=memory.limit_in_bytes
    if [[ -z $parent ]]; then
        parent=$(awk '$(NF - 2) == "cgroup2" { print $5; exit }' /proc/self/mountinfo)
        file=memory.max
    fi
    group=$parent/imgz-memory.$$
    mkdir "$group" 2>/dev/null || return 99
    (
        echo $(($1 << 20)) >"$group/$file" && echo "$BASHPID" >"$group/cgroup.procs" || exit 99
        exec "${@:2}"
    ) 2>group.err
    code=$?
    cat group.err >&2
    rmdir "$group"
    return "$code"
}
if [[ -z $SANITIZED ]] && have_root && in_group 64 true 2>/dev/null; then
    # The OOM killer used to end all of these.
    in_group 40 "$IMGZ" capture -q --force --threads 8 --reproducible disk some.gz
    equal "40 MiB for eight workers" "$?" 0
    ok "the image is the same in a group" same some.gz disk.gz
    in_group 40 "$IMGZ" capture -q --force --threads 8 -12 disk some.gz
    equal "40 MiB for eight workers of a slow level" "$?" 0
    in_group 40 "$IMGZ" restore -q --force --threads 32 --read-back disk.gz disk.back
    equal "40 MiB for a restore" "$?" 0
    ok "restored in a group" cmp disk disk.back
    in_group 48 "$IMGZ" restore -q --force large.gz disk.back 2>message
    equal "48 MiB are too little for chunks of 16 MiB" "$?" 1
    ok "and it says so" grep -qE \
        '^imgz: preparing for .*/memory\.(max|limit_in_bytes) allows 48 MiB' message
else
    skip group "no group with limited memory can be made here"
fi
finish
