# SPDX-License-Identifier: MIT
"""Runs a program at a terminal of its own and types an answer when it asks for one.

    terminal.py ANSWER [--input FILE] -- COMMAND...

The terminal is the program's standard input (or FILE is, with --input), its standard error and
its controlling terminal; standard output stays ours. All that appears on the terminal goes to our
standard error. ANSWER is typed once, with Enter, when a line that ends in ": " waits; "^C" and
"^D" are those keys. Exits as the program did, 128+n after signal n, 124 after a minute.
"""

import os
import pty
import select
import sys
import time

KEYS = {"^C": b"\x03", "^D": b"\x04"}


def start(command, input_path):
    child, terminal = pty.fork()
    if child == 0:
        os.dup2(keep_out, 1)
        if input_path is not None:
            os.dup2(os.open(input_path, os.O_RDONLY), 0)
        os.execvp(command[0], command)
    return child, terminal


def talk(terminal, answer):
    seen = b""
    typed = False
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            data = os.read(terminal, 65536)
        except OSError:  # the last program that had the terminal is gone
            return
        if not data:
            return
        os.write(2, data.replace(b"\r", b""))
        seen += data
        if not typed and seen.endswith(b"to go on: "):
            typed = True
            os.write(terminal, KEYS.get(answer, answer.encode() + b"\n"))
    sys.exit(124)


split = sys.argv.index("--")
keep_out = os.dup(1)
os.set_inheritable(keep_out, True)
pid, fd = start(sys.argv[split + 1 :], sys.argv[3] if "--input" in sys.argv[2:split] else None)
talk(fd, sys.argv[1])
status = os.waitpid(pid, 0)[1]
sys.exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))
