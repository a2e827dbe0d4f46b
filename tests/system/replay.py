#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a disk may hold after the power failed, from the log that faultdisk.c keeps of it.

count LOG                    records and flushes in it
points LOG SEED COUNT        prefixes worth trying: all around flushes, and COUNT others by chance
replay BASE LOG OUT PREFIX   BASE with the first PREFIX records done, all of them kept
replay ... SEED              the power fails there: what was flushed is kept; each later write is
                             lost, torn at some sector, or kept, as chance has it
replay ... SEED no-flush     the same on a disk that lies: nothing was ever flushed
"""
import os
import random
import struct
import subprocess
import sys

SECTOR = 4096  # what a drive writes whole or not at all; ext4 relies on it for its superblock
HEAD = struct.Struct("=QQQ")


def records(path):
    """Pairs: offset and data of a write, (None, b'') for a flush."""
    with open(path, "rb") as log:
        while len(head := log.read(HEAD.size)) == HEAD.size:
            kind, offset, size = HEAD.unpack(head)
            data = log.read(size)
            if len(data) < size:
                return
            yield (None, b"") if kind == ord("f") else (offset, data)


def flushes(log):
    return [number for number, (offset, _) in enumerate(log, 1) if offset is None]


def points(log, seed, count):
    """Before, at and behind every flush; the ends; and others."""
    wanted = {0, len(log)}
    for flush in flushes(log):
        wanted |= {flush - 1, flush, min(flush + 1, len(log))}
    others = sorted(set(range(len(log))) - wanted)
    wanted |= set(random.Random(seed).sample(others, min(count, len(others))))
    return sorted(wanted)


def survives(rng, offset, data):
    """The parts of an unflushed write that reached the medium."""
    fate = rng.random()
    cuts = list(range(-offset % SECTOR, len(data), SECTOR))[1 if offset % SECTOR == 0 else 0:]
    if fate < 0.5:
        return
    if fate < 0.6 and cuts:
        yield offset, data[:rng.choice(cuts)]
    elif fate < 0.7:
        for start, end in zip([0] + cuts, cuts + [len(data)]):
            if rng.random() < 0.5:
                yield offset + start, data[start:end]
    else:
        yield offset, data


def replay(base, log, out, rng, flushed):
    """'flushed' records are kept whole, what is behind them is left to 'rng'; None keeps all."""
    subprocess.run(["cp", "--sparse=always", "--", base, out], check=True)
    with open(out, "r+b") as file:
        for number, (offset, data) in enumerate(log, 1):
            if offset is None:
                continue
            whole = rng is None or number <= flushed
            for at, part in [(offset, data)] if whole else survives(rng, offset, data):
                os.pwrite(file.fileno(), part, at)


def main(command, *arguments):
    if command == "count":
        log = list(records(arguments[0]))
        print(len(log), len(flushes(log)))
    elif command == "points":
        path, seed, count = arguments
        print(*points(list(records(path)), int(seed), int(count)))
    elif command == "replay":
        base, path, out, prefix, *rest = arguments
        log = list(records(path))[:int(prefix)]
        rng = random.Random(int(rest[0])) if rest else None
        flushed = 0 if rest[1:] == ["no-flush"] else max(flushes(log), default=0)
        replay(base, log, out, rng, flushed)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["help"]))
