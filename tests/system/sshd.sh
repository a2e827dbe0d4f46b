# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# A real ssh server of this script's own, on loopback: sourced after lib.sh. It has its own port and
# keys, and reads no configuration of this machine. In it "samurai" is this host:
#
#   start_sshd [LINE...]    starts it, with more lines of sshd_config(5); sets IMGZ_SSH and SSHD
#   remote COMMAND...       runs a command there
#
# There imgz is $IMGZ, by the PATH.

# A port that nobody listens on now.
_free_port() {
    python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

_wait_for_port() {
    local try
    for ((try = 0; try < 100; try++)); do
        (: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return 0
        sleep 0.1
    done
    return 1
}

start_sshd() {
    local port
    port=$(_free_port)
    SSH_FOLDER=$WORK/ssh
    mkdir -p "$SSH_FOLDER" /run/sshd
    chmod 700 "$SSH_FOLDER"
    if [[ ! -f $SSH_FOLDER/host ]]; then
        ssh-keygen -q -t ed25519 -N '' -f "$SSH_FOLDER/host"
        ssh-keygen -q -t ed25519 -N '' -f "$SSH_FOLDER/user"
    fi
    cat >"$SSH_FOLDER/sshd_config" <<END
Port $port
ListenAddress 127.0.0.1
HostKey $SSH_FOLDER/host
AuthorizedKeysFile $SSH_FOLDER/user.pub
PidFile none
UsePAM no
StrictModes no
PermitRootLogin yes
PasswordAuthentication no
LogLevel ERROR
SetEnv PATH=$(dirname "$IMGZ"):/usr/sbin:/usr/bin:/sbin:/bin
$(printf '%s\n' "$@")
END
    cat >"$SSH_FOLDER/config" <<END
Host samurai
    HostName 127.0.0.1
    Port $port
    User $(id -un)
    IdentityFile $SSH_FOLDER/user
    IdentitiesOnly yes
    UserKnownHostsFile $SSH_FOLDER/known_hosts
    BatchMode yes
END
    printf '[127.0.0.1]:%s %s\n' "$port" "$(cut -d' ' -f 1,2 "$SSH_FOLDER/host.pub")" \
        >"$SSH_FOLDER/known_hosts"
    /usr/sbin/sshd -D -e -f "$SSH_FOLDER/sshd_config" 2>"$SSH_FOLDER/log" &
    SSHD=$!
    CHILDREN+=("$SSHD")
    _wait_for_port "$port" || fail "sshd does not start: $(cat "$SSH_FOLDER/log")"
    export IMGZ_SSH="ssh -F '$SSH_FOLDER/config'"
}

remote() {
    ssh -F "$SSH_FOLDER/config" samurai "$@"
}
