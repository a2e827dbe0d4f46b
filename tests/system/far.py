#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plays ssh and imgz on another host at once, and lies: --ssh 'python3 far.py DISK LIE...'.

It answers as engine/io/remote/protocol.h says, with the bytes of DISK, except for the lies:

    version=N           greeting=BYTES, as Python has them; noise=N bytes before it
    cut=BYTES           ends after so many bytes of output
    log=FILE            writes where each message ends
    stay                does not end when its input does, and leaves its process id in "stay"
    silent=MESSAGE      says nothing in place of MESSAGE (greeting, opened, data, extent), and makes
                        a file "silent"
    chatter             talks on standard error all the time
    FIELD=VALUE         of OPENED: size, sector, kind, holes, data, logical, physical (numbers),
                        model, serial (texts)
    opened=HEX          that is the body of OPENED; more=HEX: that follows the body
    extent=FROM,END     every EXTENT is that; numbers may be +N: so much behind what was asked for
    bytes=N             DATA is N bytes longer (or shorter: -N)
    tail=N              DATA says it has N bytes
    zeros               DATA is zeros; flip=OFFSET: one bit of the disk differs
    type=N              of every reply but OPENED
    body=N, of MESSAGE  N bytes of body more than it should have, filled with 0
    fail=MESSAGE,ERRNO,TEXT
                        FAILED in place of MESSAGE; TEXT as Python has it, between quotes
    bad=FROM,END        reads that touch these bytes of the disk fail with EIO
    then=ERRNO          ... and once one has failed, all fail with this
"""
import os
import struct
import sys
import threading
import time

OPEN, READ, EXTENT = 1, 2, 3
FAILED, OPENED, DATA, DATA_EXTENT = 128, 129, 130, 131

disk_path = sys.argv[1]
lies = {}
for word in sys.argv[2:]:
    if word == "-T":  # what imgz adds: options, host, command
        break
    key, _, value = word.partition("=")
    lies[key] = value
disk = open(disk_path, "rb").read()
written = 0
boundaries = []


def say(data):
    """To imgz, as far as the connection lasts."""
    global written
    cut = int(lies.get("cut", 1 << 62))
    data = data[: max(0, cut - written)]
    written += len(data)
    while data:
        data = data[os.write(1, data) :]
    if written >= cut:
        leave()


def leave():
    if "stay" in lies:
        with open("stay", "a", encoding="ascii") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(300)
    if "log" in lies:
        with open(lies["log"], "w", encoding="ascii") as file:
            file.write("\n".join(map(str, boundaries)) + "\n")
    os._exit(0)


def mark():
    boundaries.append(written)


def number(text, base=0):
    return base + int(text[1:], 0) if text.startswith("+") else int(text, 0)


def text(value):
    data = value.encode("utf-8", "surrogateescape")
    return struct.pack("<I", len(data)) + data


def hear(count):
    data = b""
    while len(data) < count:
        piece = os.read(0, count - len(data))
        if not piece:
            leave()
        data += piece
    return data


def be_silent(name):
    if lies.get("silent") == name:
        with open("silent", "w", encoding="ascii"):
            pass
        hear(1 << 20)


def reply(name, kind, body, tail=b"", tail_bytes=None):
    be_silent(name)
    failure = lies.get("fail", "").split(",", 2)
    if failure[0] == name:
        kind, tail, tail_bytes = FAILED, b"", None
        words = eval(failure[2]) if failure[2] else ""  # pylint: disable=eval-used
        body = struct.pack("<I", int(failure[1], 0) & 0xFFFFFFFF) + text(words)
    elif "type" in lies and name != "opened":
        kind = int(lies["type"], 0)
    if lies.get("of") == name:
        body += bytes(int(lies["body"], 0))
    size = len(tail) if tail_bytes is None else tail_bytes
    say(struct.pack("<IIQ", kind, len(body), size))
    mark()
    say(body)
    mark()
    say(tail)
    mark()


def opened():
    def field(name, default):
        return number(lies[name]) if name in lies else default

    body = struct.pack(
        "<QIIIQ",
        field("size", len(disk)),
        field("sector", 512),
        field("kind", 1),
        field("holes", 1),
        field("data", len(disk)),
    )
    for name in ("model", "serial"):
        body += text(eval(lies[name]) if name in lies else "")  # pylint: disable=eval-used
    body += struct.pack("<II", field("logical", 512), field("physical", 4096))
    if "opened" in lies:
        body = bytes.fromhex(lies["opened"])
    reply("opened", OPENED, body + bytes.fromhex(lies.get("more", "")))


failed_once = False


def data(offset, count):
    global failed_once
    first, last = map(int, lies.get("bad", "0,0").split(","))
    touches = offset < last and offset + count > first
    if touches or (failed_once and "then" in lies):
        code = int(lies["then"]) if failed_once and "then" in lies else 5
        failed_once = True
        reply("failed", FAILED, struct.pack("<I", code) + text(""))
        return
    piece = bytearray(disk[offset : offset + count])
    if "flip" in lies and 0 <= int(lies["flip"]) - offset < len(piece):
        piece[int(lies["flip"]) - offset] ^= 1
    if "zeros" in lies:
        piece = bytearray(count)
    more = int(lies.get("bytes", 0))
    piece = piece[:more] if more < 0 else piece + bytes(more)
    reply("data", DATA, b"", bytes(piece), number(lies["tail"]) if "tail" in lies else None)


def extent(from_):
    if "extent" in lies:
        first, last = (number(part, from_) for part in lies["extent"].split(","))
    else:
        first, last = from_, len(disk)
    reply("extent", DATA_EXTENT, struct.pack("<QQ", first & (1 << 64) - 1, last & (1 << 64) - 1))


def greet():
    be_silent("greeting")
    noise = int(lies.get("noise", 0))
    say((b"welcome to this host\n" * (noise // 21 + 1))[:noise])
    if "greeting" in lies:
        say(eval(lies["greeting"]))  # pylint: disable=eval-used
    else:
        say(b"\nimgz-remote " + lies.get("version", "1").encode() + b"\n")
    mark()


def chatter():
    while True:
        os.write(2, b"x" * 1000 + b"\n")


if "chatter" in lies:
    threading.Thread(target=chatter, daemon=True).start()
greet()
while True:
    request, body_bytes, _ = struct.unpack("<IIQ", hear(16))
    body = hear(body_bytes)
    if request == OPEN:
        opened()
    elif request == READ:
        data(*struct.unpack("<QI", body))
    else:
        extent(*struct.unpack("<Q", body))
