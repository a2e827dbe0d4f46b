/* SPDX-License-Identifier: MIT */
#include "codec/block_header.h"

#include <string.h>

#include "codec/huffman.h"

#define CODE_LENGTH_COUNT 19u
#define CODE_LENGTH_BITS  7u /* the longest code of a code length */
#define CODES_PER_PEEK    4u /* of 57 bits each takes 7 + 7 at most */

/* The code lengths of literals, lengths and distances as they come. */
struct filling {
    uint8_t *lengths;
    uint32_t length_count;
    uint32_t done;
};

/* Adds what 'symbol' says, whose code is the first 'code_bits' of 'bits'. Returns how many bits it
 * takes; 0: it is not allowed here. */
static uint32_t add_lengths(struct filling *filling, uint32_t symbol, uint32_t code_bits,
                            uint64_t bits)
{
    static const uint8_t repeat_base[3] = {3, 3, 11};
    static const uint8_t repeat_bits[3] = {2, 3, 7};
    uint32_t extra_bits;
    uint32_t repeat;

    if (symbol < 16) {
        filling->lengths[filling->done++] = (uint8_t)symbol;
        return code_bits;
    }
    extra_bits = repeat_bits[symbol - 16];
    repeat = repeat_base[symbol - 16] + ((uint32_t)(bits >> code_bits) & ((1u << extra_bits) - 1));
    if (repeat > filling->length_count - filling->done || (symbol == 16 && filling->done == 0))
        return 0;
    memset(filling->lengths + filling->done, symbol == 16 ? filling->lengths[filling->done - 1] : 0,
           repeat);
    filling->done += repeat;
    return code_bits + extra_bits;
}

static int read_lengths(struct imgz_bits *bits, const struct imgz_huffman *code,
                        struct filling *filling)
{
    static const uint16_t symbols[CODE_LENGTH_COUNT] = {
        0 << 8,  1 << 8,  2 << 8,  3 << 8,  4 << 8,  5 << 8,  6 << 8,  7 << 8,  8 << 8,  9 << 8,
        10 << 8, 11 << 8, 12 << 8, 13 << 8, 14 << 8, 15 << 8, 16 << 8, 17 << 8, 18 << 8,
    };
    static const struct imgz_huffman_entries rule = {.bases = symbols,
                                                     .length_unit = 1,
                                                     .none = UINT16_MAX};
    uint16_t table[1u << CODE_LENGTH_BITS];

    imgz_huffman_fill(code, &rule, CODE_LENGTH_BITS, table);
    while (filling->done < filling->length_count) {
        uint64_t next = imgz_bits_peek(bits);

        for (uint32_t i = 0; i < CODES_PER_PEEK && filling->done < filling->length_count; i++) {
            const uint32_t entry = table[next & ((1u << CODE_LENGTH_BITS) - 1)];
            const uint32_t taken_bits = add_lengths(filling, entry >> 8, entry & 0xff, next);

            if (taken_bits == 0)
                return -EBADMSG;
            next >>= taken_bits;
            bits->bit_index += taken_bits;
        }
    }
    return imgz_bits_check(bits);
}

int imgz_block_read_lengths(struct imgz_bits *bits, struct imgz_block_lengths *lengths)
{
    static const uint8_t order[CODE_LENGTH_COUNT] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                     11, 4,  12, 3, 13, 2, 14, 1, 15};
    uint8_t code_lengths[CODE_LENGTH_COUNT] = {0};
    struct filling filling = {.lengths = lengths->lengths};
    uint32_t code_length_count;
    struct imgz_huffman code;
    int rc;

    lengths->litlen_count = 257 + imgz_bits_take(bits, 5);
    lengths->distance_count = 1 + imgz_bits_take(bits, 5);
    code_length_count = 4 + imgz_bits_take(bits, 4);
    if (lengths->litlen_count > 286 || lengths->distance_count > 30)
        return -EBADMSG;
    for (uint32_t i = 0; i < code_length_count; i++)
        code_lengths[order[i]] = (uint8_t)imgz_bits_take(bits, 3);
    rc = imgz_huffman_init(&code, code_lengths, CODE_LENGTH_COUNT, IMGZ_HUFFMAN_COMPLETE);
    if (rc < 0)
        return rc;
    filling.length_count = lengths->litlen_count + lengths->distance_count;
    return read_lengths(bits, &code, &filling);
}
