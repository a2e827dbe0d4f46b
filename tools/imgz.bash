# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Bash completion of imgz: commands, the options of each command, their values, files and devices.
# Installed as bash-completion/completions/imgz; to try it: source tools/imgz.bash

# The options that take a value.
_imgz_valued='--level --chunk-size --chunk-hash --against --digest --threads --direct --progress'
_imgz_valued+=' --on-error --retries --map --timeout --size --seconds --write-to --override --mode'
_imgz_valued+=' --ssh --remote-imgz'

# The options of command $1.
_imgz_options() {
    local far='--ssh --remote-imgz --sudo'
    local job="--threads --digest $far --json --progress --quiet --verbose --help"
    case $1 in
    capture)
        echo "$job --level --chunk-size --chunk-hash --direct --on-error --retries --map --size"
        echo '--timeout --resume --discard-partial --override --force --mode --reproducible'
        echo '--allow-empty --dry-run'
        ;;
    restore)
        echo "$job --only-changed --read-back --resume --paranoid --discard --fix-gpt --yes"
        echo '--override --discard-partial --force --dry-run --mode'
        ;;
    verify) echo "$job --against --paranoid --scrub --direct" ;;
    hash) echo "$job --chunk-size --chunk-hash --direct" ;;
    info) echo "--topology --threads --chunk-size $far --json --help" ;;
    devices) echo '--json --help' ;;
    bench)
        echo '--threads --chunk-size --chunk-hash --direct --seconds --write-to --json'
        echo '--progress --quiet --verbose --help'
        ;;
    remote) echo '--help' ;;
    esac
}

# The values of option $1; nothing where there is no list of them.
_imgz_values() {
    case $1 in
    --level) echo 'fast 0 1 2 3 4 5 6 7 8 9 10 11 12' ;;
    --chunk-size) echo '64K 128K 256K 512K 1M 2M 4M 8M 16M' ;;
    --chunk-hash) echo 'xxh3 sha256' ;;
    --direct) echo 'auto on off' ;;
    --on-error) echo 'stop zero' ;;
    --mode) echo '0600 0640 0644' ;;
    --progress) echo 'auto bar json none' ;;
    --retries) echo '0 1 3 10' ;;
    --seconds) echo '5 10 30 60' ;;
    --timeout) echo '30 60 120 300' ;;
    --ssh) echo 'ssh' ;;
    --threads) eval "echo {1..$(nproc)}" ;;
    esac
}

_imgz_block_devices() {
    lsblk --noheadings --paths --list --output NAME 2>/dev/null
}

# The last of the words in $1, which are parted by commas; $2 has them all.
_imgz_complete_list() {
    local before=''
    [[ $1 != *,* ]] || before=${1%,*},
    compopt -o nospace
    mapfile -t COMPREPLY < <(compgen -P "$before" -W "$2" -- "${1##*,}")
}

# Files and folders; in /dev only block devices, as long as one fits.
_imgz_complete_path() {
    compopt -o filenames
    [[ $1 != /dev/* ]] || mapfile -t COMPREPLY < <(compgen -W "$(_imgz_block_devices)" -- "$1")
    ((${#COMPREPLY[@]} > 0)) || mapfile -t COMPREPLY < <(compgen -f -- "$1")
}

_imgz_complete_value() { # _imgz_complete_value OPTION WORD
    case $1 in
    --against | --map) _imgz_complete_path "$2" ;;
    --write-to)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -d -- "$2")
        ;;
    --digest) _imgz_complete_list "$2" 'md5 sha1 sha224 sha256 sha384 sha512 b2' ;;
    --override)
        local reasons='mounted swap held root image-disk sector-size too-small partition no-room'

        [[ ${COMP_WORDS[1]} == restore ]] || reasons=changed
        _imgz_complete_list "$2" "$reasons"
        ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$(_imgz_values "$1")" -- "$2") ;;
    esac
}

_imgz() {
    local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]:-}
    local before=${COMP_WORDS[COMP_CWORD - 1]}

    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        local commands='capture restore verify hash info devices bench remote help'

        mapfile -t COMPREPLY < <(compgen -W "$commands --help --version" -- "$word")
        return
    fi
    # Readline parts words at "=": "--level=6" comes as "--level", "=", "6".
    if [[ $word == = ]]; then
        _imgz_complete_value "$before" ''
    elif [[ $before == = ]]; then
        _imgz_complete_value "${COMP_WORDS[COMP_CWORD - 2]}" "$word"
    elif [[ " $_imgz_valued " == *" $before "* ]]; then
        _imgz_complete_value "$before" "$word"
    elif [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_imgz_options "$command")" -- "$word")
    elif [[ $command != devices && $command != remote ]]; then
        _imgz_complete_path "$word"
    fi
}

complete -F _imgz imgz
