/* SPDX-License-Identifier: MIT */
#include "job/measure/synthetic.h"

#include <imgz/imgz.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/zero.h"
#include "checksum/checksum.h"
#include "codec/deflate.h"
#include "codec/incompressible.h"

#define PIECE IMGZ_SYNTHETIC_PIECE_BYTES

static unsigned char piece[PIECE];
static unsigned char again[PIECE];

static void every_piece_depends_on_its_index_alone(void **state)
{
    struct imgz_hash before = {0};

    (void)state;
    for (uint64_t i = 0; i < 2 * IMGZ_SYNTHETIC_CYCLE_PIECES; i++) {
        struct imgz_hash hash;

        memset(piece, 0x11, PIECE);
        memset(again, 0xee, PIECE);
        imgz_synthetic_fill(i, piece);
        imgz_synthetic_fill(i + 1, again);
        imgz_synthetic_fill(i, again);
        assert_memory_equal(piece, again, PIECE);
        hash = imgz_xxh3_128(piece, PIECE);
        if (imgz_synthetic_kind_at(i) != IMGZ_SYNTHETIC_ZERO)
            assert_false(imgz_hash_equal(&hash, &before));
        before = hash;
    }
}

/* Two runs of the program, and two machines, measure on the same bytes. */
static void the_mix_is_always_the_same(void **state)
{
    char text[IMGZ_HASH_TEXT_BYTES];
    unsigned char hashes[IMGZ_SYNTHETIC_CYCLE_PIECES * IMGZ_HASH_BYTES];
    struct imgz_hash hash;

    (void)state;
    for (uint64_t i = 0; i < IMGZ_SYNTHETIC_CYCLE_PIECES; i++) {
        imgz_synthetic_fill(i, piece);
        hash = imgz_xxh3_128(piece, PIECE);
        memcpy(hashes + i * IMGZ_HASH_BYTES, hash.bytes, IMGZ_HASH_BYTES);
    }
    hash = imgz_xxh3_128(hashes, sizeof(hashes));
    imgz_hash_format(&hash, text);
    assert_string_equal(text, "679cf19f3e368fcbc0e78ddbb130dca6");
}

static void shares_are_those_of_the_header(void **state)
{
    static const unsigned right[IMGZ_SYNTHETIC_KIND_COUNT] = {
        [IMGZ_SYNTHETIC_ZERO] = 64, [IMGZ_SYNTHETIC_RANDOM] = 48,  [IMGZ_SYNTHETIC_CODE] = 54,
        [IMGZ_SYNTHETIC_TEXT] = 36, [IMGZ_SYNTHETIC_RECORDS] = 36, [IMGZ_SYNTHETIC_BITMAP] = 18,
    };

    (void)state;
    for (uint64_t cycle = 0; cycle < 20; cycle++) {
        unsigned counts[IMGZ_SYNTHETIC_KIND_COUNT] = {0};

        for (uint64_t i = 0; i < IMGZ_SYNTHETIC_CYCLE_PIECES; i++)
            counts[imgz_synthetic_kind_at(cycle * IMGZ_SYNTHETIC_CYCLE_PIECES + i)] += 1;
        assert_memory_equal(counts, right, sizeof(right));
    }
}

/* Zeros and random bytes fill whole chunks of 1 MiB, so that the short ways around the compressor
 * are taken. */
static void long_runs_fill_chunks(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 4 * IMGZ_SYNTHETIC_CYCLE_PIECES; i++) {
        const enum imgz_synthetic_kind first = imgz_synthetic_kind_at(i - i % 16);

        if (first == IMGZ_SYNTHETIC_ZERO || first == IMGZ_SYNTHETIC_RANDOM)
            assert_int_equal(imgz_synthetic_kind_at(i), first);
    }
}

/* Bytes that a level makes of each kind, in thousandths of the raw bytes. */
static void compress_cycle(int level, unsigned permille[IMGZ_SYNTHETIC_KIND_COUNT], unsigned *all)
{
    uint64_t out_bytes[IMGZ_SYNTHETIC_KIND_COUNT] = {0};
    uint64_t raw_bytes[IMGZ_SYNTHETIC_KIND_COUNT] = {0};
    unsigned char *out = malloc(imgz_deflate_bound(PIECE));
    struct imgz_deflate *deflate = NULL;
    uint64_t sum_bytes = 0;

    assert_non_null(out);
    assert_int_equal(imgz_deflate_create(level, &deflate), 0);
    for (uint64_t i = 0; i < IMGZ_SYNTHETIC_CYCLE_PIECES; i++) {
        const enum imgz_synthetic_kind kind = imgz_synthetic_kind_at(i);
        enum imgz_deflate_form form;
        size_t segment_bytes;

        imgz_synthetic_fill(i, piece);
        assert_int_equal(imgz_zero_test(piece, PIECE), kind == IMGZ_SYNTHETIC_ZERO);
        assert_int_equal(imgz_incompressible(piece, PIECE), kind == IMGZ_SYNTHETIC_RANDOM);
        assert_int_equal(imgz_deflate_compress(deflate, piece, PIECE, out, &segment_bytes, &form),
                         0);
        raw_bytes[kind] += PIECE;
        out_bytes[kind] += segment_bytes;
        sum_bytes += segment_bytes;
    }
    for (size_t i = 0; i < IMGZ_SYNTHETIC_KIND_COUNT; i++)
        permille[i] = (unsigned)(out_bytes[i] * 1000 / raw_bytes[i]);
    *all = (unsigned)(sum_bytes * 1000 / (IMGZ_SYNTHETIC_CYCLE_PIECES * PIECE));
    imgz_deflate_destroy(deflate);
    free(out);
}

/* As files of such kinds do on real drives; a higher level gains on each that has something to
 * gain. */
static void ratios_are_within_sane_bounds(void **state)
{
    static const unsigned least[IMGZ_SYNTHETIC_KIND_COUNT] = {0, 1000, 350, 300, 200, 200};
    static const unsigned most[IMGZ_SYNTHETIC_KIND_COUNT] = {10, 1001, 500, 450, 400, 500};
    unsigned low[IMGZ_SYNTHETIC_KIND_COUNT], high[IMGZ_SYNTHETIC_KIND_COUNT];
    unsigned low_all, high_all;

    (void)state;
    compress_cycle(1, low, &low_all);
    compress_cycle(6, high, &high_all);
    for (size_t i = 0; i < IMGZ_SYNTHETIC_KIND_COUNT; i++) {
        assert_in_range(low[i], least[i], most[i]);
        assert_in_range(high[i], least[i], low[i]);
        if (i >= IMGZ_SYNTHETIC_CODE)
            assert_true(high[i] < low[i]);
    }
    assert_in_range(low_all, 300, 500);
    assert_in_range(high_all, 300, low_all - 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_piece_depends_on_its_index_alone),
        cmocka_unit_test(the_mix_is_always_the_same),
        cmocka_unit_test(shares_are_those_of_the_header),
        cmocka_unit_test(long_runs_fill_chunks),
        cmocka_unit_test(ratios_are_within_sane_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
