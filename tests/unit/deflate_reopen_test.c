/* SPDX-License-Identifier: MIT */
#include "codec/deflate_reopen.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libdeflate.h>

#include "guard.h"
#include "oracle.h"
#include "sample.h"

#define LEVEL_MAX 12

/* ---- The oracle - -------------------------------------------------------------------------- */

/* True if libdeflate inflates exactly these bytes to exactly those. */
static bool inflates_to(const unsigned char *stream, size_t stream_bytes, const unsigned char *raw,
                        size_t raw_bytes)
{
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    unsigned char *out = malloc(raw_bytes + 1);
    size_t in_bytes = 0;
    bool same;

    assert_non_null(decompressor);
    assert_non_null(out);
    same = libdeflate_deflate_decompress_ex(decompressor, stream, stream_bytes, out, raw_bytes,
                                            &in_bytes, NULL) == LIBDEFLATE_SUCCESS &&
           in_bytes == stream_bytes && memcmp(out, raw, raw_bytes) == 0;
    free(out);
    libdeflate_free_decompressor(decompressor);
    return same;
}

/* Gives the seam exactly the stream, at the end of a page where the stream is bad and so nothing
 * may be appended, and checks its verdict, and that a refused stream is unchanged. */
static void check_verdict(unsigned char *stream, size_t stream_bytes)
{
    bool valid = imgz_oracle_accepts(stream, stream_bytes);
    size_t room_bytes = stream_bytes + (valid ? IMGZ_DEFLATE_REOPEN_GROWTH_BYTES : 0);
    unsigned char *data = imgz_guard_create(room_bytes);
    size_t segment_bytes = 0;
    int rc;

    memset(data, 0xff, room_bytes);
    memcpy(data, stream, stream_bytes);
    rc = imgz_deflate_reopen(data, stream_bytes, &segment_bytes);
    assert_int_equal(rc, valid ? 0 : -EBADMSG);
    if (!valid)
        assert_memory_equal(data, stream, stream_bytes);
    imgz_guard_destroy(data, room_bytes);
}

/* ---- Streams of libdeflate ---------------------------------------------------------------- */

/* Reopens a copy by means of the raw bytes: the segment must be the same. */
static void check_known(const unsigned char *stream, size_t stream_bytes, const unsigned char *raw,
                        size_t raw_bytes, const unsigned char *segment, size_t segment_bytes)
{
    unsigned char *known = malloc(stream_bytes + IMGZ_DEFLATE_REOPEN_GROWTH_BYTES);
    size_t known_bytes = 0;

    assert_non_null(known);
    memcpy(known, stream, stream_bytes);
    assert_int_equal(imgz_deflate_reopen_known(known, stream_bytes, raw, raw_bytes, &known_bytes),
                     0);
    assert_int_equal(known_bytes, segment_bytes);
    assert_memory_equal(known, segment, segment_bytes);
    free(known);
}

/* Compresses and reopens. The result is for free(), with room for the empty final block. */
static unsigned char *make_segment(int level, const unsigned char *raw, size_t raw_bytes,
                                   size_t *segment_bytes)
{
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(level);
    size_t bound_bytes = libdeflate_deflate_compress_bound(compressor, raw_bytes);
    unsigned char *out = malloc(bound_bytes + IMGZ_DEFLATE_REOPEN_GROWTH_BYTES + 2);
    unsigned char *stream = malloc(bound_bytes);
    size_t stream_bytes;

    assert_non_null(compressor);
    assert_non_null(out);
    assert_non_null(stream);
    stream_bytes = libdeflate_deflate_compress(compressor, raw, raw_bytes, out, bound_bytes);
    assert_true(stream_bytes > 0);
    memcpy(stream, out, stream_bytes);
    memset(out + stream_bytes, 0xff, IMGZ_DEFLATE_REOPEN_GROWTH_BYTES);
    assert_int_equal(imgz_deflate_reopen(out, stream_bytes, segment_bytes), 0);
    check_known(stream, stream_bytes, raw, raw_bytes, out, *segment_bytes);
    free(stream);
    assert_in_range(*segment_bytes, stream_bytes, stream_bytes + IMGZ_DEFLATE_REOPEN_GROWTH_BYTES);
    if (level == 0) /* ends in a stored block, so at a byte: nothing to append */
        assert_int_equal(*segment_bytes, stream_bytes);
    libdeflate_free_compressor(compressor);
    return out;
}

static void append_final(unsigned char *segment, size_t segment_bytes)
{
    segment[segment_bytes] = 0x03;
    segment[segment_bytes + 1] = 0x00;
}

/* The segment and a final block are the data; twice the segment, the data twice. */
static void check_round_trip(int level, const unsigned char *raw, size_t raw_bytes)
{
    size_t segment_bytes = 0;
    unsigned char *segment = make_segment(level, raw, raw_bytes, &segment_bytes);
    unsigned char *two = malloc(2 * segment_bytes + 2);
    unsigned char *two_raw = malloc(2 * raw_bytes + 1);

    assert_non_null(two);
    assert_non_null(two_raw);
    memcpy(two, segment, segment_bytes);
    memcpy(two + segment_bytes, segment, segment_bytes);
    append_final(two, 2 * segment_bytes);
    if (raw_bytes > 0) {
        memcpy(two_raw, raw, raw_bytes);
        memcpy(two_raw + raw_bytes, raw, raw_bytes);
    }
    append_final(segment, segment_bytes);
    assert_true(inflates_to(segment, segment_bytes + 2, two_raw, raw_bytes));
    assert_true(inflates_to(two, 2 * segment_bytes + 2, two_raw, 2 * raw_bytes));
    free(two_raw);
    free(two);
    free(segment);
}

