# SPDX-License-Identifier: MIT
"""What is captured: files and drives made of this machine's own files, the same at every call.

A corpus is named by its kind; 'mib' is the size of the plain ones, of which the others are
multiples. All are made once and kept until forget().
"""
import functools
import hashlib
import itertools
import os
import random
import shutil
import subprocess
import sys
import tarfile
import zlib

MIB = 1 << 20
PIECE = 8 * MIB  # of a mixed drive

# Programs and libraries rather than what surrounds them; none of them a corpus of its own.
FILE_BYTES_MIN = 64 << 10
FILE_BYTES_MAX = 64 * MIB

# Which share of the real files comes from where.
TREES = (("/usr/lib", 0.70), ("/usr/bin", 0.15), ("/usr/share", 0.15))

# The sparse drive: so many times 'mib', and so much of it files: 2.4 GiB in 16 GiB.
SPARSE_FACTOR = 16
SPARSE_FILES = 2.4

# Disks that grow, in multiples of 'mib'. DISK_DATA of every DISK_PERIOD bytes is data.
DISK_SIZES = (1, 4, 16, 64)
DISK_PERIOD = 64 * MIB
DISK_DATA = 4 * MIB


class Corpora:
    """Makes and keeps corpora in a folder."""

    def __init__(self, folder, mib):
        self.folder = folder
        self.mib = mib

    def path(self, name):
        """The path of corpus 'name', made if it is not there."""
        path = os.path.join(self.folder, name)
        if not os.path.exists(path):
            print(f"making {name}", file=sys.stderr)
            kind, _, factor = name.partition("-")
            part = path + ".part"
            MAKERS[kind](self, part, int(factor or 1) * self.mib * MIB)
            os.rename(part, path)
        return path

    def raw_bytes(self, name):
        return os.path.getsize(self.path(name))

    def crc32(self, name):
        """The CRC-32 of a corpus, by zlib; kept beside it."""
        path = self.path(name)
        try:
            with open(path + ".crc32", encoding="ascii") as file:
                return int(file.read())
        except (OSError, ValueError):
            pass
        value = crc32_of(path)
        with open(path + ".crc32", "w", encoding="ascii") as file:
            file.write(str(value))
        return value

    def forget(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def make_real(self, path, size):
        """A tar of programs, libraries and documents."""
        with open(path, "wb") as out:
            with tarfile.open(fileobj=out, mode="w|", format=tarfile.GNU_FORMAT) as tar:
                for file, name in pick_files(size):
                    add_file(tar, file, name)
        os.truncate(path, size)

    def make_random(self, path, size):
        generator = random.Random(1)
        with open(path, "wb") as out:
            for _ in range(size // MIB):
                out.write(generator.randbytes(MIB))

    def make_mixed(self, path, size):
        """Thirds: files, random bytes, zeros, in turns."""
        generator = random.Random(2)
        piece = min(PIECE, size // 3)
        with open(self.path("real"), "rb") as real, open(path, "wb") as out:
            for _ in range(size // piece // 3):
                out.write(real.read(piece))
                out.write(generator.randbytes(piece))
                out.write(bytes(piece))

    def make_sparse(self, path, size):
        """A drive with an ext4 filesystem, mostly empty, as a virtual machine's is."""
        tree = path + ".tree"
        shutil.rmtree(tree, ignore_errors=True)
        os.mkdir(tree)
        for file, name in pick_files(int(size * SPARSE_FILES)):
            target = os.path.join(tree, name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(file, target)
        with open(path, "wb") as out:
            out.truncate(size * SPARSE_FACTOR)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-L", "sample", "-d", tree, path], check=True,
                       stdin=subprocess.DEVNULL)
        shutil.rmtree(tree)

    def make_disk(self, path, size):
        """A drive of which a sixteenth is data, spread evenly."""
        real_bytes = self.raw_bytes("real") // DISK_DATA * DISK_DATA
        data = min(DISK_DATA, self.mib * MIB // 16)
        with open(self.path("real"), "rb") as real, open(path, "wb") as out:
            for index, offset in enumerate(range(0, size, data * DISK_PERIOD // DISK_DATA)):
                real.seek(index * data % real_bytes if real_bytes else 0)
                out.seek(offset)
                out.write(real.read(data))
            out.truncate(size)

    def make_zeros(self, path, size):
        """What a loop device stands on: nothing but a hole."""
        with open(path, "wb") as out:
            out.truncate(size)


MAKERS = {"real": Corpora.make_real, "random": Corpora.make_random, "mixed": Corpora.make_mixed,
          "sparse": Corpora.make_sparse, "disk": Corpora.make_disk, "zeros": Corpora.make_zeros}


# ---- Files of this machine ----------------------------------------------------------------------

@functools.cache
def files_below(tree):
    """(key, path, size) of the regular files below 'tree', sorted by key, a hash of the path."""
    found = subprocess.run(["find", tree, "-xdev", "-type", "f", "-readable",
                            "-size", f"+{FILE_BYTES_MIN >> 10}k", "-printf", "%s %p\\0"],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout
    pairs = (item.split(b" ", 1) for item in found.split(b"\0") if item)
    return sorted((hashlib.sha1(path).digest(), os.fsdecode(path), int(size))
                  for size, path in pairs if int(size) <= FILE_BYTES_MAX)


def pick_files(size):
    """(path, name in the corpus) of files of 'size' bytes together, a little more rather than less.

    The order is that of a hash of the path: whatever else is installed, the sample is spread over
    all of a tree, and the same on every call. A tree that has too little is gone round again."""
    for tree, share in TREES:
        files = [file for file in files_below(tree) if file[2] <= size // 4]
        left = size * share
        for turn in itertools.count(1):
            if left <= 0:
                break
            if not files:
                sys.exit(f"rivals: no files below {tree} to make corpora of")
            for _, path, file_bytes in files:
                if left <= 0:
                    break
                left -= file_bytes
                yield path, f"turn{turn}{path}"


def add_file(tar, path, name):
    """Adds a file without what differs from machine to machine."""
    entry = tarfile.TarInfo(name)
    with open(path, "rb") as file:
        entry.size = os.fstat(file.fileno()).st_size
        entry.mode = 0o644
        tar.addfile(entry, file)


# ---- Sparse files ---------------------------------------------------------------------------

def data_extents(fd, size):
    """(offset, length) of what is not a hole."""
    offset = 0
    while offset < size:
        try:
            start = os.lseek(fd, offset, os.SEEK_DATA)
        except OSError:
            return
        offset = os.lseek(fd, start, os.SEEK_HOLE)
        yield start, min(offset, size) - start


def pieces(extents):
    """(offset, length) of the extents, cut to a MiB."""
    for offset, length in extents:
        for position in range(offset, offset + length, MIB):
            yield position, min(MIB, offset + length - position)


def multiply_mod_p(one, other):
    """The product of two polynomials modulo that of CRC-32; the highest bit is that of x^0."""
    product = 0
    for bit in range(31, -1, -1):
        if other >> bit & 1:
            product ^= one
        one = one >> 1 ^ (0xEDB88320 if one & 1 else 0)
    return product


def crc32_of_zeros(value, length):
    """The CRC-32 of what has the CRC-32 'value' and then 'length' zeros: the register is
    multiplied by x^8 for each."""
    power, factor = 1 << 23, 1 << 31  # x^8, x^0
    while length > 0:
        if length & 1:
            factor = multiply_mod_p(factor, power)
        power = multiply_mod_p(power, power)
        length >>= 1
    return multiply_mod_p(value ^ 0xFFFFFFFF, factor) ^ 0xFFFFFFFF


def crc32_of(path):
    """The CRC-32 of a file, holes skipped."""
    value, done = 0, 0
    with open(path, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        for offset, length in pieces(data_extents(file.fileno(), size)):
            value = crc32_of_zeros(value, offset - done)
            value = zlib.crc32(os.pread(file.fileno(), length, offset), value)
            done = offset + length
    return crc32_of_zeros(value, size - done)


def same_content(one, other):
    """Whether two files hold the same bytes; what is a hole in both is not read."""
    with open(one, "rb", buffering=0) as a, open(other, "rb", buffering=0) as b:
        size = os.fstat(a.fileno()).st_size
        if size != os.fstat(b.fileno()).st_size:
            return False
        for first in (a, b):
            for offset, length in pieces(data_extents(first.fileno(), size)):
                if os.pread(a.fileno(), length, offset) != os.pread(b.fileno(), length, offset):
                    return False
    return True


def warm(path):
    """Reads a file into the page cache, as far as it is data."""
    buffer = bytearray(MIB)
    with open(path, "rb", buffering=0) as file:
        extents = data_extents(file.fileno(), os.fstat(file.fileno()).st_size)
        for offset, _ in pieces(extents):
            os.preadv(file.fileno(), [buffer], offset)
