/* SPDX-License-Identifier: MIT */
/* The decoder beside zlib's: every variant takes the same segments, gives the same bytes, and stays
 * within its buffers, which end at unmapped pages. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/deflate.h"
#include "codec/huffman.h"
#include "codec/inflate_run.h"
#include "codec/symbols.h"
#include "guard.h"
#include "oracle.h"
#include "sample.h"

#define RAW_BYTES_MAX     ((size_t)200000)
#define SEGMENT_BYTES_MAX ((size_t)400000)

/* ---- Judging ------------------------------------------------------------------------------ */

/* zlib's word on the segment, which each variant must share. Returns whether it is one. */
static bool check_like_zlib(const unsigned char *segment, size_t segment_bytes, size_t raw_bytes)
{
    size_t count;
    const struct imgz_inflate_variant *variants = imgz_inflate_variants(&count);
    unsigned char *copy = imgz_guard_create(segment_bytes);
    unsigned char *wanted = malloc(raw_bytes + 1);
    bool right;

    assert_non_null(wanted);
    memcpy(copy, segment, segment_bytes);
    right = imgz_oracle_inflates(segment, segment_bytes, wanted, raw_bytes);
    for (size_t i = 0; i < count; i++) {
        unsigned char *raw = imgz_guard_create(raw_bytes);
        struct imgz_inflate *inflate;

        if (!variants[i].usable())
            continue;
        assert_int_equal(imgz_inflate_create_variant(&variants[i], &inflate), 0);
        assert_int_equal(imgz_inflate_segment(inflate, copy, segment_bytes, raw, raw_bytes),
                         right ? 0 : -EBADMSG);
        if (right)
            assert_memory_equal(raw, wanted, raw_bytes);
        imgz_inflate_destroy(inflate);
        imgz_guard_destroy(raw, raw_bytes);
    }
    free(wanted);
    imgz_guard_destroy(copy, segment_bytes);
    return right;
}

/* ---- What zlib makes ---------------------------------------------------------------------- */

static size_t zlib_segment(const unsigned char *raw, size_t raw_bytes, int level, int strategy,
                           unsigned char *segment)
{
    z_stream zlib = {
        .next_in = (Bytef *)(uintptr_t)raw,
        .avail_in = (uInt)raw_bytes,
        .next_out = segment,
        .avail_out = (uInt)SEGMENT_BYTES_MAX,
    };

    assert_int_equal(deflateInit2(&zlib, level, Z_DEFLATED, -15, 9, strategy), Z_OK);
    assert_int_equal(deflate(&zlib, Z_FULL_FLUSH), Z_OK);
    assert_int_equal(zlib.avail_in, 0);
    deflateEnd(&zlib);
    return zlib.total_out;
}

static void what_zlib_makes_comes_back(void **state)
{
    static const size_t sizes[] = {1,   2,   3,   31,  32,   33,   319,   320,   321,
                                   639, 640, 641, 900, 1280, 4096, 65536, 100000};
    static const int strategies[] = {Z_DEFAULT_STRATEGY, Z_FILTERED, Z_HUFFMAN_ONLY, Z_RLE,
                                     Z_FIXED};
    unsigned char *raw = malloc(RAW_BYTES_MAX);
    unsigned char *segment = malloc(SEGMENT_BYTES_MAX);

    (void)state;
    for (int kind = 0; kind < IMGZ_SAMPLE_COUNT; kind++) {
        for (size_t i = 0; i < IMGZ_COUNT_OF(sizes); i++) {
            imgz_sample_fill((enum imgz_sample)kind, i + 1, raw, sizes[i]);
            for (size_t j = 0; j < IMGZ_COUNT_OF(strategies); j++) {
                const size_t bytes =
                    zlib_segment(raw, sizes[i], 1 + (int)(i + j) % 9, strategies[j], segment);

                assert_true(check_like_zlib(segment, bytes, sizes[i]));
                assert_false(check_like_zlib(segment, bytes, sizes[i] + 1));
                assert_false(check_like_zlib(segment, bytes - 1, sizes[i]));
                if (sizes[i] > 1)
                    assert_false(check_like_zlib(segment, bytes, sizes[i] - 1));
            }
        }
    }
    free(raw);
    free(segment);
}

static void every_flipped_bit_is_judged_like_zlib(void **state)
{
    static const int strategies[] = {Z_DEFAULT_STRATEGY, Z_FIXED};
    unsigned char raw[3000], segment[4096];
    uint32_t right_count = 0;

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(strategies); i++) {
        size_t bytes;

        imgz_sample_fill(IMGZ_SAMPLE_TEXT, 7, raw, sizeof(raw));
        bytes = zlib_segment(raw, sizeof(raw), 6, strategies[i], segment);
        for (size_t bit = 0; bit < bytes * 8; bit++) {
            segment[bit / 8] ^= (unsigned char)(1u << bit % 8);
            right_count += check_like_zlib(segment, bytes, sizeof(raw));
            segment[bit / 8] ^= (unsigned char)(1u << bit % 8);
        }
    }
    assert_true(right_count > 0); /* a literal that became another */
}

