/* SPDX-License-Identifier: MIT */
/*
 * Reads the bits of a DEFLATE stream, and the headers of its blocks (RFC 1951 sections 3.1.1, 3.2.3
 * and 3.2.7).
 *
 * Place: used by deflate_reopen.c, last_block.c and the decoder.
 *
 * Threads    any number; no state outside the arguments.
 * Errors     -EBADMSG: see each function.
 */
#ifndef IMGZ_BLOCK_HEADER_H
#define IMGZ_BLOCK_HEADER_H

#include <errno.h>

#include "base/base.h"
#include "base/bytes.h"
#include "codec/skip_table.h"

enum imgz_block_type {
    IMGZ_BLOCK_STORED,
    IMGZ_BLOCK_FIXED,
    IMGZ_BLOCK_DYNAMIC,
    IMGZ_BLOCK_RESERVED,
};

#define IMGZ_BLOCK_HEADER_BITS 3u /* BFINAL, BTYPE */

struct imgz_bits {
    const unsigned char *data;
    uint64_t stream_bytes;
    uint64_t bit_index; /* of the next bit; beyond the stream's end if that was cut short */
};

/* 57 bits or more from here on; zeros beyond the end of the stream. */
static inline uint64_t imgz_bits_peek(const struct imgz_bits *bits)
{
    const uint64_t offset = bits->bit_index / 8;
    uint64_t value = 0;

    if (offset + sizeof(value) <= bits->stream_bytes) {
        value = imgz_get_le64(bits->data + offset);
    } else {
        for (uint32_t i = 0; offset + i < bits->stream_bytes; i++)
            value |= (uint64_t)bits->data[offset + i] << 8 * i;
    }
    return value >> bits->bit_index % 8;
}

static inline uint32_t imgz_bits_take(struct imgz_bits *bits, uint32_t count)
{
    const uint64_t value = imgz_bits_peek(bits) & (((uint64_t)1 << count) - 1);

    bits->bit_index += count;
    return (uint32_t)value;
}

/* 0, or -EBADMSG if bits were taken that the stream does not have. */
IMGZ_MUST_CHECK static inline int imgz_bits_check(const struct imgz_bits *bits)
{
    return bits->bit_index > bits->stream_bytes * 8 ? -EBADMSG : 0;
}

/* The code lengths of a block: of literals and lengths, then of distances. */
struct imgz_block_lengths {
    uint32_t litlen_count;
    uint32_t distance_count;
    uint8_t lengths[IMGZ_SKIP_TABLE_LITLEN_COUNT + IMGZ_SKIP_TABLE_DISTANCE_COUNT];
};

/* Reads what follows BTYPE in a block of dynamic codes. -EBADMSG: it is not allowed; whether the
 * lengths make codes is not looked at. */
IMGZ_MUST_CHECK int imgz_block_read_lengths(struct imgz_bits *bits,
                                            struct imgz_block_lengths *lengths);

#endif /* IMGZ_BLOCK_HEADER_H */
