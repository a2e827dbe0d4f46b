#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes images whose every check is right, and whose segments are none.

forge.py FOLDER   each kind as FOLDER/KIND.gz; and FOLDER/honest.gz, made in the same way, which is
                  right

borrowed-*   A chunk's last block has no end of its own. Its codes take whatever follows for
             matches within equal bytes, so that a decoder which puts something behind the segment,
             to make a stream of it, gets the right bytes. gunzip goes on through the next note.
others       Blocks that some decoders take, and zlib, and so gunzip, does not.
"""
import os
import random
import struct
import sys
import zlib

from imgz_reader import (CHUNK, END, HASHES, INDEX, NO_HASH, Note, carry, carry_note,
                         xxh3_64, xxh3_128)

CHUNK_BYTES = 1 << 16
END_BYTES = 40


# ---- Bits --------------------------------------------------------------------------------------

def bits_of(value, count):
    """A number: least significant bit first."""
    return "".join(str(value >> bit & 1) for bit in range(count))


def to_bytes(bits):
    bits = bits.replace(" ", "")
    bits += "0" * (-len(bits) % 8)
    return int(bits[::-1] or "0", 2).to_bytes(len(bits) // 8, "little")


def canonical(lengths):
    """The code of each symbol, as it is read (RFC 1951 section 3.2.2)."""
    codes, code, before = {}, 0, 0
    for length, symbol in sorted((length, symbol) for symbol, length in lengths.items()):
        code <<= length - before
        codes[symbol], code, before = format(code, f"0{length}b"), code + 1, length
    return codes


def dynamic(final, litlen, distance, litlen_count=None, distance_count=None):
    """A block's header; each code length is 4 bits, and nothing is repeated."""
    litlen_count = litlen_count or max(litlen) + 1
    distance_count = distance_count or max(distance) + 1
    bits = f"{final}01" + bits_of(litlen_count - 257, 5) + bits_of(distance_count - 1, 5)
    bits += bits_of(19 - 4, 4) + "000" * 3 + "001" * 16
    for lengths, count in ((litlen, litlen_count), (distance, distance_count)):
        bits += "".join(format(lengths.get(symbol, 0), "04b") for symbol in range(count))
    return bits


def stored(data):
    return b"".join(struct.pack("<BHH", 0, len(part), len(part) ^ 0xFFFF) + part
                    for part in (data[at:at + 65535] for at in range(0, len(data), 65535)))


SYNC = b"\x00\x00\xff\xff"


def closed(bits):
    """Blocks up to a byte boundary, by an empty stored block."""
    return to_bytes(bits + "000") + SYNC


# ---- Images ------------------------------------------------------------------------------------

def image(chunks):
    """Of (raw, segment), all but the last CHUNK_BYTES long."""
    raw_bytes = sum(len(raw) for raw, segment in chunks)
    head = bytes.fromhex("1f8b08040000000000ff1600495a1200")
    head += struct.pack("<BBIQ", 1, 0, CHUNK_BYTES, raw_bytes)
    out = bytearray(head + struct.pack("<I", xxh3_64(head) & 0xFFFFFFFF))
    at = crc = 0
    index = hashes = b""
    for raw, segment in chunks:
        out += carry_note(Note(0, CHUNK, len(segment), at, len(raw), zlib.crc32(raw),
                               xxh3_64(segment), xxh3_128(raw))) + segment
        index += struct.pack("<I", len(segment))
        hashes += xxh3_128(raw)
        crc = zlib.crc32(raw, crc)
        at += len(raw)
    places = []
    for kind, payload in ((INDEX, index), (HASHES, hashes)):
        places.append(len(out))
        out += carry_note(Note(0, kind, len(payload), 0, 0, 0, xxh3_64(payload), NO_HASH))
        out += carry(payload)
    end = struct.pack("<QQQQII", *places, len(out), len(chunks), CHUNK_BYTES, 1)
    out += carry_note(Note(0, END, END_BYTES, raw_bytes, 0, crc, xxh3_64(end), xxh3_128(hashes)))
    return bytes(out + carry(end) + b"\x01\x00\x00\xff\xff" + struct.pack("<II", crc, raw_bytes))