/* ---- What no encoder makes ---------------------------------------------------------------- */

struct writer {
    unsigned char *data;
    size_t bit_count;
};

static void put_bits(struct writer *writer, uint64_t value, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++, writer->bit_count++) {
        unsigned char *at = &writer->data[writer->bit_count / 8];

        assert_in_range(writer->bit_count / 8, 0, SEGMENT_BYTES_MAX - 1);
        if (writer->bit_count % 8 == 0)
            *at = 0;
        *at |= (unsigned char)((value >> i & 1) << writer->bit_count % 8);
    }
}

/* A code of some symbols of an alphabet. */
struct code {
    uint32_t alphabet_count;
    uint32_t used_count;
    uint16_t used[IMGZ_HUFFMAN_SYMBOLS_MAX];
    uint8_t lengths[IMGZ_HUFFMAN_SYMBOLS_MAX];
    uint32_t reversed[IMGZ_HUFFMAN_SYMBOLS_MAX];
};

/* Adds a symbol if it is new. */
static void use(struct code *code, uint32_t symbol)
{
    for (uint32_t i = 0; i < code->used_count; i++) {
        if (code->used[i] == symbol)
            return;
    }
    code->used[code->used_count++] = (uint16_t)symbol;
}

/* A random complete code: leaves of a tree are split until there are enough. Rather the deep ones,
 * so that codes of 15 bits occur. */
static void make_code(struct code *code, uint64_t *seed)
{
    uint8_t depths[IMGZ_HUFFMAN_SYMBOLS_MAX] = {0};
    uint32_t leaf_count = 1;
    struct imgz_huffman huffman;
    const uint16_t *symbol = huffman.symbols;
    uint32_t reversed = 0;

    assert_true(code->used_count >= 2);
    while (leaf_count < code->used_count) {
        uint32_t leaf = (uint32_t)(imgz_sample_random(seed) % leaf_count);
        const uint32_t other = (uint32_t)(imgz_sample_random(seed) % leaf_count);

        if (depths[other] > depths[leaf] && imgz_sample_random(seed) % 3 != 0)
            leaf = other;
        if (depths[leaf] == IMGZ_HUFFMAN_BITS_MAX)
            continue;
        depths[leaf] += 1;
        depths[leaf_count++] = depths[leaf];
    }
    for (uint32_t i = 0; i < code->used_count; i++)
        code->lengths[code->used[i]] = depths[i];
    assert_int_equal(
        imgz_huffman_init(&huffman, code->lengths, code->alphabet_count, IMGZ_HUFFMAN_COMPLETE), 0);
    for (uint32_t length = 1; length <= IMGZ_HUFFMAN_BITS_MAX; length++) {
        for (uint32_t i = 0; i < huffman.counts[length]; i++) {
            code->reversed[*symbol++] = reversed;
            reversed = imgz_huffman_next(reversed, length);
        }
    }
}

static void put_symbol(struct writer *writer, const struct code *code, uint32_t symbol)
{
    assert_true(code->lengths[symbol] > 0);
    put_bits(writer, code->reversed[symbol], code->lengths[symbol]);
}

/* A header whose code of code lengths is 4 bits for each length, and no repeats. */
static void put_header(struct writer *writer, const struct code *litlen,
                       const struct code *distance)
{
    static const uint8_t reversed[16] = {0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15};

    put_bits(writer, 0, 1);
    put_bits(writer, 2, 2);
    put_bits(writer, litlen->alphabet_count - 257, 5);
    put_bits(writer, distance->alphabet_count - 1, 5);
    put_bits(writer, 19 - 4, 4);
    for (uint32_t i = 0; i < 19; i++)
        put_bits(writer, i < 3 ? 0 : 4, 3); /* 16, 17 and 18 come first */
    for (uint32_t i = 0; i < litlen->alphabet_count; i++)
        put_bits(writer, reversed[litlen->lengths[i]], 4);
    for (uint32_t i = 0; i < distance->alphabet_count; i++)
        put_bits(writer, reversed[distance->lengths[i]], 4);
}

/* A match of that length symbol and one of the distances that reach no further than 'out_bytes'.
 * Returns its length; 0: there is none. */
