/* SPDX-License-Identifier: MIT */
#include "format/carrier.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guard.h"
#include "hex.h"
#include "oracle.h"
#include "sample.h"

#define DATA_BYTES_MAX 60u

static void lengths_are_rounded_up(void **state)
{
    static const struct {
        uint64_t bytes;
        uint64_t carrier_bytes;
    } cases[] = {{0, 0}, {1, 10}, {2, 20}, {3, 25}, {4, 35}, {5, 40}, {6, 50}, {50, 400}};

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++)
        assert_int_equal(imgz_carrier_bytes(cases[i].bytes), cases[i].carrier_bytes);
    assert_int_equal(imgz_carrier_bytes(UINT32_MAX), (uint64_t)34359738360u);
}

static void pinned_bytes(void **state)
{
    unsigned char expected[64];
    unsigned char out[64];

    (void)state;
    imgz_carrier_encode((const unsigned char *)"\xff", 1, out);
    assert_int_equal(imgz_hex_decode("f8 0000ffff 38 0000ffff", expected), 10);
    assert_memory_equal(out, expected, 10);
    imgz_carrier_encode((const unsigned char *)"\x01\x02\x03\x04\x05", 5, out);
    assert_int_equal(imgz_hex_decode("08 0000ffff 80 0000ffff 00 0000ffff 30 0000ffff"
                                     "00 0000ffff 10 0000ffff a0 0000ffff 00 0000ffff",
                                     expected),
                     40);
    assert_memory_equal(out, expected, 40);
}

static void agrees_with_the_naive_model_both_ways(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes <= DATA_BYTES_MAX; bytes++) {
        unsigned char *data = imgz_guard_create(bytes);
        unsigned char *back = imgz_guard_create(bytes);
        unsigned char *out = imgz_guard_create((size_t)imgz_carrier_bytes(bytes));
        unsigned char expected[DATA_BYTES_MAX * 8 + 40];

        imgz_sample_fill(IMGZ_SAMPLE_RANDOM, bytes + 1, data, bytes);
        assert_int_equal(imgz_hex_carry(data, bytes, expected), imgz_carrier_bytes(bytes));
        imgz_carrier_encode(data, bytes, out);
        assert_memory_equal(out, expected, (size_t)imgz_carrier_bytes(bytes));
        assert_int_equal(imgz_carrier_decode(out, bytes, back), 0);
        assert_memory_equal(back, data, bytes);
        imgz_guard_destroy(data, bytes);
        imgz_guard_destroy(back, bytes);
        imgz_guard_destroy(out, (size_t)imgz_carrier_bytes(bytes));
    }
}

/* Every bit matters: flipped, it is refused, or it is a bit of payload and changes that. */
static void no_bit_is_ignored(void **state)
{
    static const size_t lengths[] = {1, 2, 4, 5, 7, 50};

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(lengths); i++) {
        const size_t bytes = lengths[i];
        unsigned char data[DATA_BYTES_MAX];
        unsigned char back[DATA_BYTES_MAX];
        unsigned char out[DATA_BYTES_MAX * 8];

        imgz_sample_fill(IMGZ_SAMPLE_RANDOM, 99, data, bytes);
        imgz_carrier_encode(data, bytes, out);
        for (size_t bit = 0; bit < imgz_carrier_bytes(bytes) * 8; bit++) {
            const bool payload = bit / 8 % 5 == 0 && bit % 8 >= 3;
            int rc;

            out[bit / 8] ^= (unsigned char)(1u << bit % 8);
            rc = imgz_carrier_decode(out, bytes, back);
            assert_true(rc == 0 || rc == -EBADMSG);
            if (!payload)
                assert_int_equal(rc, -EBADMSG);
            if (rc == 0)
                assert_memory_not_equal(back, data, bytes);
            out[bit / 8] ^= (unsigned char)(1u << bit % 8);
        }
    }
}

/* The point of it all: a decoder that knows nothing of carriers finds no output in one. */
static void inflates_to_nothing(void **state)
{
    unsigned char stream[DATA_BYTES_MAX * 8 + 2];
    unsigned char data[DATA_BYTES_MAX];

    (void)state;
    imgz_sample_fill(IMGZ_SAMPLE_RANDOM, 5, data, sizeof(data));
    imgz_carrier_encode(data, sizeof(data), stream);
    stream[sizeof(stream) - 2] = 0x03;
    stream[sizeof(stream) - 1] = 0x00;
    assert_true(imgz_oracle_inflates_to_nothing(stream, sizeof(stream), -15));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_are_rounded_up),
        cmocka_unit_test(pinned_bytes),
        cmocka_unit_test(agrees_with_the_naive_model_both_ways),
        cmocka_unit_test(no_bit_is_ignored),
        cmocka_unit_test(inflates_to_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