static void all_levels_and_kinds_reopen(void **state)
{
    static const size_t sizes[] = {1000, 4096, 65535, 65536, 300001, 1 << 20};
    unsigned char *raw = malloc(1 << 20);

    (void)state;
    assert_non_null(raw);
    for (int kind = 0; kind < IMGZ_SAMPLE_COUNT; kind++) {
        for (size_t i = 0; i < IMGZ_COUNT_OF(sizes); i++) {
            imgz_sample_fill((enum imgz_sample)kind, sizes[i] + 7, raw, sizes[i]);
            for (int level = 0; level <= LEVEL_MAX; level++)
                check_round_trip(level, raw, sizes[i]);
        }
    }
    free(raw);
}

static void all_small_sizes_reopen(void **state)
{
    static const int levels[] = {0, 1, 6, 12};
    unsigned char raw[600];

    (void)state;
    for (int kind = 0; kind < IMGZ_SAMPLE_COUNT; kind++) {
        for (size_t bytes = 0; bytes <= sizeof(raw); bytes++) {
            imgz_sample_fill((enum imgz_sample)kind, bytes + 1, raw, bytes);
            for (size_t i = 0; i < IMGZ_COUNT_OF(levels); i++)
                check_round_trip(levels[i], raw, bytes);
        }
    }
}

/* ---- Bad streams -------------------------------------------------------------------------- */

static size_t deflate_sample(int level, enum imgz_sample kind, size_t raw_bytes, unsigned char *out,
                             size_t out_bytes)
{
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(level);
    unsigned char *raw = malloc(raw_bytes);
    size_t stream_bytes;

    assert_non_null(compressor);
    assert_non_null(raw);
    imgz_sample_fill(kind, 42, raw, raw_bytes);
    stream_bytes = libdeflate_deflate_compress(compressor, raw, raw_bytes, out, out_bytes);
    assert_true(stream_bytes > 0);
    free(raw);
    libdeflate_free_compressor(compressor);
    return stream_bytes;
}

static void every_truncation_is_refused(void **state)
{
    unsigned char stream[4000];

    (void)state;
    for (int level = 0; level <= LEVEL_MAX; level++) {
        for (int kind = 0; kind < IMGZ_SAMPLE_COUNT; kind++) {
            size_t bytes =
                deflate_sample(level, (enum imgz_sample)kind, 3000, stream, sizeof(stream));

            for (size_t cut = 0; cut < bytes; cut++) {
                size_t segment_bytes = 1;
                unsigned char *data = imgz_guard_create(cut);

                memcpy(data, stream, cut);
                assert_int_equal(imgz_deflate_reopen(data, cut, &segment_bytes), -EBADMSG);
                assert_memory_equal(data, stream, cut);
                assert_int_equal(segment_bytes, 1);
                imgz_guard_destroy(data, cut);
            }
        }
    }
}

static void every_flipped_bit_is_judged_as_zlib_does(void **state)
{
    static const int levels[] = {0, 1, 6, 12};
    unsigned char stream[4000];

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(levels); i++) {
        for (int kind = 0; kind < IMGZ_SAMPLE_COUNT; kind++) {
            size_t bytes =
                deflate_sample(levels[i], (enum imgz_sample)kind, 700, stream, sizeof(stream));

            for (size_t bit = 0; bit < bytes * 8; bit++) {
                stream[bit / 8] ^= (unsigned char)(1u << bit % 8);
                check_verdict(stream, bytes);
                stream[bit / 8] ^= (unsigned char)(1u << bit % 8);
            }
        }
    }
}

static void random_bytes_are_judged_as_zlib_does(void **state)
{
    uint64_t random = 5;
    unsigned char stream[256];

    (void)state;
    for (int round = 0; round < 100000; round++) {
        size_t bytes = 1 + imgz_sample_random(&random) % sizeof(stream);

        imgz_sample_fill(IMGZ_SAMPLE_RANDOM, imgz_sample_random(&random), stream, bytes);
        /* Dynamic blocks are the ones with rules to break. */
        if (round % 4 != 0)
            stream[0] = (unsigned char)((stream[0] & ~7u) | 4u | (stream[0] & 1u));
        check_verdict(stream, bytes);
    }
}

static void bytes_behind_the_end_are_refused(void **state)
{
    unsigned char stream[4000];

    (void)state;
    for (int level = 0; level <= LEVEL_MAX; level++) {
        size_t bytes = deflate_sample(level, IMGZ_SAMPLE_TEXT, 3000, stream, sizeof(stream) - 1);

        stream[bytes] = 0;
        check_verdict(stream, bytes + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_levels_and_kinds_reopen),
        cmocka_unit_test(all_small_sizes_reopen),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(every_flipped_bit_is_judged_as_zlib_does),
        cmocka_unit_test(random_bytes_are_judged_as_zlib_does),
        cmocka_unit_test(bytes_behind_the_end_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