static size_t put_match(struct writer *writer, const struct code *codes, uint32_t symbol,
                        size_t out_bytes, uint64_t *seed)
{
    const struct code *distance = &codes[1];
    const uint32_t match = symbol - IMGZ_SYMBOL_FIRST_LENGTH;
    const uint32_t far = distance->used[imgz_sample_random(seed) % distance->used_count];
    const uint32_t extra_bits = imgz_length_extra_bits[match];
    const uint64_t extra = imgz_sample_random(seed) & ((1u << extra_bits) - 1);
    const uint64_t far_extra =
        imgz_sample_random(seed) & ((1u << imgz_distance_extra_bits[far]) - 1);

    if (imgz_distance_bases[far] + far_extra > out_bytes)
        return 0;
    put_symbol(writer, &codes[0], symbol);
    put_bits(writer, extra, extra_bits);
    put_symbol(writer, distance, far);
    put_bits(writer, far_extra, imgz_distance_extra_bits[far]);
    return imgz_length_bases[match] + extra;
}

/* A block of random symbols; returns how many bytes they make. */
static size_t put_block(struct writer *writer, size_t out_bytes, uint32_t symbol_count,
                        uint64_t *seed)
{
    struct code codes[2] = {{.alphabet_count = 286}, {.alphabet_count = 30}};
    const uint32_t used_count = 3 + (uint32_t)(imgz_sample_random(seed) % 280);
    const size_t begin_bytes = out_bytes;

    use(&codes[0], IMGZ_SYMBOL_END_OF_BLOCK);
    use(&codes[0], (uint32_t)(imgz_sample_random(seed) % 256));
    for (uint32_t i = 0; i < used_count; i++)
        use(&codes[0], (uint32_t)(imgz_sample_random(seed) % 286));
    use(&codes[1], 0);
    use(&codes[1], 1);
    for (uint32_t i = 0; i < used_count / 4; i++)
        use(&codes[1], (uint32_t)(imgz_sample_random(seed) % 30));
    make_code(&codes[0], seed);
    make_code(&codes[1], seed);
    put_header(writer, &codes[0], &codes[1]);
    for (uint32_t i = 0; i < symbol_count && out_bytes < RAW_BYTES_MAX - 300; i++) {
        const uint32_t symbol = codes[0].used[imgz_sample_random(seed) % codes[0].used_count];

        if (symbol < IMGZ_SYMBOL_END_OF_BLOCK) {
            put_symbol(writer, &codes[0], symbol);
            out_bytes += 1;
        } else if (symbol > IMGZ_SYMBOL_END_OF_BLOCK) {
            out_bytes += put_match(writer, codes, symbol, out_bytes, seed);
        }
    }
    put_symbol(writer, &codes[0], IMGZ_SYMBOL_END_OF_BLOCK);
    return out_bytes - begin_bytes;
}

static void put_empty_stored(struct writer *writer)
{
    put_bits(writer, 0, 3);
    put_bits(writer, 0, (uint32_t)(0 - writer->bit_count) % 8);
    put_bits(writer, 0xffff0000, 32);
}

static void random_codes_and_symbols_come_back(void **state)
{
    struct writer writer = {.data = malloc(SEGMENT_BYTES_MAX)};
    uint64_t seed = 20261128;

    (void)state;
    for (int round = 0; round < 300; round++) {
        const uint32_t block_count = 1 + (uint32_t)(imgz_sample_random(&seed) % 4);
        size_t raw_bytes = 0;
        size_t bytes;

        writer.bit_count = 0;
        for (uint32_t i = 0; i < block_count; i++)
            raw_bytes +=
                put_block(&writer, raw_bytes, (uint32_t)(imgz_sample_random(&seed) % 4000), &seed);
        put_empty_stored(&writer);
        bytes = writer.bit_count / 8;
        if (raw_bytes == 0)
            continue;
        assert_true(check_like_zlib(writer.data, bytes, raw_bytes));
        for (int i = 0; i < 20; i++) {
            const uint64_t bit = imgz_sample_random(&seed) % writer.bit_count;

            writer.data[bit / 8] ^= (unsigned char)(1u << bit % 8);
            check_like_zlib(writer.data, bytes, raw_bytes);
            writer.data[bit / 8] ^= (unsigned char)(1u << bit % 8);
        }
    }
    free(writer.data);
}

/* ---- Rules -------------------------------------------------------------------------------- */

/* Segments by hand: bits in the order of the stream, Huffman codes as they are read. Each is judged
 * by zlib, too. The code of code lengths is 1 bit for 18 ('0'), 2 bits for 0 ('10') and 1 ('11').
 */
