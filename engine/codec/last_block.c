/* SPDX-License-Identifier: MIT */
/*
 * A block's header may begin at any bit, and nothing marks it. But hardly anything else looks like
 * a header of dynamic codes: BFINAL and BTYPE are 1, 0, 1; the counts of codes have values that are
 * not allowed; the code of code lengths must be complete; and so must be the codes whose lengths it
 * gives. From the end of the stream backwards every bit is tried. Almost all fail the first of
 * these tests, which is made for 48 bits at once, or the second, a few additions.
 *
 * What passes is a header only if all that follows it, up to the end of the stream, is a block that
 * inflates to the end of the raw bytes: it is inflated and compared. Other bits can pass that only
 * by chance, and the chance is below 2^-100: at least LITERALS_MIN literals, of LITERAL_VALUES_MIN
 * values, must be those of the raw bytes. A block with fewer is left to the walk, which is quick
 * then.
 *
 * So each block is inflated twice: only when its end is found is it known how long it is, and what
 * to compare it with.
 */
#include "codec/last_block.h"

#include <string.h>

#include "codec/block_header.h"
#include "codec/huffman.h"
#include "codec/symbols.h"

/* This share of the stream is searched: two in three last blocks of programs and libraries are
 * found. A search in vain adds a third to half to the time of the walk. */
#define SEARCH_SHARE 12u

#define LITERALS_MIN       64u
#define LITERAL_VALUES_MIN 16u

/* Bits tried at once: with the 13 that are tested of each they are in one load. */
#define STEP_BITS 48u

#define CODE_LENGTH_BITS_MAX 7u

/* ---- Candidates --------------------------------------------------------------------------- */

/* A bit for each bit of 'bits' that BFINAL may be: 1, then BTYPE 0, 1; HLIT (5 bits) and HDIST (5
 * bits) are at most 29, which 0b1111x is not. */
static uint64_t find_headers(uint64_t bits)
{
    const uint64_t hlit = bits >> 4 & bits >> 5 & bits >> 6 & bits >> 7;
    const uint64_t hdist = bits >> 9 & bits >> 10 & bits >> 11 & bits >> 12;

    return bits & ~(bits >> 1) & bits >> 2 & ~hlit & ~hdist & (((uint64_t)1 << STEP_BITS) - 1);
}

/* What three code lengths of 3 bits each take of the code space, in 128ths. */
struct shares {
    uint16_t of_three[512];
};

static void init_shares(struct shares *shares)
{
    static const uint8_t of_one[8] = {0, 64, 32, 16, 8, 4, 2, 1};

    for (uint32_t i = 0; i < 512; i++)
        shares->of_three[i] = (uint16_t)(of_one[i & 7] + of_one[i >> 3 & 7] + of_one[i >> 6]);
}

/* True if the code of code lengths is complete. Lengths that are not given are zeros, and take no
 * share: all the additions are made, without a branch. */
static bool has_complete_code(const struct shares *shares, struct imgz_bits bits)
{
    const uint16_t *of_three = shares->of_three;
    uint32_t length_bits;
    uint64_t lengths;

    bits.bit_index += IMGZ_BLOCK_HEADER_BITS + 5 + 5;
    length_bits = 3 * (4 + imgz_bits_take(&bits, 4));
    lengths = imgz_bits_peek(&bits) & (((uint64_t)1 << length_bits) - 1);
    return of_three[lengths & 511] + of_three[lengths >> 9 & 511] + of_three[lengths >> 18 & 511] +
               of_three[lengths >> 27 & 511] + of_three[lengths >> 36 & 511] +
               of_three[lengths >> 45 & 511] + of_three[lengths >> 54 & 511] ==
           1 << CODE_LENGTH_BITS_MAX;
}

/* ---- Inflating ---------------------------------------------------------------------------- */

#define INDEX_BITS  10u
#define INDEX_COUNT (1u << INDEX_BITS)
#define NO_ENTRY    UINT16_MAX /* the code is longer */

/* An entry is the symbol, and below it in 4 bits the length of its code. */
struct decoder {
    struct imgz_huffman code;
    uint16_t table[INDEX_COUNT];
};

