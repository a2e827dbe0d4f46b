/* SPDX-License-Identifier: MIT */
/*
 * A note: the 50-byte record before every segment and payload of an image, carried by 400 bytes
 * (FORMAT.md).
 *
 * Place: made by workers and the image writer, read by the image feeder and the workers.
 *
 * Threads    any number; no state.
 * Errors     decode: -EBADMSG if there is no note, or its check does not match.
 */
#ifndef IMGZ_NOTE_H
#define IMGZ_NOTE_H

#include "base/base.h"
#include "base/hash.h"

#define IMGZ_NOTE_RECORD_BYTES  50u
#define IMGZ_NOTE_CARRIER_BYTES 400u

enum imgz_note_kind {
    IMGZ_NOTE_CHUNK = 1,  /* a segment of raw data follows */
    IMGZ_NOTE_ZERO = 2,   /* the canonical segment of a run of zeros follows */
    IMGZ_NOTE_INDEX = 3,  /* a carried payload follows: sizes of all entries */
    IMGZ_NOTE_HASHES = 4, /* ... raw hashes of all chunks */
    IMGZ_NOTE_META = 5,   /* ... key and value text */
    IMGZ_NOTE_END = 6,    /* ... the end record */
};

struct imgz_note {
    enum imgz_note_kind kind;
    uint32_t payload_bytes; /* of the segment; of the payload before it is carried */
    uint64_t raw_offset;    /* on the disk; END: the disk's size */
    uint32_t raw_bytes;     /* 0 for what holds no raw data */
    uint32_t raw_crc32;     /* END: the whole disk's */
    uint64_t payload_xxh3;
    struct imgz_hash raw_hash; /* ZERO: zeros; END: the root hash */
};

/* The longest segment the format allows for 'raw_bytes': stored blocks of 65,535. */
static inline uint64_t imgz_note_segment_bytes_max(uint64_t raw_bytes)
{
    return raw_bytes + 5 * imgz_div_up(raw_bytes, 65535);
}

/* The shortest: DEFLATE makes at most 258 bytes of two bits (the shortest codes of a length and of
 * a distance), which is 1032 bytes of one. */
static inline uint64_t imgz_note_segment_bytes_min(uint64_t raw_bytes)
{
    return imgz_div_up(raw_bytes, 1032);
}

/* The longest run of zeros one note may stand for: 1024 chunks, so that its segment is no longer
 * than a chunk (it is 1032 times shorter than the run), and 1 GiB, so that raw_bytes holds it. */
static inline uint64_t imgz_note_zero_bytes_max(uint32_t chunk_bytes)
{
    return imgz_min((uint64_t)chunk_bytes * 1024, (uint64_t)1 << 30);
}

/* 'out' has room for IMGZ_NOTE_CARRIER_BYTES. */
void imgz_note_encode(const struct imgz_note *note, unsigned char *out);

/* True if the fields about raw data are zero, as in INDEX, HASHES and META. */
bool imgz_note_is_bare(const struct imgz_note *note);

IMGZ_MUST_CHECK int imgz_note_decode(const unsigned char *carrier, struct imgz_note *note);

#endif /* IMGZ_NOTE_H */
