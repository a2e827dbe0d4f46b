/* SPDX-License-Identifier: MIT */
/* The seam's rules one by one, on streams written bit by bit. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <libdeflate.h>

#include "codec/deflate_reopen.h"
#include "oracle.h"

struct bits {
    unsigned char bytes[600];
    size_t bit_count;
};

/* Writes '0' and '1' in the order given; other characters are for the reader. */
static void put(struct bits *bits, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text != '0' && *text != '1')
            continue;
        if (*text == '1')
            bits->bytes[bits->bit_count / 8] |= (unsigned char)(1u << bits->bit_count % 8);
        bits->bit_count += 1;
    }
}

struct hand_made {
    const char *what;
    const char *bits;
    int rc;
};

/* Header fields are least significant bit first, Huffman codes most significant first. The code
 * length code, where it says so, is 1 bit for 18 ('0'), 2 bits for 0 ('10') and 1 ('11'). */
#define FINAL       "1"
#define STORED      "00"
#define FIXED       "10"
#define DYNAMIC     "01"
#define HCLEN_18    "0111"
#define CODE_18_0_1 "000 000 100 010 000 000 000 000 000 000 000 000 000 000 000 000 000 010"
#define ZEROS_138   "0 1111111"
#define ZEROS_118   "0 1101011" /* 11 + 107 */

static const struct hand_made hand_made[] = {
    {"an empty fixed block", FINAL FIXED "0000000", 0},
    {"a fixed block's symbol 286", FINAL FIXED "11000110 00000 0000000", -EBADMSG},
    {"a fixed block's symbol 287", FINAL FIXED "11000111 00000 0000000", -EBADMSG},
    {"a fixed block's distance 29", FINAL FIXED "0000001 11101 0000000000000 0000000", 0},
    {"a fixed block's distance 30", FINAL FIXED "0000001 11110 0000000000000 0000000", -EBADMSG},
    {"a fixed block's distance 31", FINAL FIXED "0000001 11111 0000000000000 0000000", -EBADMSG},
    {"the reserved block type", FINAL "11 0000000000000", -EBADMSG},
    {"an empty stored block", FINAL STORED "00000 0000000000000000 1111111111111111", 0},
    {"padding that is not zero", FINAL STORED "10101 0000000000000000 1111111111111111", 0},
    {"NLEN that is not ~LEN", FINAL STORED "00000 0000000000000000 1111111111111110", -EBADMSG},
    {"a stored block cut short", FINAL STORED "00000 1000000000000000 0111111111111111", -EBADMSG},
    {"no final block", "0" FIXED "0000000", -EBADMSG},
    {"two blocks", "0" FIXED "0000000" FINAL FIXED "0000000", 0},
    {"end of block alone, of one bit; no distance",
     FINAL DYNAMIC "00000 00000" HCLEN_18 CODE_18_0_1 ZEROS_138 ZEROS_118 "11 10  0", 0},
    {"its other bit",
     FINAL DYNAMIC "00000 00000" HCLEN_18 CODE_18_0_1 ZEROS_138 ZEROS_118 "11 10  1 0000000",
     -EBADMSG},
    {"end of block and one distance, each of one bit",
     FINAL DYNAMIC "00000 00000" HCLEN_18 CODE_18_0_1 ZEROS_138 ZEROS_118 "11 11  0", 0},
    {"a length, the one distance, the end",
     FINAL DYNAMIC "10000 00000" HCLEN_18 CODE_18_0_1 ZEROS_138 ZEROS_118 "11 11 11  1 0 0", 0},
    {"a length, the one distance's other bit",
     FINAL DYNAMIC "10000 00000" HCLEN_18 CODE_18_0_1 ZEROS_138 ZEROS_118 "11 11 11  1 1 0",
     -EBADMSG},
    {"a length without a distance code",
     FINAL DYNAMIC "10000 00000" HCLEN_18 CODE_18_0_1 ZEROS_138 ZEROS_118 "11 11 10  1 0 0",
     -EBADMSG},
    {"no code for end of block",
     FINAL DYNAMIC "10000 00000" HCLEN_18 CODE_18_0_1 ZEROS_138 ZEROS_118 "10 11 11  0 0 0",
     -EBADMSG},
    {"lengths that are over-subscribed",
     FINAL DYNAMIC "01000 00000" HCLEN_18 CODE_18_0_1 ZEROS_138 ZEROS_118 "11 11 11 11  0",
     -EBADMSG},
    {"distances that are over-subscribed",
     FINAL DYNAMIC "00000 01000" HCLEN_18 CODE_18_0_1 ZEROS_138 ZEROS_118 "11 11 11 11  0",
     -EBADMSG},
    {"a repeat beyond the last length",
     FINAL DYNAMIC "00000 00000" HCLEN_18 CODE_18_0_1 ZEROS_138 ZEROS_138 "11 11 0", -EBADMSG},
    {"286 lengths",
     FINAL DYNAMIC "10111 00000" HCLEN_18 CODE_18_0_1 ZEROS_138 ZEROS_118 "11"
                   "0 0100100"
                   "10 0",
     0},
    {"287 lengths",
     FINAL DYNAMIC "01111 00000" HCLEN_18 CODE_18_0_1 ZEROS_138 ZEROS_118 "11"
                   "0 1100100"
                   "10 0",
     -EBADMSG},
    {"30 distances",
     FINAL DYNAMIC "00000 10111" HCLEN_18 CODE_18_0_1 ZEROS_138 ZEROS_118 "11"
                   "0 1100100"
                   "0",
     0},
    {"31 distances",
     FINAL DYNAMIC "00000 01111" HCLEN_18 CODE_18_0_1 ZEROS_138 ZEROS_118 "11"
                   "0 0010100"
                   "0",
     -EBADMSG},
    {"a code length code that is incomplete",
     FINAL DYNAMIC "00000 00000 0000 000 000 100 000 0000000000000000", -EBADMSG},
    {"a code length code without a code",
     FINAL DYNAMIC "00000 00000 0000 000 000 000 000 0000000000000000", -EBADMSG},
    {"a repeat of nothing", FINAL DYNAMIC "00000 00000 0000 100 000 100 000 0 00 0000000000000000",
     -EBADMSG},
};