static bool init_decoder(struct decoder *decoder, const uint8_t *lengths, uint32_t count,
                         enum imgz_huffman_rule rule)
{
    uint16_t symbols[IMGZ_SKIP_TABLE_LITLEN_COUNT];
    const struct imgz_huffman_entries entries = {.bases = symbols,
                                                 .length_unit = 1,
                                                 .none = NO_ENTRY};

    if (imgz_huffman_init(&decoder->code, lengths, count, rule) < 0)
        return false;
    for (uint32_t i = 0; i < count; i++)
        symbols[i] = (uint16_t)(i << 4);
    imgz_huffman_fill(&decoder->code, &entries, INDEX_BITS, decoder->table);
    return true;
}

/* The next symbol, whose code is taken from 'bits'; UINT32_MAX: none. */
static uint32_t take_symbol(const struct decoder *decoder, uint64_t *bits, uint32_t *taken_bits)
{
    const uint32_t entry = decoder->table[*bits & (INDEX_COUNT - 1)];
    uint32_t symbol = entry >> 4;
    uint32_t code_bits = entry & 15;

    if (entry == NO_ENTRY && imgz_huffman_find(&decoder->code, *bits, &symbol, &code_bits) < 0)
        return UINT32_MAX;
    *bits >>= code_bits;
    *taken_bits += code_bits;
    return symbol;
}

struct inflation {
    struct imgz_bits bits;
    struct decoder litlen;
    struct decoder distance;

    /* Where the block's bytes are; NULL: they are only counted. */
    const unsigned char *raw;
    uint64_t raw_index; /* of the next byte: in 'raw', or in the block */

    uint32_t literal_count;
    uint64_t literal_values[4]; /* a bit for each */
};

static bool take_literal(struct inflation *inflation, uint32_t value)
{
    const uint64_t at = inflation->raw_index;

    inflation->raw_index += 1;
    inflation->literal_count += 1;
    inflation->literal_values[value / 64] |= (uint64_t)1 << value % 64;
    return inflation->raw == NULL || inflation->raw[at] == value;
}

/* A match; its distance follows in 'bits', after the length's extra bits. */
static bool take_match(struct inflation *inflation, uint32_t symbol, uint64_t bits,
                       uint32_t taken_bits)
{
    const uint64_t at = inflation->raw_index;
    uint64_t length;
    uint64_t distance;
    uint32_t extra_bits;

    if (symbol - IMGZ_SYMBOL_FIRST_LENGTH >= IMGZ_COUNT_OF(imgz_length_bases))
        return false;
    extra_bits = imgz_length_extra_bits[symbol - IMGZ_SYMBOL_FIRST_LENGTH];
    length =
        imgz_length_bases[symbol - IMGZ_SYMBOL_FIRST_LENGTH] + (bits & ((1u << extra_bits) - 1));
    bits >>= extra_bits;
    taken_bits += extra_bits;
    symbol = take_symbol(&inflation->distance, &bits, &taken_bits);
    if (symbol >= IMGZ_COUNT_OF(imgz_distance_bases))
        return false;
    extra_bits = imgz_distance_extra_bits[symbol];
    distance = imgz_distance_bases[symbol] + (bits & ((1u << extra_bits) - 1));
    inflation->bits.bit_index += taken_bits + extra_bits;
    inflation->raw_index += length;
    if (inflation->raw == NULL)
        return true;
    return distance <= at &&
           memcmp(inflation->raw + at, inflation->raw + at - distance, length) == 0;
}

/* To the end of the block, which must be that of the stream. 'raw_end': there is no more raw data.
 * The longest symbol takes 15 + 5 + 15 + 13 bits, a load has 57. */
