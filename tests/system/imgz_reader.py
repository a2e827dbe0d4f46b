#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reads images by engine/FORMAT.md alone: nothing here was taken from the code of imgz.

check IMAGE            reads from the end, from the front and as plain gzip, holds the image against
                       every rule of FORMAT.md, and prints a summary as JSON
cat IMAGE              the disk's bytes to stdout, read from the front; "-" is standard input
notes IMAGE            every note, one JSON object on each line
record IMAGE OFFSET    the 50 bytes of the note at OFFSET, to stdout
salvage IMAGE          the chunks that can be saved without header, index and end, as JSON lines
flips IMAGE STEP       every STEP-th bit of the image is inverted: each copy must be refused, from
                       the end and from the front
padding IMAGE          inverts bits that decoders of gzip ignore: they must still like the image

Exit code 3: the image is not right; stderr tells the offset and the rule.
"""
import collections
import ctypes
import hashlib
import io
import json
import re
import struct
import sys
import zlib

HEADER_BYTES, NOTE_BYTES, RECORD_BYTES = 34, 400, 50
CHUNK, ZERO, INDEX, HASHES, META, END = range(1, 7)
KIND_NAMES = {CHUNK: "CHUNK", ZERO: "ZERO", INDEX: "INDEX", HASHES: "HASHES", META: "META",
              END: "END"}
UNKNOWN = (1 << 64) - 1
META_BYTES_MAX = 1 << 20
NO_HASH = bytes(16)

Note = collections.namedtuple("Note", "offset kind payload_bytes raw_offset raw_bytes raw_crc32 "
                                      "payload_xxh3 raw_hash")
Header = collections.namedtuple("Header", "version chunk_bytes raw_bytes")
Tail = collections.namedtuple("Tail", "raw_bytes raw_crc32 root_hash root_sha256 index_offset "
                                      "hashes_offset meta_offset entry_count chunk_bytes")


class Damage(Exception):
    """The image is not right: the offset in it, and what was expected there."""

    def __init__(self, offset, rule):
        super().__init__(f"offset {offset}: {rule}")


def need(condition, offset, rule):
    if not condition:
        raise Damage(offset, rule)


# ---- Hashes ------------------------------------------------------------------------------------

class Words(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


XXHASH = ctypes.CDLL("libxxhash.so.0")
for _name, _result in (("XXH3_64bits", ctypes.c_uint64), ("XXH3_128bits", Words)):
    getattr(XXHASH, _name).argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    getattr(XXHASH, _name).restype = _result


def xxh3_64(data):
    return XXHASH.XXH3_64bits(bytes(data), len(data))


def xxh3_128(data):
    """As images hold it: the low word first, each little-endian."""
    words = XXHASH.XXH3_128bits(bytes(data), len(data))
    return struct.pack("<QQ", words.low, words.high)


def sha256(data):
    return hashlib.sha256(data).digest()


def hash_text(stored):
    """As people read it: most significant digit first."""
    return stored[::-1].hex()


# What a format version is: the hash of pieces, of which notes and HASHES have 16 bytes; byte 17 of
# the header, which names it; and the length of END's payload and of the tail.
Version = collections.namedtuple("Version", "number hash hash_name end_bytes tail_bytes")
VERSIONS = {1: Version(1, xxh3_128, 0, 40, 733), 2: Version(2, sha256, 1, 72, 993)}


# ---- Carriers, notes, header and tail ----------------------------------------------------------

def carrier_bytes(count):
    return (count * 8 + 4) // 5 * 5


def uncarry(carrier, count, offset):
    """The 'count' bytes in the padding of these empty stored blocks."""
    blocks = len(carrier) // 5
    need(len(carrier) == carrier_bytes(count), offset, "a carrier has 5 bytes for 5 bits")
    need(carrier[1::5] == bytes(blocks) and carrier[2::5] == bytes(blocks) and
         carrier[3::5] == b"\xff" * blocks and carrier[4::5] == b"\xff" * blocks,
         offset, "carrier blocks are empty stored blocks: LEN 0000, NLEN FFFF")
    data = bytearray()
    for group in range(0, blocks, 8):
        bits = 0
        for place, byte in enumerate(carrier[group * 5:(group + 8) * 5:5]):
            need(byte & 7 == 0, offset, "carrier blocks are not final, and stored")
            bits |= byte >> 3 << 5 * place
        data += bits.to_bytes(5, "little")
    need(not any(data[count:]), offset, "bits of a carrier that are left over are zero")
    return bytes(data[:count])


def parse_note(carrier, offset):
    record = uncarry(carrier, RECORD_BYTES, offset)
    magic, kind, *rest, check = struct.unpack("<BBIQIIQ16sI", record)
    note = Note(offset, kind, *rest)
    need(magic == 0xA7, offset, "a note begins with A7")
    need(check == xxh3_64(record[:46]) & 0xFFFFFFFF, offset, "the note's check fits the note")
    need(kind in KIND_NAMES, offset, "the note's kind is 1 to 6")
    if kind not in (CHUNK, END):
        need(note.raw_hash == NO_HASH, offset, "only CHUNK and END have a raw hash")
    if kind in (INDEX, HASHES, META):
        need(note.raw_offset == note.raw_bytes == note.raw_crc32 == 0, offset,
             "notes of sections have no raw fields")
    return note


def parse_header(data):
    need(len(data) == HEADER_BYTES, 0, "an image begins with a header of 34 bytes")
    need(data[:16] == bytes.fromhex("1f8b08040000000000ff1600495a1200"), 0,
         "the first 16 bytes are those of an image")
    number, hash_name, chunk_bytes, raw_bytes, check = struct.unpack_from("<BBIQI", data, 16)
    need(number in VERSIONS, 16, "the format version is 1 or 2")
    need(hash_name == VERSIONS[number].hash_name, 17, "the flags are zero, or name SHA-256")
    need(check == xxh3_64(data[:30]) & 0xFFFFFFFF, 30, "the header's check fits the header")
    need(chunk_bytes in (1 << n for n in range(16, 25)), 18, "64 KiB to 16 MiB, a power of two")
    return Header(VERSIONS[number], chunk_bytes, raw_bytes)


def parse_tail(data, offset, version):
    end_bytes, at = version.end_bytes, offset + NOTE_BYTES
    note = parse_note(data[:NOTE_BYTES], offset)
    need(note.kind == END and note.payload_bytes == end_bytes and note.raw_bytes == 0, offset,
         "so many bytes before the image's end is an END note")
    record = uncarry(data[NOTE_BYTES:NOTE_BYTES + carrier_bytes(end_bytes)], end_bytes, at)
    need(xxh3_64(record) == note.payload_xxh3, at, "the end record fits its hash")
    *fields, number = struct.unpack("<QQQQII", record[:40])
    need(number == version.number, offset, "the end record's version is the header's")
    final, crc32, size = struct.unpack("<5sII", data[-13:])
    need(final == b"\x01\x00\x00\xff\xff", at, "an empty final block follows END")
    need(crc32 == note.raw_crc32, at, "the trailer's CRC-32 is END's")
    need(size == note.raw_offset & 0xFFFFFFFF, at, "the trailer's ISIZE is END's size")
    return Tail(note.raw_offset, note.raw_crc32, note.raw_hash, record[40:], *fields)


# ---- Segments ----------------------------------------------------------------------------------

def segment_bytes_max(raw_bytes):
    return raw_bytes + 5 * -(-raw_bytes // 65535)


def zero_bytes_max(chunk_bytes):
    return min(1024 * chunk_bytes, 1 << 30)


ZERO_HEAD = int.from_bytes(bytes.fromhex("ecc0810000000080a0fda91729"), "little")
ZERO_HEAD_BITS = 103


def zero_segment(raw_bytes):
    """The only segment a run of zeros may have."""
    literals, matches = 1 + (raw_bytes - 1) % 258, (raw_bytes - 1) // 258
    bits = ZERO_HEAD
    for literal in range(literals):
        bits |= 1 << ZERO_HEAD_BITS + 2 * literal
    end = ZERO_HEAD_BITS + 2 * literals + 2 * matches
    bits |= 3 << end
    return bits.to_bytes((end + 2 + 3 + 7) // 8, "little") + b"\x00\x00\xff\xff"


def ends_openly(decoder):
    """Whether the segment that was fed ends at a block's end and a byte boundary, without a final
    block: then any empty final block ends the stream. Two kinds are tried, for the last code of a
    block could reach into one of them, not into both."""
    for final_block in (b"\x03\x00", b"\x01\x00\x00\xff\xff"):
        copy = decoder.copy()
        if copy.decompress(final_block) or not copy.eof or copy.unused_data:
            return False
    return True


def inflate(segment, raw_bytes, offset):
    decoder = zlib.decompressobj(-15)
    try:
        raw = decoder.decompress(segment, raw_bytes + 1)
        need(len(raw) == raw_bytes and not decoder.unconsumed_tail, offset,
             "the segment inflates to the chunk's length")
        need(not decoder.eof and ends_openly(decoder), offset,
             "a segment has no final block, and ends at a block's end and a byte boundary")
    except zlib.error as error:
        raise Damage(offset, f"a segment is DEFLATE: {error}") from error
    return raw


ZERO_RUNS = {}  # by length: the segment's hash and the CRC-32, proven by inflating


def prove_zero_run(raw_bytes):
    if raw_bytes not in ZERO_RUNS:
        segment, crc32, left = zero_segment(raw_bytes), 0, raw_bytes
        decoder = zlib.decompressobj(-15)
        data = decoder.decompress(segment, 1 << 20)
        while data:
            assert not data.strip(b"\0"), "the canonical segment inflates to zeros"
            crc32 = zlib.crc32(data, crc32)
            left -= len(data)
            data = decoder.decompress(decoder.unconsumed_tail, 1 << 20)
        assert left == 0 and not decoder.eof and ends_openly(decoder), "and to so many of them"
        ZERO_RUNS[raw_bytes] = segment, crc32
    return ZERO_RUNS[raw_bytes]


# ---- The disk ----------------------------------------------------------------------------------

class Disk:
    """What the items of an image add up to."""

    def __init__(self, version, chunk_bytes, sink=None):
        self.version, self.chunk_bytes, self.sink = version, chunk_bytes, sink
        self.raw_bytes = self.crc32 = 0
        self.hashes = bytearray()  # of all pieces of chunk_bytes, zeros too: as notes have them
        self.whole_hashes = bytearray()
        self.sha256 = hashlib.sha256()
        self.zero_hashes = {}

    def add(self, data):
        self.crc32 = zlib.crc32(data, self.crc32)
        self.sha256.update(data)
        self.raw_bytes += len(data)
        if self.sink:
            self.sink.write(data)

    def add_chunk(self, data, whole_hash):
        self.hashes += whole_hash[:16]
        self.whole_hashes += whole_hash
        self.add(data)

    def add_zeros(self, count):
        while count:
            piece = bytes(min(count, self.chunk_bytes))
            if len(piece) not in self.zero_hashes:
                self.zero_hashes[len(piece)] = self.version.hash(piece)
            self.add_chunk(piece, self.zero_hashes[len(piece)])
            count -= len(piece)

    def check_end(self, tail, offset):
        need(self.raw_bytes == tail.raw_bytes, offset, "the items add up to END's size")
        need(self.crc32 == tail.raw_crc32, offset, "the items add up to END's CRC-32")
        need(self.version.hash(self.hashes)[:16] == tail.root_hash, offset,
             "the items add up to END's root hash")
        need(not tail.root_sha256 or sha256(self.whole_hashes) == tail.root_sha256, offset,
             "the items add up to END's whole root hash")


def check_place(note, disk):
    """What the note of an item says must continue the disk, and be possible."""
    chunk_bytes, at = disk.chunk_bytes, note.offset
    need(note.raw_offset == disk.raw_bytes, at, "an item begins where the one before it ended")
    need(note.raw_offset % chunk_bytes == 0, at, "only the last item may end within a chunk")
    need(note.raw_offset + note.raw_bytes < 1 << 63, at, "a disk has less than 2^63 bytes")
    need(note.raw_bytes > 0, at, "an item is not empty")
    if note.kind == CHUNK:
        need(note.raw_bytes <= chunk_bytes, at, "a CHUNK is at most a chunk")
        need(0 < note.payload_bytes <= segment_bytes_max(note.raw_bytes), at,
             "a segment is at most as long as stored blocks are")
    else:
        need(note.raw_bytes <= zero_bytes_max(chunk_bytes), at, "a run is at most 1024 chunks")
        need(note.payload_bytes == len(prove_zero_run(note.raw_bytes)[0]), at,
             "a run's segment is as long as its length says")


def add_item(note, segment, disk):
    at = note.offset + NOTE_BYTES
    need(xxh3_64(segment) == note.payload_xxh3, at, "the segment fits its hash")
    if note.kind == ZERO:
        canonical, crc32 = prove_zero_run(note.raw_bytes)
        need(segment == canonical, at, "a run's segment is the canonical one")
        need(note.raw_crc32 == crc32, note.offset, "a run's CRC-32 is that of zeros")
        disk.add_zeros(note.raw_bytes)
        return
    raw = inflate(segment, note.raw_bytes, at)
    need(zlib.crc32(raw) == note.raw_crc32, note.offset, "the chunk fits its CRC-32")
    whole_hash = disk.version.hash(raw)
    need(whole_hash[:16] == note.raw_hash, note.offset, "the chunk fits its hash")
    disk.add_chunk(raw, whole_hash)


# ---- Metadata ----------------------------------------------------------------------------------

def printable(data):
    """The bytes as a META value shows them."""
    shown = ""
    for char in data.decode("utf-8", "surrogateescape"):
        code = ord(char)
        if char == "%" or code < 0x20 or 0x7F <= code <= 0x9F or 0xDC80 <= code <= 0xDCFF:
            bad = char.encode("utf-8", "surrogateescape")
            shown += "".join("%%%02X" % byte for byte in bad)
        else:
            shown += char
    return shown


def parse_meta(text, offset):
    pairs = {}
    need(text.endswith(b"\n"), offset, "metadata is lines that end in a newline")
    for line in text[:-1].split(b"\n"):
        key, equals, value = line.partition(b"=")
        need(equals and re.fullmatch(rb"[a-z0-9.-]+", key), offset, "a line is key=value")
        key = key.decode()
        need(not pairs or key > max(pairs), offset, "keys are sorted, and none occurs twice")
        plain = re.sub(rb"%([0-9A-F]{2})", lambda m: bytes([int(m[1], 16)]), value)
        need(value and value == printable(plain).encode(), offset,
             "values are not empty, and only what is not printable is escaped")
        pairs[key] = value.decode()
    return pairs


# ---- From the front ----------------------------------------------------------------------------

class Front:
    """Reads an image that comes through a pipe, or any file, from its first byte to its last."""

    def __init__(self, stream, sink=None):
        self.stream, self.sink, self.offset, self.notes = stream, sink, 0, []

    def take(self, count):
        data = self.stream.read(count)
        need(len(data) == count, self.offset + len(data), "the image does not end here")
        self.offset += count
        return data

    def take_note(self):
        offset = self.offset
        self.notes.append(parse_note(self.take(NOTE_BYTES), offset))
        return self.notes[-1]

    def take_section(self, note, kind, payload):
        need(note.kind == kind, note.offset, f"here follows {KIND_NAMES[kind]}")
        need(note.payload_bytes == len(payload), note.offset,
             "a section is as long as the items say")
        need(self.take_payload(note) == payload, note.offset, "a section says what the items said")

    def take_payload(self, note):
        at = self.offset
        payload = uncarry(self.take(carrier_bytes(note.payload_bytes)), note.payload_bytes, at)
        need(xxh3_64(payload) == note.payload_xxh3, at, "the section fits its hash")
        return payload

    def read(self):
        header = parse_header(self.take(HEADER_BYTES))
        self.disk = disk = Disk(header.version, header.chunk_bytes, self.sink)
        index, hashes = bytearray(), bytearray()
        note = self.take_note()
        while note.kind in (CHUNK, ZERO):
            check_place(note, disk)
            add_item(note, self.take(note.payload_bytes), disk)
            if note.kind == CHUNK:
                index += struct.pack("<I", note.payload_bytes)
                hashes += note.raw_hash
            else:
                chunks = -(-note.raw_bytes // header.chunk_bytes)
                index += struct.pack("<I", 1 << 31 | chunks)
            note = self.take_note()
        self.take_section(note, INDEX, index)
        index_offset, note = note.offset, self.take_note()
        self.take_section(note, HASHES, hashes)
        hashes_offset, note = note.offset, self.take_note()
        self.meta, meta_offset = {}, note.offset
        if note.kind == META:
            need(note.payload_bytes <= META_BYTES_MAX, note.offset, "metadata has at most 1 MiB")
            self.meta = parse_meta(self.take_payload(note), note.offset + NOTE_BYTES)
            note = self.take_note()
        self.take_tail(note, header, (index_offset, hashes_offset, meta_offset, len(index) // 4))
        return self

    def take_tail(self, note, header, seen):
        """The note is read already: it is put before the rest again."""
        need(note.kind == END, note.offset, "here follows END")
        rest = self.take(header.version.tail_bytes - NOTE_BYTES)
        for piece in iter(lambda: self.stream.read(1 << 20), b""):
            need(not piece.strip(b"\0"), self.offset, "nothing but zeros follows the image")
        self.header = header
        self.tail = tail = parse_tail(carry_note(note) + rest, note.offset, header.version)
        need((tail.index_offset, tail.hashes_offset, tail.meta_offset, tail.entry_count) == seen,
             note.offset, "END says where the sections were")
        check_frame(header, tail, note.offset)
        self.disk.check_end(tail, note.offset)


def carry(data):
    bits = int.from_bytes(data, "little")
    return b"".join(bytes([(bits >> 5 * block & 31) << 3]) + b"\x00\x00\xff\xff"
                    for block in range(carrier_bytes(len(data)) // 5))


def note_record(note):
    record = struct.pack("<BBIQIIQ16s", 0xA7, *note[1:])
    return record + struct.pack("<I", xxh3_64(record) & 0xFFFFFFFF)


def carry_note(note):
    return carry(note_record(note))


def check_frame(header, tail, offset):
    need(header.chunk_bytes == tail.chunk_bytes, offset, "header and END have one chunk size")
    need(header.raw_bytes in (UNKNOWN, tail.raw_bytes), offset, "header and END have one size")


# ---- From the end ------------------------------------------------------------------------------

class Back:
    """Reads an image that can be seeked in: header, END, index, hashes, metadata, then the items
    where the index says they are."""

    def __init__(self, file, sink=None):
        self.file, self.sink = file, sink
        file.seek(0)
        self.header = parse_header(file.read(HEADER_BYTES))
        self.tail_bytes = self.header.version.tail_bytes
        self.image_bytes = self.find_end(file.seek(0, io.SEEK_END))

    def find_end(self, file_bytes):
        """Zeros behind the image are padding. Its last bytes, CRC-32 and size, may be zeros."""
        end, piece = file_bytes, b""
        while end and not piece:
            at = max(0, end - (1 << 20))
            self.file.seek(at)
            piece = self.file.read(end - at).rstrip(b"\0")
            end = at + len(piece)
        for image_bytes in range(end, min(end + 8, file_bytes) + 1):
            at = image_bytes - self.tail_bytes
            self.file.seek(max(0, at))
            try:
                parse_tail(self.file.read(self.tail_bytes), at, self.header.version)
                return image_bytes
            except (Damage, struct.error):
                pass
        return file_bytes

    def take(self, offset, count):
        need(0 <= offset and offset + count <= self.image_bytes, offset, "this is within the image")
        self.file.seek(offset)
        return self.file.read(count)

    def take_section(self, kind, offset, end):
        need(offset + NOTE_BYTES <= end <= self.image_bytes - self.tail_bytes, offset,
             f"{KIND_NAMES[kind]} is within the image")
        note = parse_note(self.take(offset, NOTE_BYTES), offset)
        need(note.kind == kind, offset, f"here is {KIND_NAMES[kind]}")
        at = offset + NOTE_BYTES
        need(at + carrier_bytes(note.payload_bytes) == end, offset,
             f"{KIND_NAMES[kind]} ends where the next part begins")
        payload = uncarry(self.take(at, end - at), note.payload_bytes, at)
        need(xxh3_64(payload) == note.payload_xxh3, at, "the section fits its hash")
        return payload

    def read(self):
        at = self.image_bytes - self.tail_bytes
        need(at >= HEADER_BYTES, 0, "an image has at least header and tail")
        self.tail = tail = parse_tail(self.take(at, self.tail_bytes), at, self.header.version)
        check_frame(self.header, tail, at)
        index = self.take_section(INDEX, tail.index_offset, tail.hashes_offset)
        hashes = self.take_section(HASHES, tail.hashes_offset, tail.meta_offset)
        self.meta = {}
        if tail.meta_offset != at:
            need(at - tail.meta_offset <= NOTE_BYTES + carrier_bytes(META_BYTES_MAX),
                 tail.meta_offset, "metadata has at most 1 MiB")
            self.meta = parse_meta(self.take_section(META, tail.meta_offset, at), tail.meta_offset)
        need(len(index) == 4 * tail.entry_count, tail.index_offset, "END's entry count is INDEX's")
        self.entries = list(struct.iter_unpack("<I", index))
        self.read_items(hashes)
        return self

    def read_items(self, hashes):
        tail, offset, used = self.tail, HEADER_BYTES, 0
        self.disk = disk = Disk(self.header.version, tail.chunk_bytes, self.sink)
        for (entry,) in self.entries:
            left = tail.raw_bytes - disk.raw_bytes
            need(left > 0, offset, "the index does not go beyond the disk")
            count = entry & 0x7FFFFFFF if entry >> 31 else 1
            need(0 < count <= zero_bytes_max(tail.chunk_bytes) // tail.chunk_bytes, offset,
                 "an entry of zeros has as many chunks as a run may have")
            need(count <= -(-left // tail.chunk_bytes), offset, "a run ends within the disk")
            raw_bytes = min(left, count * tail.chunk_bytes)
            note = parse_note(self.take(offset, NOTE_BYTES), offset)
            segment_bytes = len(prove_zero_run(raw_bytes)[0]) if entry >> 31 else entry
            need((note.kind, note.raw_bytes, note.payload_bytes) ==
                 (ZERO if entry >> 31 else CHUNK, raw_bytes, segment_bytes), offset,
                 "the note says what the index says")
            check_place(note, disk)
            add_item(note, self.take(offset + NOTE_BYTES, note.payload_bytes), disk)
            if note.kind == CHUNK:
                need(hashes[used:used + 16] == note.raw_hash, offset, "HASHES says what notes say")
                used += 16
            offset += NOTE_BYTES + note.payload_bytes
        need(offset == tail.index_offset, offset, "behind the last item is INDEX")
        need(used == len(hashes), tail.hashes_offset, "HASHES has one hash for each CHUNK")
        disk.check_end(tail, self.image_bytes - self.tail_bytes)


# ---- As plain gzip, and what is left of a ruin -------------------------------------------------

def read_gzip(file):
    """Decodes the file with zlib: one member, nothing but zeros behind it."""
    decoder, digest = zlib.decompressobj(31), hashlib.sha256()
    file.seek(0)
    for piece in iter(lambda: file.read(1 << 20), b""):
        if decoder.eof:
            need(not piece.strip(b"\0"), file.tell(), "an image is one gzip member")
            continue
        while piece:
            digest.update(decoder.decompress(piece, 1 << 22))
            piece = decoder.unconsumed_tail
    digest.update(decoder.flush())
    need(decoder.eof and not decoder.unused_data.strip(b"\0"), file.tell(),
         "an image is one gzip member")
    return digest


def add_to_any(note, segment):
    """Without a header the version is not known: the hash of one of them fits."""
    try:
        add_item(note, segment, Disk(VERSIONS[1], 1 << 24))
    except Damage:
        add_item(note, segment, Disk(VERSIONS[2], 1 << 24))


def salvage(data):
    """Notes and chunks found by scanning: all that is right in itself. A segment that fits its hash
    is passed over, for the disk may hold images of its own."""
    at = data.find(b"\x38\x00\x00\xff\xff")
    while at >= 0:
        after = at + 1
        try:
            note = parse_note(data[at:at + NOTE_BYTES], at)
            segment = data[at + NOTE_BYTES:at + NOTE_BYTES + note.payload_bytes]
            if note.kind in (CHUNK, ZERO) and xxh3_64(segment) == note.payload_xxh3:
                add_to_any(note, segment)
                yield note
                after = at + NOTE_BYTES + note.payload_bytes
        except Damage:
            pass
        at = data.find(b"\x38\x00\x00\xff\xff", after)


# ---- Commands ----------------------------------------------------------------------------------

def note_line(note):
    fields = note._asdict()
    fields["kind"] = KIND_NAMES[note.kind]
    fields["raw_hash"] = hash_text(note.raw_hash)
    return json.dumps(fields)


def check(path):
    with open(path, "rb") as file:
        back = Back(file).read()
        file.seek(0)
        front = Front(file).read()
        digest = read_gzip(file)
    for part in ("header", "tail", "meta"):
        assert getattr(back, part) == getattr(front, part), f"two ways to read the {part}"
    assert back.disk.sha256.digest() == front.disk.sha256.digest() == digest.digest(), \
        "three ways to read the disk"
    kinds = collections.Counter(KIND_NAMES[note.kind] for note in front.notes)
    return {
        "image_bytes": back.image_bytes, "raw_bytes": back.tail.raw_bytes,
        "header_raw_bytes": back.header.raw_bytes, "chunk_bytes": back.tail.chunk_bytes,
        "entry_count": back.tail.entry_count, "chunk_notes": kinds["CHUNK"],
        "zero_notes": kinds["ZERO"], "zero_runs": [
            [note.raw_offset, note.raw_bytes] for note in front.notes if note.kind == ZERO],
        "crc32": "%08x" % back.tail.raw_crc32, "version": back.header.version.number,
        "root_hash": back.tail.root_sha256.hex() or hash_text(back.tail.root_hash),
        "sha256": digest.hexdigest(), "meta": back.meta}


def refused(data):
    """From the end and from the front."""
    for way in (Back, Front):
        try:
            way(io.BytesIO(data)).read()
            return False
        except Damage:
            pass
    return True


def flips(data, step):
    Back(io.BytesIO(data)).read()
    Front(io.BytesIO(data)).read()
    tried = 0
    for bit in range(0, len(data) * 8, step):
        copy = bytearray(data)
        copy[bit // 8] ^= 1 << bit % 8
        need(refused(bytes(copy)), bit // 8, f"bit {bit % 8} means something")
        tried += 1
    print(f"{tried} bits")


def padding(data):
    """Every note's bits inverted, all of them: for gzip it is the same file."""
    changed = bytearray(data)
    front = Front(io.BytesIO(data)).read()
    for note in front.notes:
        for block in range(note.offset, note.offset + NOTE_BYTES, 5):
            changed[block] ^= 0xF8
    need(refused(bytes(changed)), 0, "notes mean something")
    got = read_gzip(io.BytesIO(changed))
    assert got.digest() == front.disk.sha256.digest(), "padding means nothing to DEFLATE"


def main(command, path="", argument=None):
    if command == "cat":
        with (sys.stdin.buffer if path == "-" else open(path, "rb")) as file:
            Front(file, sys.stdout.buffer).read()
        return
    if command == "check":
        print(json.dumps(check(path), indent=1))
        return
    with open(path, "rb") as file:
        data = file.read()
    if command == "notes":
        for note in Front(io.BytesIO(data)).read().notes:
            print(note_line(note))
    elif command == "record":
        at = int(argument)
        sys.stdout.buffer.write(note_record(parse_note(data[at:at + NOTE_BYTES], at)))
    elif command == "salvage":
        for note in salvage(data):
            print(note_line(note))
    elif command == "flips":
        flips(data, int(argument))
    elif command == "padding":
        padding(data)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    try:
        main(*(sys.argv[1:] or ["help", "/dev/null"]))
    except Damage as damage:
        print(damage, file=sys.stderr)
        sys.exit(3)
