/* SPDX-License-Identifier: MIT */
#include "codec/blockheader.h"

#include <string.h>

#include "codec/huffman.h"

#define CODE_LENGTH_COUNT 19u
#define CODE_LENGTH_BITS  7u /* the longest code of a code length */

/* Reads the code lengths of literals, lengths and distances. */
static int read_lengths(struct imgz_bits *bits, const struct imgz_huffman *code,
                        uint32_t length_count, uint8_t *lengths)
{
    static const uint16_t symbols[CODE_LENGTH_COUNT] = {
        0 << 8,  1 << 8,  2 << 8,  3 << 8,  4 << 8,  5 << 8,  6 << 8,  7 << 8,  8 << 8,  9 << 8,
        10 << 8, 11 << 8, 12 << 8, 13 << 8, 14 << 8, 15 << 8, 16 << 8, 17 << 8, 18 << 8,
    };
    static const struct imgz_huffman_entries rule = {.bases = symbols,
                                                     .length_unit = 1,
                                                     .none = UINT16_MAX};
    static const uint8_t repeat_base[3] = {3, 3, 11};
    static const uint8_t repeat_bits[3] = {2, 3, 7};
    uint16_t table[1u << CODE_LENGTH_BITS];
    uint32_t done = 0;

    imgz_huffman_fill(code, &rule, CODE_LENGTH_BITS, table);
    while (done < length_count) {
        uint64_t value = imgz_bits_peek(bits);
        uint32_t entry = table[value & ((1u << CODE_LENGTH_BITS) - 1)];
        uint32_t symbol = entry >> 8;
        uint32_t repeat;

        bits->bit_index += entry & 0xff;
        if (symbol < 16) {
            lengths[done++] = (uint8_t)symbol;
            continue;
        }
        if (symbol == 16 && done == 0)
            return -EBADMSG;
        repeat = repeat_base[symbol - 16] + imgz_bits_take(bits, repeat_bits[symbol - 16]);
        if (repeat > length_count - done)
            return -EBADMSG;
        memset(lengths + done, symbol == 16 ? lengths[done - 1] : 0, repeat);
        done += repeat;
    }
    return imgz_bits_check(bits);
}

int imgz_block_read_lengths(struct imgz_bits *bits, struct imgz_block_lengths *lengths)
{
    static const uint8_t order[CODE_LENGTH_COUNT] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                     11, 4,  12, 3, 13, 2, 14, 1, 15};
    uint8_t code_lengths[CODE_LENGTH_COUNT] = {0};
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
    return read_lengths(bits, &code, lengths->litlen_count + lengths->distance_count,
                        lengths->lengths);
}