def filler(raw_bytes):
    """Bytes that are small in a segment: it may not be larger than stored blocks would be."""
    raw = (b"a disk like any other. " * CHUNK_BYTES)[:raw_bytes]
    coder = zlib.compressobj(9, zlib.DEFLATED, -15)
    return raw, coder.compress(raw) + coder.flush(zlib.Z_FULL_FLUSH)


def with_filler(raw, segment):
    """Two chunks: one that begins with these blocks, and one behind it."""
    more, more_segment = filler(CHUNK_BYTES - len(raw))
    return image([(raw + more, segment + more_segment), filler(1000)])


# ---- Blocks without an end ---------------------------------------------------------------------

def borrowed(bits_behind, length):
    """A chunk whose last block, a final one, ends in 'bits_behind', what a decoder puts behind it.
    There every '00000' of a code and any 5 bits is a length of 3, '1' x 16 one of 258, each from a
    distance of 65 to 128; and '110000000' is the end of the block. 'length' is what that makes."""
    litlen = {257: 2, 258: 2, 259: 2, 256: 9, 285: 10}
    litlen.update({literal: 10 for literal in range(253)})
    distance = {12: 1, 13: 1}
    codes = canonical(litlen)
    assert (codes[257], codes[256], codes[285]) == ("00", "110000000", "1" * 10), bits_behind
    bits = dynamic(1, litlen, distance)
    literals = 0
    while len(bits) % 8:
        bits += codes[0]
        literals += 1
    before, segment = filler(CHUNK_BYTES - 1024 - literals - length)
    raw = before + bytes(1024 + literals + length)
    return image([(raw, segment + stored(bytes(1024)) + to_bytes(bits)), filler(1000)])


def borrowed_kinds():
    """Decoders put an empty final block behind a segment, perhaps more before it. Each empty stored
    block is 3 + 3 + 3 + 258 bytes here, whatever its padding."""
    for blocks in (0, 1, 8):
        yield f"borrowed-{blocks}", borrowed(blocks * SYNC, blocks * 267)


# ---- Blocks that zlib refuses ------------------------------------------------------------------

FIXED = "010"
FIXED_A = format(0x30 + ord("a"), "08b")
FIXED_END = "0000000"
FAR = random.Random(2).randbytes(32768)


def fixed_kinds():
    for symbol in (286, 287):
        code = format(0b11000000 + symbol - 280, "08b")
        yield (f"fixed-length-{symbol}", b"a" * 259,
               closed(FIXED + FIXED_A + code + "00000" + FIXED_END))
    for symbol in (30, 31):
        yield (f"fixed-distance-{symbol}", FAR + FAR[-24577:][:3],
               stored(FAR) + closed(FIXED + "0000001" + format(symbol, "05b") + "0" * 13 +
                                    FIXED_END))


def dynamic_kinds():
    litlen = {97: 2, 98: 2, 256: 2, 286: 2}
    codes = canonical(litlen)
    yield ("dynamic-length-286", b"a" * 259,
           closed(dynamic(0, litlen, {0: 1, 1: 1}) + codes[97] + codes[286] + "0" + codes[256]))
    litlen = {97: 2, 98: 2, 256: 2, 257: 2}
    codes = canonical(litlen)
    yield ("dynamic-distance-30", FAR + FAR[-24577:][:3],
           stored(FAR) + closed(dynamic(0, litlen, {0: 1, 30: 1}) + codes[257] + "1" + "0" * 13 +
                                codes[256]))
    for name, counts in (("lengths-288", (288, 2)), ("distances-32", (258, 32))):
        yield (name, b"ab", closed(dynamic(0, litlen, {0: 1, 1: 1}, *counts) + codes[97] +
                                   codes[98] + codes[256]))
    yield ("unused-code", b"a" * 4,
           closed(dynamic(0, litlen, {0: 1}) + codes[97] + codes[257] + "1" + codes[256]))


def main(folder):
    kinds = dict(borrowed_kinds())
    for name, raw, segment in (*fixed_kinds(), *dynamic_kinds()):
        kinds[name] = with_filler(raw, segment)
    kinds["honest"] = with_filler(b"a" * 4,
                                  closed(FIXED + FIXED_A + "0000001" + "00000" + FIXED_END))
    for name, data in kinds.items():
        with open(os.path.join(folder, name + ".gz"), "wb") as file:
            file.write(data)


if __name__ == "__main__":
    main(*sys.argv[1:])
