/* SPDX-License-Identifier: MIT */
#include "codec/inflate_table.h"

#include <errno.h>
#include <string.h>

#include "codec/symbols.h"

_Static_assert(IMGZ_INFLATE_LITLEN_ENTRIES < 1u << 15, "a subtable's place fits its field");
_Static_assert(IMGZ_INFLATE_DISTANCE_ENTRIES < 1u << 15, "a subtable's place fits its field");

/* What a table is filled from: the entry of each symbol, without its code, and where in the entry
 * the length of that is. */
struct source {
    const struct imgz_huffman *code;
    const uint32_t *entries;
    uint32_t index_bits;
    uint32_t code_shift;
};

static uint32_t litlen_entry(uint32_t symbol)
{
    const uint32_t match = symbol - IMGZ_SYMBOL_FIRST_LENGTH;

    if (symbol < IMGZ_SYMBOL_END_OF_BLOCK)
        return IMGZ_INFLATE_LITERAL | symbol << IMGZ_INFLATE_BASE_SHIFT |
               IMGZ_INFLATE_LITLEN_BITS << IMGZ_INFLATE_NEXT_SHIFT;
    if (symbol == IMGZ_SYMBOL_END_OF_BLOCK)
        return IMGZ_INFLATE_END_OF_BLOCK;
    if (match >= IMGZ_SYMBOL_LENGTH_COUNT)
        return IMGZ_INFLATE_BAD;
    return (uint32_t)imgz_length_bases[match] << IMGZ_INFLATE_BASE_SHIFT |
           IMGZ_INFLATE_DISTANCE_BITS << IMGZ_INFLATE_NEXT_SHIFT | imgz_length_extra_bits[match];
}

static uint32_t distance_entry(uint32_t symbol)
{
    if (symbol >= IMGZ_SYMBOL_DISTANCE_COUNT)
        return IMGZ_INFLATE_BAD;
    return (uint32_t)imgz_distance_bases[symbol] << IMGZ_INFLATE_BASE_SHIFT |
           imgz_distance_extra_bits[symbol];
}

/* The entry of a symbol with a code of 'code_bits'; in a subtable, of the bits after the index. */
static uint32_t entry_of(const struct source *source, uint32_t symbol, uint32_t code_bits)
{
    const uint32_t entry = source->entries[symbol];

    return entry == IMGZ_INFLATE_BAD ? entry
                                     : entry + (code_bits | code_bits << source->code_shift);
}

/*
 * The table for codes of up to n + 1 bits is the one for n bits twice. The codes of n + 1 bits are
 * then put in their places, which had none yet (imgz_huffman_fill() does the same). Returns the
 * code that follows, and in '*symbol' whose it is.
 */
static uint32_t fill_index(const struct source *source, uint32_t *table, const uint16_t **symbol)
{
    uint32_t reversed = 0;

    table[0] = IMGZ_INFLATE_BAD;
    for (uint32_t length = 1; length <= source->index_bits; length++) {
        const uint32_t half = 1u << (length - 1);

        memcpy(table + half, table, half * sizeof(*table));
        for (uint32_t i = 0; i < source->code->counts[length]; i++) {
            table[reversed] = entry_of(source, *(*symbol)++, length);
            reversed = imgz_huffman_next(reversed, length);
        }
    }
    return reversed;
}

/* Codes that begin alike follow each other, so a subtable is filled before the next one begins. */
static void fill_subtables(const struct source *source, uint32_t *table, const uint16_t *symbol,
                           uint32_t reversed)
{
    const uint32_t index_bits = source->index_bits;
    const uint32_t sub_count = 1u << (IMGZ_HUFFMAN_BITS_MAX - index_bits);
    uint32_t index = 1u << index_bits; /* of the subtable; none yet */
    uint32_t sub_index = index - sub_count;

    for (uint32_t length = index_bits + 1; length <= IMGZ_HUFFMAN_BITS_MAX; length++) {
        for (uint32_t i = 0; i < source->code->counts[length]; i++) {
            const uint32_t entry = entry_of(source, *symbol++, length - index_bits);
            const uint32_t first = reversed >> index_bits;

            if ((reversed & ((1u << index_bits) - 1)) != index) {
                index = reversed & ((1u << index_bits) - 1);
                sub_index += sub_count;
                table[index] = IMGZ_INFLATE_SPECIAL | IMGZ_INFLATE_SUBTABLE |
                               sub_index << IMGZ_INFLATE_BASE_SHIFT | index_bits;
            }
            for (uint32_t at = first; at < sub_count; at += 1u << (length - index_bits))
                table[sub_index + at] = entry;
            reversed = imgz_huffman_next(reversed, length);
        }
    }
}

static void fill(const struct source *source, uint32_t *table)
{
    const uint16_t *symbol = source->code->symbols;
    const uint32_t reversed = fill_index(source, table, &symbol);

    fill_subtables(source, table, symbol, reversed);
}

void imgz_inflate_tables_init(struct imgz_inflate_tables *tables)
{
    tables->fixed = false;
    for (uint32_t i = 0; i < IMGZ_INFLATE_LITLEN_COUNT; i++)
        tables->litlen_symbols[i] = litlen_entry(i);
    for (uint32_t i = 0; i < IMGZ_INFLATE_DISTANCE_COUNT; i++)
        tables->distance_symbols[i] = distance_entry(i);
}

int imgz_inflate_tables_set(struct imgz_inflate_tables *tables, const uint8_t *lengths,
                            uint32_t litlen_count, uint32_t distance_count)
{
    struct imgz_huffman code;
    int rc;

    IMGZ_ASSERT(litlen_count > IMGZ_SYMBOL_END_OF_BLOCK &&
                litlen_count <= IMGZ_INFLATE_LITLEN_COUNT);
    IMGZ_ASSERT(distance_count > 0 && distance_count <= IMGZ_INFLATE_DISTANCE_COUNT);
    tables->fixed = false;
    if (lengths[IMGZ_SYMBOL_END_OF_BLOCK] == 0)
        return -EBADMSG;
    rc = imgz_huffman_init(&code, lengths, litlen_count, IMGZ_HUFFMAN_MAY_BE_SINGLE);
    if (rc < 0)
        return rc;
    fill(&(struct source){&code, tables->litlen_symbols, IMGZ_INFLATE_LITLEN_BITS,
                          IMGZ_INFLATE_LENGTH_CODE},
         tables->litlen);
    rc = imgz_huffman_init(&code, lengths + litlen_count, distance_count,
                           IMGZ_HUFFMAN_MAY_BE_SINGLE);
    if (rc < 0)
        return rc;
    fill(&(struct source){&code, tables->distance_symbols, IMGZ_INFLATE_DISTANCE_BITS,
                          IMGZ_INFLATE_DISTANCE_CODE},
         tables->distance);
    return 0;
}

void imgz_inflate_tables_set_fixed(struct imgz_inflate_tables *tables)
{
    static const uint8_t lengths[IMGZ_INFLATE_LITLEN_COUNT + IMGZ_INFLATE_DISTANCE_COUNT] = {
        [0 ... 143] = 8, [144 ... 255] = 9, [256 ... 279] = 7, [280 ... 287] = 8, [288 ... 319] = 5,
    };

    if (tables->fixed)
        return;
    imgz_never_fails(imgz_inflate_tables_set(tables, lengths, IMGZ_INFLATE_LITLEN_COUNT,
                                             IMGZ_INFLATE_DISTANCE_COUNT));
    tables->fixed = true;
}
