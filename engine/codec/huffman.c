/* SPDX-License-Identifier: MIT */
#include "codec/huffman.h"

#include <errno.h>
#include <string.h>

/* By turns in two places: neighbours often have the same length, and adding to one place twice in a
 * row waits for the first addition. */
static void count_lengths(struct imgz_huffman *code, const uint8_t *lengths, uint32_t symbol_count)
{
    uint16_t counts[2][IMGZ_HUFFMAN_BITS_MAX + 1] = {0};

    for (uint32_t i = 0; i < symbol_count; i++)
        counts[i % 2][lengths[i]] += 1;
    code->counts[0] = 0;
    for (uint32_t length = 1; length <= IMGZ_HUFFMAN_BITS_MAX; length++)
        code->counts[length] = (uint16_t)(counts[0][length] + counts[1][length]);
}

int imgz_huffman_init(struct imgz_huffman *code, const uint8_t *lengths, uint32_t symbol_count,
                      enum imgz_huffman_rule rule)
{
    uint16_t indexes[IMGZ_HUFFMAN_BITS_MAX + 1];
    uint32_t used_count = 0;
    int32_t free_count = 1; /* of the codes of a length: those that no shorter one has taken */

    IMGZ_ASSERT(symbol_count <= IMGZ_HUFFMAN_SYMBOLS_MAX);
    count_lengths(code, lengths, symbol_count);
    for (uint32_t length = 1; length <= IMGZ_HUFFMAN_BITS_MAX; length++) {
        indexes[length] = (uint16_t)used_count;
        used_count += code->counts[length];
        free_count = 2 * free_count - code->counts[length];
        if (free_count < 0)
            return -EBADMSG;
    }
    if (free_count > 0) {
        bool single = used_count == 0 || (used_count == 1 && code->counts[1] == 1);

        if (rule == IMGZ_HUFFMAN_COMPLETE || !single)
            return -EBADMSG;
    }
    /* Without a branch: symbols that have no code come after the others. */
    indexes[0] = (uint16_t)used_count;
    for (uint32_t i = 0; i < symbol_count; i++)
        code->symbols[indexes[lengths[i]]++] = (uint16_t)i;
    return 0;
}

int imgz_huffman_find(const struct imgz_huffman *code, uint64_t bits, uint32_t *symbol,
                      uint32_t *code_bits)
{
    const uint16_t *symbols = code->symbols; /* those of the current length */
    uint32_t value = 0; /* the bits so far, less the first code of the length */

    for (uint32_t length = 1; length <= IMGZ_HUFFMAN_BITS_MAX; length++) {
        uint32_t count = code->counts[length];

        value = 2 * value + (uint32_t)(bits & 1);
        bits >>= 1;
        if (value < count) {
            *symbol = symbols[value];
            *code_bits = length;
            return 0;
        }
        value -= count;
        symbols += count;
    }
    return -EBADMSG;
}

/*
 * The table for codes of up to n + 1 bits is the one for n bits twice. The codes of n + 1 bits are
 * then put in their places, which had no code yet. The next longer code is the one after the last,
 * with a zero at its end. Reversed, that is the same number, so 'reversed' just goes on.
 */
void imgz_huffman_fill(const struct imgz_huffman *code, const struct imgz_huffman_entries *entries,
                       uint32_t index_bits, uint16_t *table)
{
    const uint16_t *symbol = code->symbols;
    uint32_t reversed = 0;

    table[0] = entries->none;
    for (uint32_t length = 1; length <= index_bits; length++) {
        uint32_t half = 1u << (length - 1);
        uint16_t length_part = (uint16_t)(length * entries->length_unit);

        memcpy(table + half, table, half * sizeof(*table));
        for (uint32_t i = 0; i < code->counts[length]; i++) {
            uint16_t base = entries->bases[*symbol++];

            table[reversed] = base == entries->none ? base : (uint16_t)(base + length_part);
            reversed = imgz_huffman_next(reversed, length);
        }
    }
}
