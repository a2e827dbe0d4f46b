/* SPDX-License-Identifier: MIT */
/*
 * Tables that say how many bits of a DEFLATE block to skip. They keep nothing else of literals and
 * matches.
 *
 * Place: used by deflate_reopen.c.
 *
 * Threads    any number; no state outside the arguments.
 * Errors     -EBADMSG: see each function.
 */
#ifndef IMGZ_SKIP_TABLE_H
#define IMGZ_SKIP_TABLE_H

#include "codec/huffman.h"

/* With the symbols 286, 287 and 30, 31, which have fixed codes but must not occur. */
#define IMGZ_SKIP_TABLE_LITLEN_COUNT   288u
#define IMGZ_SKIP_TABLE_DISTANCE_COUNT 32u

/*
 * A table is indexed by the next INDEX_BITS bits. More bits take more symbols at once, but the
 * tables are made again for each block of some 10 KiB: 11 was faster than 12 and 13 at all levels.
 */
#define IMGZ_SKIP_TABLE_INDEX_BITS  11u
#define IMGZ_SKIP_TABLE_INDEX_COUNT (1u << IMGZ_SKIP_TABLE_INDEX_BITS)

/*
 * An entry: bits 0 to 5 say how many bits to skip. STOP: look closer, as nothing else is known
 * here. DISTANCE: a distance follows; the flag's value is the index of that table in 'entries'. An
 * entry with STOP skips nothing and stays in its table. The bits between are used while the table
 * is made.
 */
#define IMGZ_SKIP_TABLE_SKIP_MASK 63u
#define IMGZ_SKIP_TABLE_STOP      (1u << 6)
#define IMGZ_SKIP_TABLE_DISTANCE  IMGZ_SKIP_TABLE_INDEX_COUNT

/* The most bits an entry skips: a distance code as long as the index, and its 13 extra bits. */
#define IMGZ_SKIP_TABLE_SKIP_MAX (IMGZ_SKIP_TABLE_INDEX_BITS + 13u)

/* Which table the next code belongs to, or that the block has ended. */
enum imgz_skip_table_next {
    IMGZ_SKIP_TABLE_NEXT_LITLEN,
    IMGZ_SKIP_TABLE_NEXT_DISTANCE,
    IMGZ_SKIP_TABLE_NEXT_HEADER,
};

struct imgz_skip_table {
    struct imgz_huffman litlen;
    struct imgz_huffman distance;
    uint16_t entries[2 * IMGZ_SKIP_TABLE_INDEX_COUNT]; /* literals and lengths, then distances */
};

/* 'lengths' are those of 'litlen_count' > 256 literals and lengths, then of 'distance_count' > 0
 * distances. 0, or -EBADMSG if one of the codes is not allowed. */
IMGZ_MUST_CHECK int imgz_skip_table_init(struct imgz_skip_table *table, const uint8_t *lengths,
                                         uint32_t litlen_count, uint32_t distance_count);

/* Looks closer: decodes the one symbol that 'bits' (28 at least) start with, without the tables.
 * '*next' tells what it is and receives what follows. 0, or -EBADMSG: not a symbol. */
IMGZ_MUST_CHECK int imgz_skip_table_find(const struct imgz_skip_table *table, uint64_t bits,
                                         uint32_t *skip_bits, enum imgz_skip_table_next *next);

#endif /* IMGZ_SKIP_TABLE_H */
