# SPDX-License-Identifier: MIT
"""Runs a program at a terminal of its own and types an answer when it asks for one.

    terminal.py ANSWER [options] -- COMMAND...

    --input FILE    is the program's standard input, instead of the terminal
    --error FILE    is its standard error, instead of the terminal
    --background    it runs as a background job of that terminal
    --ahead TEXT    is typed, with Enter, before it starts
    --columns N     how wide the terminal is; 80

The terminal is the program's standard input and error and its controlling terminal; standard output
stays ours. All that appears on the terminal goes to our standard error. ANSWER is typed once, with
Enter, when a line that ends in ": " waits; "^C" and "^D" are those keys. Exits as the program did,
128+n after signal n, 124 after a minute, 125 if a background job was stopped.
"""

import argparse
import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time

KEYS = {"^C": b"\x03", "^D": b"\x04"}


def code_of(status):
    if os.WIFSTOPPED(status):
        return 125
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def redirect(options, keep_out):
    os.dup2(keep_out, 1)
    if options.input is not None:
        os.dup2(os.open(options.input, os.O_RDONLY), 0)
    if options.error is not None:
        os.dup2(os.open(options.error, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 2)


def start(options, command):
    keep_out = os.dup(1)
    os.set_inheritable(keep_out, True)
    child, terminal = pty.fork()
    if child > 0:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 25, options.columns, 0, 0))
        if options.ahead is not None:
            os.write(terminal, options.ahead.encode() + b"\n")
        return child, terminal
    if options.ahead is not None:
        select.select([0], [], [])
    redirect(options, keep_out)
    if options.background:
        job = os.fork()
        if job > 0:
            code = code_of(os.waitpid(job, os.WUNTRACED)[1])
            if code == 125:
                os.kill(job, 9)
            os._exit(code)
        os.setpgid(0, 0)
    os.execvp(command[0], command)


def read_some(terminal):
    """None: nobody has the terminal open, for now."""
    if not select.select([terminal], [], [], 0.1)[0]:
        return b""
    try:
        return os.read(terminal, 65536) or None
    except OSError:
        return None


def talk(child, terminal, answer):
    """Until the child has ended and all it wrote was read. Its status."""
    seen = b""
    typed = False
    status = None
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        data = read_some(terminal)
        if not data:
            if status is not None:
                return status
            ended, code = os.waitpid(child, os.WNOHANG)
            status = code if ended else None
            time.sleep(0.01)
            continue
        os.write(2, data.replace(b"\r", b""))
        seen += data
        if not typed and seen.endswith(b"to go on: "):
            typed = True
            os.write(terminal, KEYS.get(answer, answer.encode() + b"\n"))
    os.kill(child, 9)
    sys.exit(124)


split = sys.argv.index("--")
parser = argparse.ArgumentParser()
parser.add_argument("answer")
parser.add_argument("--input")
parser.add_argument("--error")
parser.add_argument("--background", action="store_true")
parser.add_argument("--ahead")
parser.add_argument("--columns", type=int, default=80)
chosen = parser.parse_args(sys.argv[1:split])
pid, fd = start(chosen, sys.argv[split + 1 :])
sys.exit(code_of(talk(pid, fd, chosen.answer)))
