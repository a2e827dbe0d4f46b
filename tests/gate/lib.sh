# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What the parts of the gate share.

# shellcheck disable=SC2034 # used by them
ctest=(--output-on-failure --no-tests=error --parallel "$(nproc)")

# build PRESET [CMAKE-OPTION...] [-- TARGET...]
build() {
    local preset=$1 options=()
    shift
    while (($# > 0)) && [[ $1 != -- ]]; do
        options+=("$1")
        shift
    done
    (($# == 0)) || set -- --target "${@:2}"
    cmake --preset "$preset" "${options[@]}"
    cmake --build --preset "$preset" --parallel "$(nproc)" "$@"
}

# in_memory COMMAND...: its temporary files lie in a tmpfs with 1 GiB of room, if there is one.
in_memory() {
    local free
    free=$(df --output=avail -m /dev/shm 2>/dev/null | tail -n 1)
    if [[ $(stat -f -c %T /dev/shm 2>/dev/null) == tmpfs && -w /dev/shm ]] && ((free >= 1024)); then
        TMPDIR=/dev/shm "$@"
    else
        "$@"
    fi
}