static bool inflate_block(struct inflation *inflation, uint64_t raw_end)
{
    while (inflation->raw_index <= raw_end && imgz_bits_check(&inflation->bits) == 0) {
        uint64_t bits = imgz_bits_peek(&inflation->bits);
        uint32_t taken_bits = 0;
        const uint32_t symbol = take_symbol(&inflation->litlen, &bits, &taken_bits);

        if (symbol == IMGZ_SYMBOL_END_OF_BLOCK) {
            inflation->bits.bit_index += taken_bits;
            return imgz_div_up(inflation->bits.bit_index, 8) == inflation->bits.stream_bytes;
        }
        if (symbol < IMGZ_SYMBOL_END_OF_BLOCK) {
            inflation->bits.bit_index += taken_bits;
            if (inflation->raw != NULL && inflation->raw_index == raw_end)
                return false;
            if (!take_literal(inflation, symbol))
                return false;
        } else if (symbol == UINT32_MAX || !take_match(inflation, symbol, bits, taken_bits)) {
            return false;
        }
    }
    return false;
}

static uint32_t count_values(const struct inflation *inflation)
{
    uint32_t count = 0;

    for (size_t i = 0; i < IMGZ_COUNT_OF(inflation->literal_values); i++)
        count += (uint32_t)__builtin_popcountll(inflation->literal_values[i]);
    return count;
}

/* True if what follows a header with these lengths, up to the end of the stream, is a block of the
 * last raw bytes: '*end_bit_index' is where it ends. */
static bool ends_raw(const struct imgz_last_block_stream *stream, const struct imgz_bits *body,
                     const struct imgz_block_lengths *lengths, uint64_t *end_bit_index)
{
    struct inflation inflation = {.bits = *body};

    if (!init_decoder(&inflation.litlen, lengths->lengths, lengths->litlen_count,
                      IMGZ_HUFFMAN_COMPLETE) ||
        !init_decoder(&inflation.distance, lengths->lengths + lengths->litlen_count,
                      lengths->distance_count, IMGZ_HUFFMAN_MAY_BE_SINGLE))
        return false;
    if (!inflate_block(&inflation, stream->raw_bytes) || inflation.raw_index > stream->raw_bytes ||
        inflation.literal_count < LITERALS_MIN || count_values(&inflation) < LITERAL_VALUES_MIN)
        return false;
    inflation.bits = *body;
    inflation.raw = stream->raw;
    inflation.raw_index = stream->raw_bytes - inflation.raw_index;
    if (!inflate_block(&inflation, stream->raw_bytes) || inflation.raw_index != stream->raw_bytes)
        return false;
    *end_bit_index = inflation.bits.bit_index;
    return true;
}

/* True if there is a header at the bit, and all that follows is the last block. Most candidates
 * fail at their lengths: no larger memory is touched before that. */
static bool is_last_block(const struct imgz_last_block_stream *stream, uint64_t header_bit_index,
                          struct imgz_last_block *last)
{
    struct imgz_bits bits = {stream->data, stream->stream_bytes,
                             header_bit_index + IMGZ_BLOCK_HEADER_BITS};
    struct imgz_block_lengths lengths;

    if (imgz_block_read_lengths(&bits, &lengths) < 0 ||
        lengths.lengths[IMGZ_SYMBOL_END_OF_BLOCK] == 0)
        return false;
    last->header_bit_index = header_bit_index;
    return ends_raw(stream, &bits, &lengths, &last->end_bit_index);
}

/* ---- The search --------------------------------------------------------------------------- */

bool imgz_last_block_find(const struct imgz_last_block_stream *stream, struct imgz_last_block *last)
{
    const size_t first_byte = stream->stream_bytes - stream->stream_bytes / SEARCH_SHARE;
    struct shares shares;
    size_t at = stream->stream_bytes;

    init_shares(&shares);
    while (at > first_byte) {
        const size_t from = imgz_max(first_byte, at - imgz_min(at, STEP_BITS / 8));
        struct imgz_bits bits = {stream->data, stream->stream_bytes, 8 * (uint64_t)from};
        uint64_t headers = find_headers(imgz_bits_peek(&bits));

        if (at - from < STEP_BITS / 8)
            headers &= ((uint64_t)1 << 8 * (at - from)) - 1;
        while (headers != 0) {
            const uint32_t bit = 63 - (uint32_t)__builtin_clzll(headers);

            bits.bit_index = 8 * (uint64_t)from + bit;
            if (has_complete_code(&shares, bits) && is_last_block(stream, bits.bit_index, last))
                return true;
            headers &= ~((uint64_t)1 << bit);
        }
        at = from;
    }
    return false;
}
