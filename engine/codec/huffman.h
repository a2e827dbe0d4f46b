/* SPDX-License-Identifier: MIT */
/*
 * Canonical Huffman codes, as DEFLATE describes them: by the length of each symbol's code.
 *
 * Place: used by the decoder and by deflate_reopen.c.
 *
 * Threads    any number; no state outside the arguments.
 * Errors     -EBADMSG: the lengths do not make a code.
 */
#ifndef IMGZ_HUFFMAN_H
#define IMGZ_HUFFMAN_H

#include "base/base.h"

#define IMGZ_HUFFMAN_BITS_MAX    15u
#define IMGZ_HUFFMAN_SYMBOLS_MAX 288u

/* A code in canonical order (RFC 1951 section 3.2.2): its symbols by length, then by value. Those
 * without a code come last. */
struct imgz_huffman {
    uint16_t counts[IMGZ_HUFFMAN_BITS_MAX + 1]; /* of symbols by length; none of length 0 */
    uint16_t symbols[IMGZ_HUFFMAN_SYMBOLS_MAX];
};

/* Which codes may leave bit patterns without a symbol. */
enum imgz_huffman_rule {
    IMGZ_HUFFMAN_COMPLETE,
    IMGZ_HUFFMAN_MAY_BE_SINGLE, /* or one symbol of one bit, or none */
};

/* 'lengths' has 'symbol_count' elements; 0: the symbol has no code. 0, or -EBADMSG. */
IMGZ_MUST_CHECK int imgz_huffman_init(struct imgz_huffman *code, const uint8_t *lengths,
                                      uint32_t symbol_count, enum imgz_huffman_rule rule);

/* Finds the symbol whose code 'bits' start with, first bit lowest. 0, or -EBADMSG: no code does. */
IMGZ_MUST_CHECK int imgz_huffman_find(const struct imgz_huffman *code, uint64_t bits,
                                      uint32_t *symbol, uint32_t *code_bits);

/* How a table entry is made: bases[symbol] + (length of its code) * length_unit; but 'none' if that
 * is the base, or if no code of at most index_bits leads there. */
struct imgz_huffman_entries {
    const uint16_t *bases;
    uint16_t length_unit;
    uint16_t none;
};

/* Fills 'table', of 2^index_bits entries: entry i is that of the symbol whose code the bits of i
 * start with, first bit lowest. */
void imgz_huffman_fill(const struct imgz_huffman *code, const struct imgz_huffman_entries *entries,
                       uint32_t index_bits, uint16_t *table);

/*
 * The code after 'reversed', which has 'length' bits, the first one lowest; 0 after the last.
 * Adding one to a number clears the ones at its end and sets the zero before them. Reversed, they
 * are at the top: 0b1101 (1011) is followed by 0b0011 (1100).
 */
static inline uint32_t imgz_huffman_next(uint32_t reversed, uint32_t length)
{
    uint32_t zeros = reversed ^ ((1u << length) - 1);
    uint32_t top;

    if (zeros == 0)
        return 0;
    top = 1u << (31 - __builtin_clz(zeros));
    return (reversed & (top - 1)) | top;
}

#endif /* IMGZ_HUFFMAN_H */
