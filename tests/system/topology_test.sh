#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# imgz uses what it may use and nothing more: affinity and processor time limit the workers; 'info
# --topology' and --verbose tell the plan; and on a machine of several nodes (made up by hwloc, so
# that threads and memory are not bound) images come out the same.
source "$(dirname "$0")/lib.sh"
need python3 taskset
unset HWLOC_SYNTHETIC HWLOC_XMLFILE HWLOC_FSROOT HWLOC_COMPONENTS

# plan EXPRESSION [OPTION...]: what python makes of the JSON object 'plan', with OPTIONs.
plan() {
    local expression=$1
    shift
    "$IMGZ" info --topology --json "$@" | python3 -c '
import json, sys
plan = json.load(sys.stdin)
print(eval(sys.argv[1]))' "$expression"
}

mapfile -t mine < <(taskset -pc $$ | sed 's/.*: //' | tr , '\n' | while IFS=- read -r from to; do
    seq "$from" "${to:-$from}"
done)
fill mixed 5000000 1 >disk
truncate -s 64M disk
expect_exit 0 "$IMGZ" capture -q --reproducible disk disk.gz

title "this machine"
expect_exit 0 "$IMGZ" info --topology
equal "it says nothing on stderr" "$(cat "$ERR")" ""
for word in machine 'may use' quota workers binding slots NODE; do
    expect_out "^$word"
done
equal "as many processors as taskset knows" "$(plan 'plan["allowed"]["processor_count"]')" \
    "${#mine[@]}"
equal "workers as processors, or as many as there is time for" \
    "$(plan '1 <= plan["worker_count"] <= plan["allowed"]["processor_count"]')" True
equal "shares add up" "$(plan '(sum(n["worker_count"] for n in plan["nodes"]),
    sum(n["slot_count"] for n in plan["nodes"]), len(plan["workers"]))')" \
    "$(plan '(plan["worker_count"], plan["slot_count"], plan["worker_count"])')"
equal "--threads is obeyed" "$(plan 'plan["worker_count"]' --threads 77)" 77
equal "slots hold a chunk and more" \
    "$(plan '4 << 20 < plan["slot_bytes"] <= 9 << 20' --chunk-size 4M)" True
equal "memory is that of all slots" \
    "$(plan 'plan["memory_bytes"] == plan["slot_count"] * plan["slot_bytes"]')" True

title "limits"
one=${mine[-1]}
equal "taskset: one processor" "$(taskset -c "$one" "$IMGZ" info --topology --json |
    python3 -c 'import json, sys
plan = json.load(sys.stdin)
print(plan["allowed"]["processors"], plan["worker_count"], plan["binding"])')" "$one 1 none"
expect_exit 0 taskset -c "$one" "$IMGZ" capture -v --reproducible disk one.gz
expect_text '^imgz: 1 of .* nodes, 1 of .* cores, 1 of .* processors \('"$one"'\)'
expect_text '^imgz: 1 worker, '
ok "the image is the same" same one.gz disk.gz
expect_exit 0 taskset -c "$one" "$IMGZ" capture -v --reproducible --threads 3 disk three.gz
expect_text '^imgz: 3 workers, '
ok "and again" same three.gz disk.gz

# quota MICROSECONDS COMMAND...: runs it in a group that may use so much of each 100 ms.
quota() {
    local us=$1 parent group code
    shift
    parent=$(awk '$(NF - 2) == "cgroup" && $NF ~ /(^|,)cpu(,|$)/ { print $5; exit }' \
        /proc/self/mountinfo)
    [[ -n $parent ]] || parent=$(awk '$(NF - 2) == "cgroup2" { print $5; exit }' \
        /proc/self/mountinfo)
    group=$parent/imgz-test.$$
    mkdir "$group" 2>/dev/null || return 99
    (
        if [[ -e $group/cpu.cfs_quota_us ]]; then
            echo 100000 >"$group/cpu.cfs_period_us" && echo "$us" >"$group/cpu.cfs_quota_us"
        else
            echo "$us 100000" >"$group/cpu.max"
        fi && echo "$BASHPID" >"$group/cgroup.procs" || exit 99
        exec "$@"
    ) 2>/dev/null
    code=$?
    rmdir "$group"
    return "$code"
}
if have_root && quota 50000 true; then
    quota 50000 "$IMGZ" info --topology --json >half.json
    ok "half a processor of time is one worker" python3 -c '
