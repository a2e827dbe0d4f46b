#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs what is missing of the named sections of packages.txt: install.sh SECTION...
set -eu -o pipefail
list=$(dirname "$0")/packages.txt

# The packages of section $1, a line each.
packages_of() {
    sed -E "s/ *#.*//; /^$/d" "$list" | awk -v wanted="[$1]" '
        /^\[/ { inside = $0 == wanted; next }
        inside'
}

is_installed() {
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# The missing packages among the arguments, without those that are optional and not to be had.
missing_of() {
    local package
    for package in "$@"; do
        if [[ $package == *\? ]]; then
            package=${package%\?}
            [[ -n ${updated:-} && -z $(apt-cache search --names-only "^$package\$") ]] && continue
        fi
        is_installed "$package" || echo "$package"
    done
}

mapfile -t wanted < <(for section in "$@"; do packages_of "$section"; done)
command -v dpkg-query >/dev/null || {
    echo "install.sh: this is not Debian; install these, by Debian's names: ${wanted[*]%\?}" >&2
    exit 0
}
mapfile -t missing < <(missing_of "${wanted[@]}")
((${#missing[@]} > 0)) || exit 0
if ((EUID != 0)); then
    echo "install.sh: packages are missing. As root: apt-get install ${missing[*]}" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -q update
updated=yes
mapfile -t missing < <(missing_of "${wanted[@]}")
((${#missing[@]} == 0)) || apt-get -q install -y --no-install-recommends "${missing[@]}"
