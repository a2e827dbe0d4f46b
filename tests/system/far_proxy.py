#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plays ssh to a real imgz on this host, and changes what that sends: --ssh 'python3 far_proxy.py
IMGZ LIE'. Messages from 0 are those after the greeting; the first is OPENED.

    count                  changes nothing; writes "messages" with the length of each, head and all
    flip=MESSAGE,BYTE,BIT  one bit of a message, counted from its head
    drop=MESSAGE           it is left out
    twice=MESSAGE          it comes twice
    end=MESSAGE            END comes in its place
    fail=MESSAGE,ERRNO     FAILED comes in its place, with words
    cut=MESSAGE,BYTES      the connection ends after so many bytes of it
"""
import os
import struct
import subprocess
import sys

FAILED, END = 128, 133

imgz = sys.argv[1]
what, _, rest = sys.argv[2].partition("=")
numbers = [int(part) for part in rest.split(",")] if rest else []
child = subprocess.Popen([imgz, "remote"], stdin=0, stdout=subprocess.PIPE)
lengths = []


def read(count):
    data = child.stdout.read(count)
    if len(data) < count:
        leave()
    return data


def leave():
    if what == "count":
        with open("messages", "w", encoding="ascii") as file:
            file.write("\n".join(map(str, lengths)) + "\n")
    sys.stdout.buffer.flush()
    child.kill()
    os._exit(0)


def say(data):
    try:
        os.write(1, data) if len(data) < 4096 else write_all(data)
    except BrokenPipeError:
        leave()


def write_all(data):
    while data:
        data = data[os.write(1, data) :]


def changed(index, message):
    """What comes in the place of message 'index'."""
    if not numbers or index != numbers[0] or what == "count":
        return message
    if what == "flip":
        message = bytearray(message)
        message[numbers[1]] ^= 1 << numbers[2]
        return bytes(message)
    if what == "drop":
        return b""
    if what == "twice":
        return message + message
    if what == "end":
        return struct.pack("<IIQ", END, 0, 0)
    if what == "fail":
        words = b"the far end \x1b[31mfell over"
        body = struct.pack("<II", numbers[1], len(words)) + words
        return struct.pack("<IIQ", FAILED, len(body), 0) + body
    say(message[: numbers[1]])
    return leave()


say(b"\n")
child.stdout.readline()
say(child.stdout.readline())
index = 0
while True:
    head = read(16)
    _, body_bytes, tail_bytes = struct.unpack("<IIQ", head)
    message = head + read(body_bytes + tail_bytes)
    lengths.append(len(message))
    if what == "count":
        with open("messages", "w", encoding="ascii") as file:
            file.write("\n".join(map(str, lengths)) + "\n")
    say(changed(index, message))
    index += 1
