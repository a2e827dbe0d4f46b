#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes disks for the system tests and looks at how files lie on the disk.

make SEED SPARSE REFERENCE     a random layout twice: written piecewise with holes, and naively
fill KIND BYTES SEED           random, text, zero or mixed bytes to stdout
put FILE OFFSET KIND BYTES SEED   such bytes into an existing file
extents FILE                   "offset length" of each stretch SEEK_DATA reports
holes FILE REFERENCE           every aligned 4 KiB block of zeros in REFERENCE is a hole in FILE
zeros FILE                     bytes of FILE in aligned 4 KiB blocks that are all zero
same A B                       like cmp, but skips what is a hole in both
"""
import errno
import os
import random
import sys

BLOCK = 4096
STEP = 1 << 20
WORDS = ("the quick brown fox jumps over a lazy dog while sectors of some old disk are copied "
         "to a file and checked bit by bit until nothing is left to read").split()


def text(rng, size):
    """Compressible, but never twice the same: shuffled words with a number now and then."""
    made = bytearray()
    stock = " ".join(rng.choice(WORDS) for _ in range(20000)).encode()
    while len(made) < size:
        start = rng.randrange(len(stock))
        made += stock[start:start + rng.randrange(64, 8192)]
        made += b"%d\n" % rng.getrandbits(40)
    return bytes(made[:size])


def repeated(rng, size):
    unit = rng.randbytes(rng.choice((1, 2, 3, 16, 512, 4096, 5000, 65536)))
    return (unit * (size // len(unit) + 1))[:size]


def mixed(rng, size):
    made = bytearray()
    while len(made) < size:
        piece = rng.choice((700, 4096, 33000, 262144, 700000))
        kind = rng.choice(("text", "random", "zero", "repeated"))
        made += KINDS[kind](rng, rng.randrange(1, piece + 1))
    return bytes(made[:size])


KINDS = {
    "random": lambda rng, size: rng.randbytes(size),
    "text": text,
    "zero": lambda rng, size: bytes(size),
    "repeated": repeated,
    "mixed": mixed,
}


def fill(kind, size, seed):
    return KINDS[kind](random.Random(int(seed)), int(size))


def write_all(file, data, offset):
    view = memoryview(data)
    while view:
        count = os.pwrite(file, view, offset)
        view = view[count:]
        offset += count


def plan(rng):
    """Pieces (kind, bytes): half of them on block boundaries, the others anywhere."""
    unit = rng.choice((1, 512, BLOCK, 65536, STEP))
    for _ in range(rng.randrange(1, 40)):
        kind = rng.choice(("data", "zero", "hole", "random", "repeated"))
        size = rng.randrange(1, rng.choice((3, 5000, 200000, 1500000)))
        yield kind, max(1, size // unit) * unit


def make(seed, sparse_path, reference_path):
    rng = random.Random(int(seed))
    reference = bytearray()
    sparse = os.open(sparse_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    for kind, size in plan(rng):
        if kind == "hole":
            reference += bytes(size)
            continue
        data = KINDS[{"data": "text"}.get(kind, kind)](rng, size)
        write_all(sparse, data, len(reference))
        reference += data
    os.ftruncate(sparse, len(reference))
    os.close(sparse)
    with open(reference_path, "wb") as file:
        file.write(reference)


def extents(file, size):
    offset = 0
    while offset < size:
        try:
            start = os.lseek(file, offset, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return
        offset = min(os.lseek(file, start, os.SEEK_HOLE), size)
        yield start, offset - start


def open_sized(path):
    file = os.open(path, os.O_RDONLY)
    return file, os.lseek(file, 0, os.SEEK_END)


def holes(path, reference_path):
    """The blocks of a file are holes where the reference has 4 KiB of zeros; names one if not."""
    file, size = open_sized(path)
    is_data = bytearray(size // BLOCK + 1)
    for start, length in extents(file, size):
        for block in range(start // BLOCK, (start + length - 1) // BLOCK + 1):
            is_data[block] = 1
    nothing = bytes(BLOCK)
    with open(reference_path, "rb") as reference:
        for block in range(size // BLOCK):
            if reference.read(BLOCK) == nothing and is_data[block]:
                sys.exit(f"{path}: block at offset {block * BLOCK} is zero but not a hole")


def zero_bytes(path):
    nothing = bytes(BLOCK)
    with open(path, "rb") as file:
        return sum(BLOCK for block in iter(lambda: file.read(BLOCK), b"") if block == nothing)


def same(path_a, path_b):
    (a, size_a), (b, size_b) = open_sized(path_a), open_sized(path_b)
    if size_a != size_b:
        sys.exit(f"{path_a} has {size_a} bytes, {path_b} has {size_b}")
    for start, length in [*extents(a, size_a), *extents(b, size_b)]:
        for offset in range(start, start + length, STEP):
            count = min(STEP, start + length - offset)
            if os.pread(a, count, offset) != os.pread(b, count, offset):
                sys.exit(f"{path_a} and {path_b} differ between {offset} and {offset + count}")


def main(command, *arguments):
    if command == "make":
        make(*arguments)
    elif command == "fill":
        sys.stdout.buffer.write(fill(*arguments))
    elif command == "put":
        path, offset, *what = arguments
        file = os.open(path, os.O_WRONLY)
        write_all(file, fill(*what), int(offset))
        os.close(file)
    elif command == "extents":
        for start, length in extents(*open_sized(arguments[0])):
            print(start, length)
    elif command == "holes":
        holes(*arguments)
    elif command == "zeros":
        print(zero_bytes(arguments[0]))
    elif command == "same":
        same(*arguments)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["help"]))
