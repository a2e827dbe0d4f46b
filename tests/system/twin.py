#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Changes a disk on purpose, so that neither XXH3 nor CRC-32 can tell.

plant FILE OFFSET CHUNK_BYTES TEXT   writes TEXT at OFFSET of a file or device, and what makes the
                                     chunk around it hash as before behind it, within 1 KiB

XXH3 cuts a long input into blocks of 16 stripes of 8 words. Word i of stripe s, with key k taken
from the secret at 8 (s + i), does two things to the block's eight sums, all modulo 2^64:

    sum[i ^ 1] += word        sum[i] += low32(word ^ k) * high32(word ^ k)

Four stripes of a block are enough to undo what the other twelve do. Where the low half of word ^ k
is zero the product is, too, whatever the high half; so the other way round.

- Stripe A has low halves of zero, stripe B has high halves of zero: their words add up to any 64
  bits that are wanted, and multiply to nothing. They bring the sums back.
- Stripes C and D both have low halves of zero. The high halves of a word of C and of that below it
  in D are complements: together they always add up to the same. So all 8 * 32 bits of C are free.
  CRC-32 is linear in them, and has only 32: it is solved for.
"""
import ctypes
import os
import struct
import sys
import zlib

# The default secret of XXH3.
SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578"
    "825ad07dccff7221b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea3"
    "71644897a20df94e3819ef46a9deacd8a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931"
    "c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e"
    "2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e")
BLOCK, STRIPE, LANES = 1024, 64, 8
C, D, A, B = 12, 13, 14, 15  # stripes: those before them are for the text
TEXT_BYTES = C * STRIPE
LOW, ALL = (1 << 32) - 1, (1 << 64) - 1


def key(stripe, lane):
    return struct.unpack_from("<Q", SECRET, 8 * (stripe + lane))[0]


def words(block):
    """The words of a block, by stripe and lane."""
    flat = struct.unpack("<128Q", block)
    return [list(flat[i:i + LANES]) for i in range(0, len(flat), LANES)]


def to_bytes(table):
    return struct.pack("<128Q", *(word for stripe in table for word in stripe))


def sums(table):
    total = [0] * LANES
    for s, stripe in enumerate(table):
        for i, word in enumerate(stripe):
            mixed = word ^ key(s, i)
            total[i ^ 1] = total[i ^ 1] + word & ALL
            total[i] = total[i] + (mixed & LOW) * (mixed >> 32) & ALL
    return total


def set_free(table, bits):
    """Stripe C from its 256 free bits, and D to go with it."""
    for i in range(LANES):
        high = bits >> 32 * i & LOW
        table[C][i] = high << 32 | key(C, i) & LOW
        table[D][i] = (high ^ LOW) << 32 | key(D, i) & LOW


def balance(table, wanted):
    """Stripes A and B, so that the block has the wanted sums."""
    for i in range(LANES):
        table[A][i] = key(A, i) & LOW
        table[B][i] = key(B, i) >> 32 << 32
    have = sums(table)
    for i in range(LANES):
        lacks = wanted[i ^ 1] - have[i ^ 1]
        low = lacks & LOW
        high = (lacks - low >> 32) & LOW
        table[B][i] |= low
        table[A][i] |= high << 32
    assert sums(table) == wanted


def solve(columns, goal):
    """The columns whose sum over GF(2) is the goal, as a set of bits."""
    basis = {}  # by highest bit: a value, and the columns it is made of
    for number, value in enumerate(columns):
        made_of = 1 << number
        while value:
            top = value.bit_length() - 1
            if top not in basis:
                basis[top] = (value, made_of)
                break
            value ^= basis[top][0]
            made_of ^= basis[top][1]
    chosen = 0
    while goal:
        value, made_of = basis[goal.bit_length() - 1]
        goal ^= value
        chosen ^= made_of
    return chosen


def twin_block(good, text, crc_before):
    """A block that begins with the text, and does to both sums what the good one does."""
    block = bytearray(good)
    block[:len(text)] = text
    table = words(block)

    def crc(bits):
        set_free(table, bits)
        return zlib.crc32(to_bytes(table), crc_before)

    set_free(table, 0)
    balance(table, sums(words(good)))
    none = crc(0)
    bits = solve([crc(1 << bit) ^ none for bit in range(32 * LANES)],
                 none ^ zlib.crc32(good, crc_before))
    assert crc(bits) == zlib.crc32(good, crc_before)
    return to_bytes(table)


class Words(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


def xxh3_128(data):
    function = ctypes.CDLL("libxxhash.so.0").XXH3_128bits
    function.argtypes, function.restype = [ctypes.c_char_p, ctypes.c_size_t], Words
    value = function(bytes(data), len(data))
    return value.low, value.high


def plant(path, offset, chunk_bytes, text):
    file = os.open(path, os.O_RDWR)
    start = offset // chunk_bytes * chunk_bytes
    good = os.pread(file, chunk_bytes, start)
    at = offset - start
    assert at % BLOCK == 0 and at + BLOCK < len(good), "a whole block, and not the last"
    assert len(text) <= TEXT_BYTES
    block = twin_block(good[at:at + BLOCK], text, zlib.crc32(good[:at]))
    evil = good[:at] + block + good[at + BLOCK:]
    assert evil != good
    assert xxh3_128(evil) == xxh3_128(good) and zlib.crc32(evil) == zlib.crc32(good)
    os.pwrite(file, block, offset)
    os.fsync(file)
    os.close(file)


if __name__ == "__main__":
    if sys.argv[1:2] != ["plant"] or len(sys.argv) != 6:
        sys.exit(__doc__)
    plant(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5].encode())