import json
plan = json.load(open("half.json"))
assert (plan["quota_millis"], plan["worker_count"]) == (500, 1), plan'
    quota 150000 "$IMGZ" info --topology >most
    ok "one and a half are shown" grep -q '^quota *time for 1.500 processors' most
else
    skip quota "no group with limited processor time can be made here"
fi

title "a system that does not say"
# hwloc used to ask for ever, and the first SIGTERM was for nothing.
if command -v strace >/dev/null && strace -qq -o /dev/null true 2>/dev/null; then
    expect_exit 0 timeout 30 strace -qq -f -o /dev/null -e inject=sched_getaffinity:error=EPERM \
        "$IMGZ" info --topology
    expect_out '^binding .*the system denies sched_getaffinity'
    expect_exit 0 timeout 30 strace -qq -f -o /dev/null -e inject=sched_getaffinity:error=EPERM \
        "$IMGZ" capture -q --reproducible disk denied.gz
    ok "the image is the same without" same denied.gz disk.gz
    expect_exit 0 timeout 30 strace -qq -f -o /dev/null -e inject=fork,vfork,clone:error=EAGAIN \
        "$IMGZ" info --topology
    expect_out '^binding .*hwloc does not know this machine'
else
    skip denied "strace cannot be used here"
fi

title "machines made up"
export HWLOC_SYNTHETIC="node:2 core:8 pu:2"
equal "two nodes: extent" "$(plan '[plan["machine"][k] for k in
    ("node_count", "core_count", "processor_count")]')" "[2, 16, 32]"
equal "all cores first, then their second processors" "$(plan '(plan["binding"],
    len({w["processors"] for w in plan["workers"][:16]}),
    [w["processors"] for w in plan["workers"][16:]] ==
    [w["processors"] for w in plan["workers"][:16]])')" "('core', 16, True)"
equal "nodes get the same" "$(plan '[(n["worker_count"], n["slot_count"])
    for n in plan["nodes"]]')" "[(16, 36), (16, 36)]"
equal "fewer workers than cores are bound to nodes" "$(plan '(plan["binding"],
    [(w["node"], w["processors"]) for w in plan["workers"]])' --threads 3)" \
    "('node', [(0, '0-15'), (1, '16-31'), (0, '0-15')])"
expect_exit 0 "$IMGZ" info --topology
expect_out '^WORKER +NODE +PROCESSORS$'
expect_out '^31 +1 +30-31$'
export HWLOC_SYNTHETIC="core:1 pu:1"
equal "a single processor" "$(plan '(plan["worker_count"], plan["binding"],
    plan["workers"][0]["processors"])')" "(1, 'none', None)"
for HWLOC_SYNTHETIC in "node:2 core:2 pu:1" "node:4 core:2 pu:2" "pack:3 [numa] core:1 pu:1"; do
    rm -f four.gz back
    expect_exit 0 "$IMGZ" capture -v --reproducible disk four.gz
    expect_text 'of [234] nodes.*workers are bound to cores'
    memory=$(sed -nE "s/^imgz: .* workers?, ([0-9]+) slots? of .*\(([0-9]+) bytes\).*/\1 \2/p" \
        "$ERR")
    equal "the plan told before is the one in use" "$memory" \
        "$(plan 'str(plan["slot_count"]) + " " + str(plan["slot_bytes"])')"
    ok "$HWLOC_SYNTHETIC: the image is the same" same four.gz disk.gz
    expect_exit 0 "$IMGZ" restore -q four.gz back
    ok "and so is the disk" same back disk
    expect_exit 0 "$IMGZ" verify -q four.gz
    expect_exit 0 "$IMGZ" verify -q four.gz --against disk
    equal "root hash" "$(root_of disk)" "$(root_of four.gz)"
done
unset HWLOC_SYNTHETIC

title "the command line"
for words in "disk.gz" "-" "disk.gz disk.gz"; do
    # shellcheck disable=SC2086 # several words
    expect_error 2 "" -- "$IMGZ" info --topology $words
done
expect_error 2 "topology" -- "$IMGZ" info --threads 2 disk.gz
expect_error 2 "topology" -- "$IMGZ" info --chunk-size 1M disk.gz
expect_error 2 "IMAGE is missing" -- "$IMGZ" info
expect_error 2 "threads" -- "$IMGZ" info --topology --threads 1025
expect_error 2 "takes no --topology" -- "$IMGZ" verify --topology disk.gz
expect_exit 0 "$IMGZ" info disk.gz
expect_out '^raw size'
no "an image's info has no nodes" grep -q NODE "$OUT"

finish
