#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The completions of bash, zsh and fish know exactly the commands and options that --help shows, and
# offer the values that imgz takes. Each shell is asked itself.
source "$(dirname "$0")/lib.sh"
need lsblk
: "${IMGZ_SOURCE:?}"
TOOLS=$IMGZ_SOURCE/tools

# What --help shows.
mapfile -t COMMANDS < <("$IMGZ" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\)  .*/\1/p')
options_of() { # options_of COMMAND
    "$IMGZ" "$1" --help | sed -nE 's/^  (-., |    )(--[a-z-]+).*/\2/p' | sort
}
valued_options_of() { # ... that take a value
    "$IMGZ" "$1" --help | sed -nE 's/^  (-., |    )(--[a-z-]+) [A-Z]+ .*/\2/p'
}
letters_of() {
    "$IMGZ" "$1" --help | sed -nE 's/^  (-.), --[a-z-]+.*/\1/p' | sort
}
reasons_of() { # what --override of COMMAND takes
    "$IMGZ" "$1" --override '?' a b 2>&1 | sed -nE 's/.*takes a list of //p' | tr -d ' ' |
        tr ',' '\n' | sort
}
ok "there are commands" test "${#COMMANDS[@]}" -ge 7

# ---- How each shell is asked: SHELL_offers WORDS... prints what may follow, a line each ---------

cat >complete.bash <<'BASH'
set -u
source "$1"
name=$(complete -p imgz | sed 's/.*-F \([^ ]*\).*/\1/')
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
COMPREPLY=()
compopt() { :; }
"$name"
printf '%s\n' "${COMPREPLY[@]}"
BASH
bash_offers() {
    bash complete.bash "$TOOLS/imgz.bash" "$@"
}

fish_offers() {
    HOME=$PWD fish --no-config -c "source '$TOOLS/imgz.fish'
        complete --do-complete '$*'" | cut -f 1
}

mkdir zsh
[[ ! -e $TOOLS/imgz.zsh ]] || cp "$TOOLS/imgz.zsh" zsh/_imgz
cat >zsh/.zshrc <<'ZSH'
fpath=($ZDOTDIR $fpath)
autoload -Uz compinit
compinit -D -u
# What is offered goes to a file; calls that only compute something go through.
compadd() {
    local -a found
    if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
        builtin compadd "$@"
        return
    fi
    builtin compadd -A found "$@"
    print -rl -- $found >>$ZDOTDIR/found
    builtin compadd "$@"
}
_list() {
    _main_complete
    print >>$ZDOTDIR/done
}
zle -C list-all list-choices _list
bindkey '^I' list-all
ZSH
cat >complete.zsh <<'ZSH'
zmodload zsh/zpty zsh/zselect || exit 1
rm -f zsh/found zsh/done
zpty -b shell "ZDOTDIR=$PWD/zsh TERM=dumb zsh -i"
zpty -w -n shell "$*"$'\t'
for ((try = 0; try < 300; try++)); do
    [[ ! -e zsh/done ]] || break
    zselect -t 10
done
zpty -d shell
[[ -e zsh/done ]] || exit 1
[[ ! -e zsh/found ]] || cat zsh/found
ZSH
zsh_offers() {
    zsh -f complete.zsh "$@"
}

# ---- The same for all of them -------------------------------------------------------------------

# offers SHELL WORDS...: sorted, without empty lines.
offers() {
    local shell=$1
    shift
    "${shell}_offers" "$@" | sed 's/ *$//' | grep . | sort -u
}

: >image.gz
for shell in bash zsh fish; do
    title "$shell"
    have "$shell" || {
        skip "$shell" "it is not installed"
        continue
    }
    ok "it can be read" "$shell" -n "$TOOLS/imgz.$shell"
    equal "the commands" "$(offers $shell imgz '' | grep -v '^-')" \
        "$(printf '%s\n' "${COMMANDS[@]}" help | sort)"
    for command in "${COMMANDS[@]}"; do
        equal "options of $command" "$(offers $shell imgz "$command" -- | grep '^--')" \
            "$(options_of "$command")"
    done
    for command in capture restore; do
        equal "reasons of $command" "$(offers $shell imgz $command --override '')" \
            "$(reasons_of $command)"
    done
    equal "levels" "$(offers $shell imgz capture --level '')" \
        "$(printf '%s\n' fast {0..12} | sort)"
    equal "the second of a list" "$(offers $shell imgz hash --digest md5,sha5 | sed 's/.*,//')" \
        sha512
    equal "a file" "$(offers $shell imgz verify ima)" image.gz
    equal "a file to compare with" "$(offers $shell imgz verify --against ima)" image.gz
done

title "options that take a value"
valued=$(for command in "${COMMANDS[@]}"; do valued_options_of "$command"; done | sort -u)
for option in $valued; do
    ok "zsh: $option" grep -qE -- "$option=[[}]" "$TOOLS/imgz.zsh"
    ok "fish: $option" grep -qE -- " -[xr] .*-l ${option#--} " "$TOOLS/imgz.fish"
done
for command in "${COMMANDS[@]}"; do
    for option in $(valued_options_of "$command"); do
        no "bash: $command $option is not followed by an option" grep -qx -- --help \
            <(offers bash imgz "$command" "$option" --)
    done
done
if have fish; then
    for command in "${COMMANDS[@]}"; do
        equal "letters of $command" "$(offers fish imgz "$command" - | grep '^-[^-]')" \
            "$(letters_of "$command")"
    done
fi

finish