static void hand_made_streams_are_judged_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(hand_made); i++) {
        struct bits bits = {0};
        size_t bytes;
        size_t segment_bytes;
        int rc;

        put(&bits, hand_made[i].bits);
        bytes = (bits.bit_count + 7) / 8;
        assert_int_equal(imgz_oracle_accepts(bits.bytes, bytes), hand_made[i].rc == 0);
        rc = imgz_deflate_reopen(bits.bytes, bytes, &segment_bytes);
        if (rc != hand_made[i].rc)
            print_message("%s: %d\n", hand_made[i].what, rc);
        assert_int_equal(rc, hand_made[i].rc);
    }
}

/* The end of the final block at each of the 8 places in a byte: the header of the empty stored
 * block has room there, or takes one more byte. The bits behind the end are first made ones. */
static void every_bit_offset_is_closed(void **state)
{
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();

    (void)state;
    assert_non_null(decompressor);
    for (size_t literals = 0; literals < 8; literals++) {
        struct bits bits = {0};
        unsigned char raw[8] = {144, 144, 144, 144, 144, 144, 144, 144};
        unsigned char out[8] = {0};
        size_t segment_bytes;
        size_t end;

        put(&bits, FINAL FIXED);
        for (size_t i = 0; i < literals; i++)
            put(&bits, "110010000");
        put(&bits, "0000000");
        end = bits.bit_count;
        while (bits.bit_count % 8 != 0)
            put(&bits, "1");
        assert_int_equal(imgz_deflate_reopen(bits.bytes, bits.bit_count / 8, &segment_bytes), 0);
        assert_int_equal(segment_bytes, (end + 3 + 7) / 8 + 4);
        assert_int_equal(bits.bytes[0] & 1, 0);
        bits.bytes[segment_bytes] = 0x03;
        bits.bytes[segment_bytes + 1] = 0x00;
        assert_int_equal(libdeflate_deflate_decompress(decompressor, bits.bytes, segment_bytes + 2,
                                                       out, literals, NULL),
                         LIBDEFLATE_SUCCESS);
        assert_memory_equal(out, raw, literals);
        for (size_t bit = end; bit < (segment_bytes - 4) * 8; bit++)
            assert_int_equal(bits.bytes[bit / 8] >> bit % 8 & 1, 0);
    }
    libdeflate_free_decompressor(decompressor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hand_made_streams_are_judged_right),
        cmocka_unit_test(every_bit_offset_is_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
