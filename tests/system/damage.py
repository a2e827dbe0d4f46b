#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Damages images, knowing their layout (engine/FORMAT.md) from nothing but its description.

flips IMAGE FOLDER   copies with one bit inverted, for every field of every kind of region
lies IMAGE FOLDER    copies whose notes say what is not so, with their checks made to fit
root RAW CHUNK       the root hash of a raw disk, by the description, as xxhsum would print it
map IMAGE            the notes: kind, offset, raw offset, raw bytes, payload bytes
meta IMAGE OLD NEW   the metadata has NEW in place of OLD, which is as long; nothing else changes

Copies are named after what was done to them.
"""
import ctypes
import struct
import sys

HEADER_BYTES = 34
NOTE_BYTES = 400
KINDS = {1: "chunk", 2: "zero", 3: "index", 4: "hashes", 5: "meta", 6: "end"}
FIELDS = {"magic": (0, "B"), "kind": (1, "B"), "payload_bytes": (2, "I"), "raw_offset": (6, "Q"),
          "raw_bytes": (14, "I"), "raw_crc32": (18, "I"), "payload_xxh3": (22, "Q"),
          "raw_xxh3": (30, "16s"), "check": (46, "I")}
END_FIELDS = {"index_offset": (0, "Q"), "hashes_offset": (8, "Q"), "meta_offset": (16, "Q"),
              "entry_count": (24, "Q"), "chunk_bytes": (32, "I"), "version": (36, "I")}
HEADER_FIELDS = {"version": (16, "B"), "flags": (17, "B"), "chunk_bytes": (18, "I"),
                 "raw_bytes": (22, "Q"), "check": (30, "I")}


class Hash128(ctypes.Structure):
    _fields_ = [("low64", ctypes.c_uint64), ("high64", ctypes.c_uint64)]


def xxhash_library():
    library = ctypes.CDLL("libxxhash.so.0")
    for name, result in (("XXH3_64bits", ctypes.c_uint64), ("XXH3_128bits", Hash128)):
        function = getattr(library, name)
        function.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
        function.restype = result
    return library


def xxh3_64(data):
    return xxhash_library().XXH3_64bits(bytes(data), len(data))


def root_hash(path, chunk_bytes):
    library = xxhash_library()

    def digest(data):
        result = library.XXH3_128bits(data, len(data))
        return struct.pack("<QQ", result.low64, result.high64)  # as notes hold it

    with open(path, "rb") as file:
        pieces = iter(lambda: file.read(chunk_bytes), b"")
        return digest(b"".join(digest(piece) for piece in pieces))[::-1].hex()


def carry(data):
    """Five bits in the padding of each empty stored block, least significant first."""
    bits = int.from_bytes(data, "little")
    blocks = (len(data) * 8 + 4) // 5
    return b"".join(bytes([(bits >> 5 * i & 31) << 3, 0, 0, 255, 255]) for i in range(blocks))


def uncarry(blocks):
    bits = sum((blocks[i] >> 3) << i for i in range(0, len(blocks), 5))
    return bits.to_bytes(len(blocks) // 8, "little")


class Note:
    def __init__(self, image, offset):
        self.offset = offset
        self.record = bytearray(uncarry(image[offset:offset + NOTE_BYTES]))
        assert self["magic"] == 0xA7, f"no note at {offset}"
        assert self["check"] == xxh3_64(self.record[:46]) & 0xFFFFFFFF, f"bad note at {offset}"
        self.kind = KINDS[self["kind"]]
        self.payload_offset = offset + NOTE_BYTES
        length = self["payload_bytes"]
        carried = self.kind not in ("chunk", "zero")
        self.payload_length = (length * 8 + 4) // 5 * 5 if carried else length
        self.end = self.payload_offset + self.payload_length

    def __getitem__(self, field):
        at, code = FIELDS[field]
        return struct.unpack_from("<" + code, self.record, at)[0]


def read_notes(image):
    notes, offset = [], HEADER_BYTES
    while not notes or notes[-1].kind != "end":
        notes.append(Note(image, offset))
        offset = notes[-1].end
    assert len(image) - offset == 13, "the trailer is not where it must be"
    return notes


# ---- Flips ------------------------------------------------------------------------------------

def typical(notes):
    """One note of each kind; of the chunks one that is compressed and one that is stored."""
    chosen = {}
    for note in notes:
        name = note.kind
        if name == "chunk" and note["payload_bytes"] > note["raw_bytes"]:
            name = "stored"
        if name not in chosen or note is notes[1]:
            chosen[name] = note
    return chosen


def note_flips(name, note):
    for field, (at, code) in FIELDS.items():
        size = struct.calcsize("<" + code)
        for byte, bit in {(at, 0), (at + size - 1, 7), (at + size // 2, 4)}:
            block, place = divmod(8 * byte + bit, 5)
            yield f"{name}-note-{field}-{byte - at}.{bit}", note.offset + 5 * block, 3 + place
    yield from carrier_flips(f"{name}-note", note.offset, NOTE_BYTES)


def carrier_flips(name, offset, length):
    """What the decoders of this world look at in a carrier block: type, length, complement."""
    for block in {0, length // 10, length // 5 - 1}:
        for byte, bit in ((0, 0), (0, 1), (0, 2), (1, 0), (2, 7), (3, 3), (4, 6)):
            yield f"{name}-block{block}-{byte}.{bit}", offset + 5 * block + byte, bit


def payload_flips(name, note):
    start, length = note.payload_offset, note.payload_length
    for place in sorted({0, 1, length // 3, length // 2, length - 6, length - 5, length - 1}):
        if 0 <= place < length:
            yield f"{name}-payload-{place}", start + place, place % 8
    if note.kind not in ("chunk", "zero"):
        for block in range(0, length // 5, max(1, length // 50)):
            yield f"{name}-payload-block{block}", start + 5 * block, 3 + block % 5
        yield from carrier_flips(f"{name}-payload", start, length)


def all_flips(image):
    for byte in range(HEADER_BYTES):
        for bit in {byte % 8, (byte * 5 + 3) % 8}:
            yield f"header-{byte}.{bit}", byte, bit
    for name, note in typical(read_notes(image)).items():
        yield from note_flips(name, note)
        yield from payload_flips(name, note)
    for byte in range(13):
        part = "final" if byte < 5 else "crc" if byte < 9 else "isize"
        for bit in {byte % 8, (byte * 3 + 1) % 8}:
            yield f"{part}-{byte}.{bit}", len(image) - 13 + byte, bit


def write_flips(image, folder):
    for name, offset, bit in all_flips(image):
        copy = bytearray(image)
        copy[offset] ^= 1 << bit
        write_copy(folder, name, copy)


def write_copy(folder, name, data):
    with open(f"{folder}/{name}.gz", "wb") as file:
        file.write(data)


# ---- Lies -------------------------------------------------------------------------------------

def set_field(record, fields, field, value):
    at, code = fields[field]
    limit = 1 << 8 * struct.calcsize("<" + code)
    struct.pack_into("<" + code, record, at, value if code == "16s" else value % limit)


def with_note(image, note, **changes):
    """The image with another note in place of this one, its check made right."""
    record = bytearray(note.record)
    for field, value in changes.items():
        set_field(record, FIELDS, field, value)
    set_field(record, FIELDS, "check", xxh3_64(record[:46]) & 0xFFFFFFFF)
    return image[:note.offset] + carry(record) + image[note.payload_offset:]


def with_payload(image, note, payload):
    changed = with_note(image, note, payload_xxh3=xxh3_64(payload))
    return changed[:note.payload_offset] + carry(payload) + changed[note.end:]


def with_end(image, note, **changes):
    record = bytearray(uncarry(image[note.payload_offset:note.end]))
    for field, value in changes.items():
        set_field(record, END_FIELDS, field, value)
    return with_payload(image, note, bytes(record))


def with_header(image, **changes):
    header = bytearray(image[:HEADER_BYTES])
    for field, value in changes.items():
        set_field(header, HEADER_FIELDS, field, value)
    set_field(header, HEADER_FIELDS, "check", xxh3_64(header[:30]) & 0xFFFFFFFF)
    return bytes(header) + image[HEADER_BYTES:]


def note_lies(image, name, note, values):
    for field, lies in values.items():
        for lie in lies:
            if lie != note[field]:
                shown = lie.hex() if isinstance(lie, bytes) else lie
                yield f"{name}-{field}={shown}", with_note(image, note, **{field: lie})


def chunk_lies(image, notes, name):
    note = typical(notes)[name]
    segment, raw = note["payload_bytes"], note["raw_bytes"]
    after = notes[notes.index(note) + 1]
    yield from note_lies(image, name, note, {
        "kind": (2, 3, 4, 5, 6),
        "payload_bytes": (0, 1, segment - 1, segment + 1, segment + NOTE_BYTES,
                          after.end - note.payload_offset, len(image), 0x7FFFFFFF, 0xFFFFFFFF),
        "raw_offset": (0, note["raw_offset"] + raw, note["raw_offset"] + 1, 1 << 63,
                       (1 << 64) - raw, (1 << 64) - 1),
        "raw_bytes": (0, 1, raw - 1, raw + 1, 2 * raw, 1 << 30, 0xFFFFFFFF),
        "raw_crc32": (0, note["raw_crc32"] ^ 1),
        "payload_xxh3": (0, note["payload_xxh3"] ^ 1),
        "raw_xxh3": (bytes(16), bytes(15) + b"\1"),
    })


def zero_lies(image, note):
    raw = note["raw_bytes"]
    yield from note_lies(image, "zero", note, {
        "kind": (1, 3, 6),
        "payload_bytes": (0, 1, note["payload_bytes"] - 1, note["payload_bytes"] + 1,
                          note["payload_bytes"] + NOTE_BYTES, 0xFFFFFFFF),
        "raw_offset": (0, note["raw_offset"] + 65536, (1 << 64) - raw),
        "raw_bytes": (0, 1, raw - 65536, raw + 65536, raw - 1, 1 << 30, 0xFFFFFFFF),
        "raw_crc32": (0, 1),
        "raw_xxh3": (bytes(15) + b"\1",),
    })


def carried_lies(image, notes):
    for note in notes:
        if note.kind not in ("chunk", "zero"):
            yield from note_lies(image, note.kind, note, {
                "payload_bytes": (0, 5, note["payload_bytes"] - 5, note["payload_bytes"] + 5,
                                  0x7FFFFFFF, 0xFFFFFFFF),
                "payload_xxh3": (0,),
                "kind": (1, 2),
                "raw_bytes": (1, 65536),
            })
        if note.kind in ("index", "hashes", "meta"):
            payload = uncarry_exactly(image, note)
            for value in (0, 1, 0xFF):
                lie = bytes([value]) * len(payload)
                yield f"{note.kind}-all-{value}", with_payload(image, note, lie)
            # Text that differs is metadata like any other; sizes and hashes must fit the rest.
            for at in (0, len(payload) - 1) if note.kind != "meta" else ():
                lie = bytearray(payload)
                lie[at] ^= 1
                yield f"{note.kind}-lie-at-{at}", with_payload(image, note, bytes(lie))


def uncarry_exactly(image, note):
    blocks = image[note.payload_offset:note.end]
    bits = sum((blocks[i] >> 3) << i for i in range(0, len(blocks), 5))
    return bits.to_bytes(note["payload_bytes"], "little")


def end_lies(image, notes):
    end = notes[-1]
    size = end["raw_offset"]
    yield from note_lies(image, "end", end, {
        "raw_offset": (0, size - 1, size + 1, size + (1 << 32), 1 << 63, (1 << 64) - 1),
        "raw_crc32": (0,),
        "raw_xxh3": (bytes(16),),
    })
    # The same with a trailer that agrees.
    for raw in (0, size - 65536, size + 65536):
        copy = with_note(image, end, raw_offset=raw)
        yield f"end-and-isize={raw}", copy[:-4] + struct.pack("<I", raw % (1 << 32))
    copy = with_note(image, end, raw_crc32=7)
    yield "end-and-crc", copy[:-8] + struct.pack("<I", 7) + copy[-4:]
    for field, lies in {
            "index_offset": (0, 34, 35, len(image), 1 << 62, (1 << 64) - 1),
            "hashes_offset": (0, 34, len(image), 1 << 62, (1 << 64) - 1),
            "meta_offset": (0, 34, len(image), 1 << 62, (1 << 64) - 1),
            "entry_count": (0, 1, 1 << 30, 1 << 61, (1 << 64) - 1),
            "chunk_bytes": (0, 1, 65535, 131072, 1 << 24, 1 << 31),
            "version": (0, 2)}.items():
        for lie in lies:
            yield f"end-{field}={lie}", with_end(image, end, **{field: lie})


def header_lies(image, size):
    for field, lies in {"version": (0, 2, 255), "flags": (1, 128),
                        "chunk_bytes": (0, 1, 131072, 65535, 1 << 24, 1 << 31),
                        "raw_bytes": (0, size - 1, size + 1, 1 << 62, (1 << 64) - 2)}.items():
        for lie in lies:
            yield f"header-{field}={lie}", with_header(image, **{field: lie})


def order_lies(image, notes):
    """Whole entries taken out, doubled and exchanged; every one of them is right in itself."""
    chunks = [note for note in notes if note.kind == "chunk"]
    first, second = chunks[0], chunks[1]
    for note in (first, chunks[-1], *(note for note in notes if note.kind != "chunk")):
        name = f"{note.kind}-at-{note.offset}"
        if note.kind != "meta":  # an image need not have any, and its end then lies where END says
            yield f"without-{name}", image[:note.offset] + image[note.end:]
        yield f"double-{name}", image[:note.end] + image[note.offset:]
    entry = [image[note.offset:note.end] for note in (first, second)]
    assert first.end == second.offset
    yield "exchanged", image[:first.offset] + entry[1] + entry[0] + image[second.end:]


def write_lies(image, folder):
    notes = read_notes(image)
    makers = (chunk_lies(image, notes, "chunk"), chunk_lies(image, notes, "stored"),
              zero_lies(image, typical(notes)["zero"]), carried_lies(image, notes),
              end_lies(image, notes), header_lies(image, notes[-1]["raw_offset"]),
              order_lies(image, notes))
    for maker in makers:
        for name, data in maker:
            if data != image:
                write_copy(folder, name, data)


def with_meta(image, old, new):
    note = next(note for note in read_notes(image) if note.kind == "meta")
    text = uncarry_exactly(image, note)
    assert old in text and len(old) == len(new)
    return with_payload(image, note, text.replace(old, new))


def main(command, *arguments):
    if command == "root":
        print(root_hash(arguments[0], int(arguments[1])))
        return
    with open(arguments[0], "rb") as file:
        image = file.read()
    if command == "flips":
        write_flips(image, arguments[1])
    elif command == "lies":
        write_lies(image, arguments[1])
    elif command == "meta":
        changed = with_meta(image, *(text.encode() for text in arguments[1:]))
        with open(arguments[0], "wb") as file:
            file.write(changed)
    elif command == "map":
        for note in read_notes(image):
            print(note.kind, note.offset, note["raw_offset"], note["raw_bytes"],
                  note["payload_bytes"])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["help", "/dev/null"]))
