/* SPDX-License-Identifier: MIT */
/*
 * Tables that decode the symbols of a DEFLATE block.
 *
 * A table is indexed by the next bits of the stream, first bit lowest. An entry says how many bits
 * to take, with the extra bits of a match, and what they stand for. A code that is longer than the
 * index leads to a subtable, indexed by the bits that follow.
 *
 * Place: used by inflate.c and inflate_run.h.
 *
 * Threads    any number; no state outside the arguments.
 * Errors     -EBADMSG: the lengths do not make codes that every decoder accepts.
 */
#ifndef IMGZ_INFLATE_TABLE_H
#define IMGZ_INFLATE_TABLE_H

#include "codec/huffman.h"

/* 11 bits for literals and lengths were faster than 10 and 12: the table has to stay in the cache,
 * where all of it is in use. Of distances there are few, and 8 were faster than 9. */
#define IMGZ_INFLATE_LITLEN_BITS   11u
#define IMGZ_INFLATE_DISTANCE_BITS 8u

/* Every subtable has the size that the longest code needs. It holds at least two codes, as only
 * complete codes are longer than one bit, so there are at most half as many subtables as
 * symbols. */
#define IMGZ_INFLATE_LITLEN_SUB_BITS   (IMGZ_HUFFMAN_BITS_MAX - IMGZ_INFLATE_LITLEN_BITS)
#define IMGZ_INFLATE_DISTANCE_SUB_BITS (IMGZ_HUFFMAN_BITS_MAX - IMGZ_INFLATE_DISTANCE_BITS)
#define IMGZ_INFLATE_LITLEN_COUNT      288u
#define IMGZ_INFLATE_DISTANCE_COUNT    32u
#define IMGZ_INFLATE_LITLEN_ENTRIES                                                                \
    ((1u << IMGZ_INFLATE_LITLEN_BITS) +                                                            \
     (IMGZ_INFLATE_LITLEN_COUNT / 2 << IMGZ_INFLATE_LITLEN_SUB_BITS))
#define IMGZ_INFLATE_DISTANCE_ENTRIES                                                              \
    ((1u << IMGZ_INFLATE_DISTANCE_BITS) +                                                          \
     (IMGZ_INFLATE_DISTANCE_COUNT / 2 << IMGZ_INFLATE_DISTANCE_SUB_BITS))

/*
 * An entry, of either table:
 *
 *   bits 0 to 5    how many bits to take: those of the code, then extra bits
 *   bit 14         SUBTABLE: the code is longer; take the index, and look there
 *   bit 15         SPECIAL: a subtable, the end of the block, or an error
 *   bits 16 to 30  the first entry of a subtable, or else as below
 *
 * Of a literal or length:
 *
 *   bits 8 to 13   how many bits index the table that is next
 *   bits 16 to 24  the literal; the base of the length
 *   bits 25 to 30  how many of the bits to take are the code's
 *   bit 31         LITERAL
 *
 * Of a distance:
 *
 *   bits 8 to 13   how many of the bits to take are the code's
 *   bits 16 to 30  the base of the distance
 */
#define IMGZ_INFLATE_TAKE_MASK      63u
#define IMGZ_INFLATE_SUBTABLE       (1u << 14)
#define IMGZ_INFLATE_SPECIAL        (1u << 15)
#define IMGZ_INFLATE_BASE_SHIFT     16u
#define IMGZ_INFLATE_LITERAL        (1u << 31)
#define IMGZ_INFLATE_NEXT_SHIFT     8u
#define IMGZ_INFLATE_LENGTH_MASK    511u
#define IMGZ_INFLATE_LENGTH_CODE    25u
#define IMGZ_INFLATE_DISTANCE_CODE  8u
#define IMGZ_INFLATE_CODE_BITS_MASK 63u

/* What is special. An error takes no bits, so that nothing else is like it. */
#define IMGZ_INFLATE_BAD          IMGZ_INFLATE_SPECIAL
#define IMGZ_INFLATE_END_OF_BLOCK (IMGZ_INFLATE_SPECIAL | 1u << IMGZ_INFLATE_BASE_SHIFT)

struct imgz_inflate_tables {
    /* Of the current block. */
    uint32_t litlen[IMGZ_INFLATE_LITLEN_ENTRIES];
    uint32_t distance[IMGZ_INFLATE_DISTANCE_ENTRIES];
    bool fixed; /* it has fixed codes */

    /* The entry of each symbol, without its code: the same for all blocks. */
    uint32_t litlen_symbols[IMGZ_INFLATE_LITLEN_COUNT];
    uint32_t distance_symbols[IMGZ_INFLATE_DISTANCE_COUNT];
};

/* Call it before anything else. */
void imgz_inflate_tables_init(struct imgz_inflate_tables *tables);

/* 'lengths' are those of 'litlen_count' > 256 literals and lengths, then of 'distance_count' > 0
 * distances. 0, or -EBADMSG. */
IMGZ_MUST_CHECK int imgz_inflate_tables_set(struct imgz_inflate_tables *tables,
                                            const uint8_t *lengths, uint32_t litlen_count,
                                            uint32_t distance_count);

/* The tables of a block with fixed codes (RFC 1951 section 3.2.6). */
void imgz_inflate_tables_set_fixed(struct imgz_inflate_tables *tables);

#endif /* IMGZ_INFLATE_TABLE_H */
