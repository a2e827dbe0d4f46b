/* SPDX-License-Identifier: MIT */
/*
 * A table of single symbols comes straight from their codes. If the index holds a second whole code
 * after the first, the entry takes both: two literals, a literal and a length, or a length and its
 * distance. Extra bits need not be in the index, for they are skipped unseen.
 */
#include "codec/skip_table.h"

#include <errno.h>

#include "codec/symbols.h"

/* While the table is made: how many bits of the index an entry's code takes, in bits 7 to 10. */
#define CODE_SHIFT 7u
#define CODE_MASK  15u

_Static_assert(IMGZ_SKIP_TABLE_INDEX_BITS <= CODE_MASK, "a code's length fits its field");
_Static_assert(IMGZ_SKIP_TABLE_DISTANCE >= 1u << 11, "the fields are apart");
_Static_assert(IMGZ_SKIP_TABLE_SKIP_MAX <= IMGZ_SKIP_TABLE_SKIP_MASK, "skips fit their field");

#define STOP     IMGZ_SKIP_TABLE_STOP
#define DISTANCE IMGZ_SKIP_TABLE_DISTANCE

/* What an entry is besides its code's length: extra bits (RFC 1951 section 3.2.5) and flags. */
static const uint16_t litlen_bases[IMGZ_SKIP_TABLE_LITLEN_COUNT] = {
    [0 ... 255] = 0,
    [IMGZ_SYMBOL_END_OF_BLOCK] = STOP,
    [257 ... 264] = DISTANCE,
    [265 ... 268] = DISTANCE | 1,
    [269 ... 272] = DISTANCE | 2,
    [273 ... 276] = DISTANCE | 3,
    [277 ... 280] = DISTANCE | 4,
    [281 ... 284] = DISTANCE | 5,
    [285] = DISTANCE,
    [286 ... 287] = STOP,
};

static const uint16_t distance_bases[IMGZ_SKIP_TABLE_DISTANCE_COUNT] = {
    0,
    0,
    0,
    0,
    1,
    1,
    2,
    2,
    3,
    3,
    4,
    4,
    5,
    5,
    6,
    6,
    7,
    7,
    8,
    8,
    9,
    9,
    10,
    10,
    11,
    11,
    12,
    12,
    13,
    13,
    STOP | DISTANCE,
    STOP | DISTANCE,
};

/* Both tables: a code's length counts as bits to skip and as bits of the index. */
static const struct imgz_huffman_entries litlen_rule = {
    .bases = litlen_bases,
    .length_unit = 1u << CODE_SHIFT | 1u,
    .none = STOP,
};
static const struct imgz_huffman_entries distance_rule = {
    .bases = distance_bases,
    .length_unit = 1u << CODE_SHIFT | 1u,
    .none = STOP | DISTANCE,
};

/* From the top down, in place: an index without its first code is a lower one (or 0 again), so the
 * entry found there is still single. */
static void pair_entries(uint16_t *entries)
{
    for (uint32_t i = IMGZ_SKIP_TABLE_INDEX_COUNT; i-- > 0;) {
        uint32_t first = entries[i];
        uint32_t skip = first & IMGZ_SKIP_TABLE_SKIP_MASK;
        uint32_t second = entries[(first & DISTANCE) + (i >> skip)];
        uint32_t code_bits = second >> CODE_SHIFT & CODE_MASK;
        uint32_t both = (skip + (second & IMGZ_SKIP_TABLE_SKIP_MASK)) | (second & DISTANCE);
        bool fits = (skip + code_bits <= IMGZ_SKIP_TABLE_INDEX_BITS) & !((first | second) & STOP);

        /* A select, not a branch: which entries pair is as good as random. */
        entries[i] = (uint16_t)(first ^ ((first ^ both) & (0u - fits)));
    }
}

int imgz_skip_table_init(struct imgz_skip_table *table, const uint8_t *lengths,
                         uint32_t litlen_count, uint32_t distance_count)
{
    int rc;

    IMGZ_ASSERT(litlen_count > IMGZ_SYMBOL_END_OF_BLOCK &&
                litlen_count <= IMGZ_SKIP_TABLE_LITLEN_COUNT);
    IMGZ_ASSERT(distance_count > 0 && distance_count <= IMGZ_SKIP_TABLE_DISTANCE_COUNT);
    if (lengths[IMGZ_SYMBOL_END_OF_BLOCK] == 0)
        return -EBADMSG;
    rc = imgz_huffman_init(&table->litlen, lengths, litlen_count, IMGZ_HUFFMAN_MAY_BE_SINGLE);
    if (rc < 0)
        return rc;
    rc = imgz_huffman_init(&table->distance, lengths + litlen_count, distance_count,
                           IMGZ_HUFFMAN_MAY_BE_SINGLE);
    if (rc < 0)
        return rc;
    imgz_huffman_fill(&table->litlen, &litlen_rule, IMGZ_SKIP_TABLE_INDEX_BITS, table->entries);
    imgz_huffman_fill(&table->distance, &distance_rule, IMGZ_SKIP_TABLE_INDEX_BITS,
                      table->entries + DISTANCE);
    pair_entries(table->entries);
    return 0;
}

static int find_distance(const struct imgz_skip_table *table, uint64_t bits, uint32_t *skip_bits,
                         enum imgz_skip_table_next *next)
{
    uint32_t symbol;
    uint32_t code_bits;
    int rc = imgz_huffman_find(&table->distance, bits, &symbol, &code_bits);

    if (rc < 0)
        return rc;
    if (distance_bases[symbol] & STOP)
        return -EBADMSG;
    *skip_bits = code_bits + distance_bases[symbol];
    *next = IMGZ_SKIP_TABLE_NEXT_LITLEN;
    return 0;
}

static int find_litlen(const struct imgz_skip_table *table, uint64_t bits, uint32_t *skip_bits,
                       enum imgz_skip_table_next *next)
{
    uint32_t symbol;
    uint32_t code_bits;
    uint32_t base;
    int rc = imgz_huffman_find(&table->litlen, bits, &symbol, &code_bits);

    if (rc < 0)
        return rc;
    base = litlen_bases[symbol];
    *skip_bits = code_bits + (base & IMGZ_SKIP_TABLE_SKIP_MASK);
    if (symbol == IMGZ_SYMBOL_END_OF_BLOCK)
        *next = IMGZ_SKIP_TABLE_NEXT_HEADER;
    else if (base & STOP)
        return -EBADMSG;
    else if (base & DISTANCE)
        *next = IMGZ_SKIP_TABLE_NEXT_DISTANCE;
    return 0;
}

int imgz_skip_table_find(const struct imgz_skip_table *table, uint64_t bits, uint32_t *skip_bits,
                         enum imgz_skip_table_next *next)
{
    IMGZ_ASSERT(*next != IMGZ_SKIP_TABLE_NEXT_HEADER);
    if (*next == IMGZ_SKIP_TABLE_NEXT_DISTANCE)
        return find_distance(table, bits, skip_bits, next);
    return find_litlen(table, bits, skip_bits, next);
}