#define FIXED       "0 10"
#define DYNAMIC     "0 01"
#define CLOSED      "0 00 >00000000 00000000 11111111 11111111" /* '>': up to the next byte */
#define LITERAL_A   "10010001"                                  /* fixed: 'a' */
#define END         "0000000"
#define NINES       "110010000"                                         /* fixed: 144 */
#define STORED_X    "0 00 > 1000000000000000 0111111111111111 00011110" /* 'x' */
#define HCLEN_18    "0111"
#define CODE_18_0_1 "000 000 100 010 000 000 000 000 000 000 000 000 000 000 000 000 000 010"
#define LENGTHS     HCLEN_18 CODE_18_0_1 ZEROS_138 ZEROS_118 /* of 256 literals: none */
#define ZEROS_138   "0 1111111"
#define ZEROS_118   "0 1101011" /* 11 + 107 */

static const struct hand_made {
    const char *what;
    const char *bits;
    size_t raw_bytes;
    bool right;
} hand_made[] = {
    {"a fixed block", FIXED LITERAL_A END CLOSED, 1, true},
    {"a length of 258 by symbol 284", FIXED LITERAL_A "11000100 11111 00000" END CLOSED, 259, true},
    {"length symbol 286", FIXED LITERAL_A "11000110 00000" END CLOSED, 259, false},
    {"length symbol 287", FIXED LITERAL_A "11000111 00000" END CLOSED, 259, false},
    {"distance symbol 30", FIXED LITERAL_A "0000001 11110 0000000000000" END CLOSED, 4, false},
    {"distance symbol 31", FIXED LITERAL_A "0000001 11111 0000000000000" END CLOSED, 4, false},
    {"a match before the start", FIXED LITERAL_A "0000001 00001" END CLOSED, 4, false},
    {"the reserved type", "0 11" CLOSED CLOSED, 1, false},
    {"a final block", "1 10" LITERAL_A END ">", 1, false},
    {"a final block behind",
     FIXED LITERAL_A END CLOSED "1 00 >"
                                "0000000000000000"
                                "1111111111111111",
     1, false},
    {"no end of the last block", FIXED LITERAL_A LITERAL_A LITERAL_A "10010", 3, false},
    {"an end within a byte", FIXED LITERAL_A END ">", 1, false},
    {"an end with the byte", FIXED LITERAL_A NINES NINES NINES NINES NINES NINES END, 7, true},
    {"a stored block longer than the segment",
     FIXED LITERAL_A END "0 00 >"
                         "0100000000000000"
                         "1011111111111111"
                         "00000000",
     3, false},
    {"padding that is not zero",
     FIXED LITERAL_A END "0 00 1>"
                         "0000000000000000"
                         "1111111111111111",
     1, true},
    {"a length, the one distance, the end",
     STORED_X DYNAMIC "10000 00000" LENGTHS "11 11 11  1 0 0" CLOSED, 4, true},
    {"the other bit of the one distance",
     STORED_X DYNAMIC "10000 00000" LENGTHS "11 11 11  1 1 0" CLOSED, 4, false},
    {"a length without a distance code",
     STORED_X DYNAMIC "10000 00000" LENGTHS "11 11 10  1 0 0" CLOSED, 4, false},
    {"no distance code, no match", STORED_X DYNAMIC "00000 00000" LENGTHS "11 10  0" CLOSED, 1,
     true},
    {"no code for the end of the block",
     STORED_X DYNAMIC "10000 00000" LENGTHS "10 11 11  0 0 0" CLOSED, 4, false},
    {"lengths that are over-subscribed",
     STORED_X DYNAMIC "01000 00000" LENGTHS "11 11 11 11  0" CLOSED, 1, false},
    {"287 lengths", STORED_X DYNAMIC "01111 00000" LENGTHS "11 0 1100100 10  0" CLOSED, 1, false},
    {"31 distances", STORED_X DYNAMIC "00000 01111" LENGTHS "11 0 0010100  0" CLOSED, 1, false},
};

static void put_text(struct writer *writer, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '0' || *text == '1')
            put_bits(writer, *text == '1', 1);
        else if (*text == '>')
            put_bits(writer, 0, (uint32_t)(0 - writer->bit_count) % 8);
    }
}

static void hand_made_segments_are_judged_right(void **state)
{
    unsigned char *data = malloc(SEGMENT_BYTES_MAX);

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(hand_made); i++) {
        struct writer writer = {.data = data};

        put_text(&writer, hand_made[i].bits);
        if (check_like_zlib(data, imgz_div_up(writer.bit_count, 8), hand_made[i].raw_bytes) !=
            hand_made[i].right)
            fail_msg("%s", hand_made[i].what);
    }
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_zlib_makes_comes_back),
        cmocka_unit_test(every_flipped_bit_is_judged_like_zlib),
        cmocka_unit_test(random_codes_and_symbols_come_back),
        cmocka_unit_test(hand_made_segments_are_judged_right),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
