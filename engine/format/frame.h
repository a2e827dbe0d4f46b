/* SPDX-License-Identifier: MIT */
/*
 * What frames an image: the gzip header before the first note, the end record after the last, and
 * the gzip trailer (RFC 1952; FORMAT.md).
 *
 * Place: image writer and image loader.
 *
 * Threads    any number; no state.
 * Errors     see each function.
 */
#ifndef IMGZ_FRAME_H
#define IMGZ_FRAME_H

#include "base/base.h"
#include "base/hash.h"

/* Version 1 has XXH3, version 2 another chunk hash. */
#define IMGZ_FRAME_VERSION_MAX  2u
#define IMGZ_FRAME_HEADER_BYTES 34u

/* END note, its carried record, the empty final block, CRC-32 and ISIZE: the last bytes of every
 * image. With SHA-256 the record is longer. */
#define IMGZ_FRAME_TAIL_BYTES     733u
#define IMGZ_FRAME_TAIL_BYTES_MAX 993u

static inline uint32_t imgz_frame_tail_bytes(enum imgz_hash_kind hash)
{
    return hash == IMGZ_HASH_XXH3 ? IMGZ_FRAME_TAIL_BYTES : IMGZ_FRAME_TAIL_BYTES_MAX;
}

static inline uint32_t imgz_frame_version(enum imgz_hash_kind hash)
{
    return hash == IMGZ_HASH_XXH3 ? 1 : 2;
}

struct imgz_frame_header {
    uint32_t chunk_bytes;
    uint64_t raw_bytes;       /* of the disk; IMGZ_SIZE_UNKNOWN if it was captured from a stream */
    enum imgz_hash_kind hash; /* of chunks */
};

struct imgz_frame_end {
    enum imgz_hash_kind hash; /* as in the header */
    uint64_t raw_bytes;
    uint32_t raw_crc32;
    struct imgz_hash root_hash;
    struct imgz_sha256 root_sha256; /* with SHA-256 */
    uint32_t chunk_bytes;
    uint64_t entry_count;   /* CHUNK and ZERO notes */
    uint64_t index_offset;  /* in the image: of the INDEX note */
    uint64_t hashes_offset; /* of the HASHES note */
    uint64_t meta_offset;   /* of the META note; of the END note if there is none */
};

/* What the first bytes of a file are. */
enum imgz_frame_probe {
    IMGZ_FRAME_IMAGE,
    IMGZ_FRAME_IMAGE_NEWER, /* an image of another version, or its version byte is damaged */
    IMGZ_FRAME_IMAGE_BAD,   /* an image's header, damaged */
    IMGZ_FRAME_GZIP,        /* gzip, but not an image */
    IMGZ_FRAME_OTHER,
};

/* 'out' has room for IMGZ_FRAME_HEADER_BYTES. */
void imgz_frame_encode_header(const struct imgz_frame_header *header, unsigned char *out);

/* Looks at the first 'bytes' (at most IMGZ_FRAME_HEADER_BYTES are used) of a file. 'header' is
 * filled in for IMGZ_FRAME_IMAGE only. */
enum imgz_frame_probe imgz_frame_decode_header(const unsigned char *data, size_t bytes,
                                               struct imgz_frame_header *header);

/* 'out' has room for imgz_frame_tail_bytes(end->hash). */
void imgz_frame_encode_tail(const struct imgz_frame_end *end, unsigned char *out);

/* The tail of an image with this chunk hash. -EBADMSG: no end record; -EPROTO: an end record, but
 * the final block or the trailer's CRC-32 or ISIZE do not fit it. */
IMGZ_MUST_CHECK int imgz_frame_decode_tail(enum imgz_hash_kind hash, const unsigned char *tail,
                                           struct imgz_frame_end *end);

#endif /* IMGZ_FRAME_H */
