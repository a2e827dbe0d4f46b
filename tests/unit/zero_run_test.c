/* SPDX-License-Identifier: MIT */
#include "codec/zero_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libdeflate.h>
#include <zlib.h>

#include "base/zero.h"
#include "guard.h"

static const uint64_t long_runs[] = {65536,   65537,         1048576,       1048577,
                                     1 << 24, (1 << 24) + 1, (1 << 26) - 1, 99999999};

/* The segment and an empty final block, through libdeflate: exactly 'raw_bytes' zeros. */
static void check_libdeflate(unsigned char *segment, size_t segment_bytes, uint64_t raw_bytes)
{
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    unsigned char *raw = malloc(raw_bytes);
    size_t in_bytes;
    size_t out_bytes;

    assert_non_null(decompressor);
    assert_non_null(raw);
    segment[segment_bytes] = 0x03;
    segment[segment_bytes + 1] = 0x00;
    assert_int_equal(libdeflate_deflate_decompress_ex(decompressor, segment, segment_bytes + 2, raw,
                                                      raw_bytes, &in_bytes, &out_bytes),
                     LIBDEFLATE_SUCCESS);
    assert_int_equal(in_bytes, segment_bytes + 2);
    assert_int_equal(out_bytes, raw_bytes);
    assert_true(imgz_zero_test(raw, raw_bytes));
    free(raw);
    libdeflate_free_decompressor(decompressor);
}

/* The segment alone, through zlib: all the zeros, all the input, at a byte boundary, not ended. */
static void check_zlib(unsigned char *segment, size_t segment_bytes, uint64_t raw_bytes)
{
    unsigned char *raw = malloc(raw_bytes + 1);
    z_stream stream = {0};

    assert_non_null(raw);
    assert_int_equal(inflateInit2(&stream, -15), Z_OK);
    stream.next_in = segment;
    stream.avail_in = (uInt)segment_bytes;
    stream.next_out = raw;
    stream.avail_out = (uInt)raw_bytes + 1;
    assert_int_equal(inflate(&stream, Z_BLOCK), Z_OK);
    while (stream.avail_in > 0)
        assert_int_equal(inflate(&stream, Z_BLOCK), Z_OK);
    assert_int_equal(stream.total_out, raw_bytes);
    assert_int_equal(stream.data_type & (7 | 64), 0);
    assert_int_equal(inflateEnd(&stream), Z_OK);
    free(raw);
}

static void check_run(uint64_t raw_bytes)
{
    uint64_t segment_bytes = imgz_zero_run_segment_bytes(raw_bytes);
    unsigned char *segment = imgz_guard_create(segment_bytes);
    unsigned char *stream = malloc(segment_bytes + 2);

    assert_non_null(stream);
    memset(segment, 0xa5, segment_bytes);
    imgz_zero_run_make(raw_bytes, segment);
    assert_true(imgz_zero_run_match(raw_bytes, segment, segment_bytes));
    assert_false(imgz_zero_run_match(raw_bytes + 1, segment, segment_bytes));
    assert_false(imgz_zero_run_match(raw_bytes, segment, segment_bytes - 1));
    memcpy(stream, segment, segment_bytes);
    check_libdeflate(stream, segment_bytes, raw_bytes);
    check_zlib(stream, segment_bytes, raw_bytes);
    free(stream);
    imgz_guard_destroy(segment, segment_bytes);
}

static void short_runs_decode(void **state)
{
    (void)state;
    for (uint64_t raw_bytes = 1; raw_bytes <= 5000; raw_bytes++)
        check_run(raw_bytes);
}

static void long_runs_decode(void **state)
{
    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(long_runs); i++)
        check_run(long_runs[i]);
}

static void length_is_near_the_limit(void **state)
{
    (void)state;
    for (uint64_t raw_bytes = 1; raw_bytes < (uint64_t)1 << 31; raw_bytes = raw_bytes * 3 + 1) {
        uint64_t segment_bytes = imgz_zero_run_segment_bytes(raw_bytes);

        assert_true(segment_bytes <= raw_bytes / 1032 + 84);
    }
    /* The longest run a note has fits in a chunk of the default size and a little. */
    assert_true(imgz_zero_run_segment_bytes((uint64_t)1 << 30) < (1u << 20) + 64);
}

static void no_other_bytes_match(void **state)
{
    static const uint64_t runs[] = {1, 2, 258, 259, 260, 1032, 1033, 4096, 65536};

    (void)state;
    for (size_t r = 0; r < IMGZ_COUNT_OF(runs); r++) {
        size_t segment_bytes = imgz_zero_run_segment_bytes(runs[r]);
        unsigned char *segment = imgz_guard_create(segment_bytes);

        imgz_zero_run_make(runs[r], segment);
        for (size_t bit = 0; bit < segment_bytes * 8; bit++) {
            segment[bit / 8] ^= (unsigned char)(1u << bit % 8);
            assert_false(imgz_zero_run_match(runs[r], segment, segment_bytes));
            segment[bit / 8] ^= (unsigned char)(1u << bit % 8);
        }
        assert_true(imgz_zero_run_match(runs[r], segment, segment_bytes));
        imgz_guard_destroy(segment, segment_bytes);
    }
}

/* The bytes are part of the image format: FORMAT.md shows these. */
static void layout_is_frozen(void **state)
{
    unsigned char one[64];
    size_t bytes = imgz_zero_run_segment_bytes(1);
    static const unsigned char expected[] = {
        0xec, 0xc0, 0x81, 0x00, 0x00, 0x00, 0x00, 0x80, 0xa0,
        0xfd, 0xa9, 0x17, 0xa9, 0x06, 0x00, 0x00, 0xff, 0xff,
    };

    (void)state;
    assert_true(bytes <= sizeof(one));
    imgz_zero_run_make(1, one);
    assert_int_equal(bytes, sizeof(expected));
    assert_memory_equal(one, expected, sizeof(expected));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_runs_decode),        cmocka_unit_test(long_runs_decode),
        cmocka_unit_test(length_is_near_the_limit), cmocka_unit_test(no_other_bytes_match),
        cmocka_unit_test(layout_is_frozen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
