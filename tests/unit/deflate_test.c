/* SPDX-License-Identifier: MIT */
#include "codec/deflate.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <imgz/imgz.h>

#include "guard.h"
#include "sample.h"

#define RAW_BYTES_MAX ((size_t)1 << 20)

struct fixture {
    struct imgz_deflate *deflate;
    struct imgz_inflate *inflate;
    unsigned char *raw;
    unsigned char *out;
};

static void fixture_init(struct fixture *fixture, int level)
{
    assert_int_equal(imgz_deflate_create(level, &fixture->deflate), 0);
    assert_int_equal(imgz_inflate_create(&fixture->inflate), 0);
    fixture->raw = malloc(RAW_BYTES_MAX);
    fixture->out = malloc(2 * imgz_deflate_bound(RAW_BYTES_MAX));
    assert_non_null(fixture->raw);
    assert_non_null(fixture->out);
}

static void fixture_fini(struct fixture *fixture)
{
    imgz_deflate_destroy(fixture->deflate);
    imgz_inflate_destroy(fixture->inflate);
    free(fixture->raw);
    free(fixture->out);
}

static size_t stored_bytes(size_t raw_bytes)
{
    return raw_bytes + 5 * ((raw_bytes + 65534) / 65535);
}

/* Into a buffer of the bound's exact size at the end of a page. */
static size_t compress_guarded(struct fixture *fixture, size_t raw_bytes,
                               enum imgz_deflate_form *form)
{
    size_t bound_bytes = imgz_deflate_bound(raw_bytes);
    unsigned char *out = imgz_guard_create(bound_bytes);
    size_t segment_bytes = 0;

    assert_int_equal(imgz_deflate_compress(fixture->deflate, fixture->raw, raw_bytes, out,
                                           &segment_bytes, form),
                     0);
    assert_in_range(segment_bytes, 1, stored_bytes(raw_bytes));
    memcpy(fixture->out, out, segment_bytes);
    imgz_guard_destroy(out, bound_bytes);
    return segment_bytes;
}

static void check_inflates(struct fixture *fixture, unsigned char *segment, size_t segment_bytes,
                           size_t raw_bytes)
{
    unsigned char *raw = imgz_guard_create(raw_bytes);

    assert_int_equal(imgz_inflate_segment(fixture->inflate, segment, segment_bytes, raw, raw_bytes),
                     0);
    assert_memory_equal(raw, fixture->raw, raw_bytes);
    imgz_guard_destroy(raw, raw_bytes);
}

/* The length must be exact, the input used to the last byte and not a byte less. */
static void check_refuses_others(struct fixture *fixture, size_t segment_bytes, size_t raw_bytes)
{
    unsigned char *raw = malloc(raw_bytes + 1);

    assert_non_null(raw);
    assert_int_equal(imgz_inflate_segment(fixture->inflate, fixture->out, segment_bytes, raw,
                                          raw_bytes - 1),
                     -EBADMSG);
    assert_int_equal(imgz_inflate_segment(fixture->inflate, fixture->out, segment_bytes, raw,
                                          raw_bytes + 1),
                     -EBADMSG);
    /* A final block behind, as gunzip would like the end of a stream; a byte of nothing. */
    memcpy(fixture->out + segment_bytes, "\003\000", 2);
    assert_int_equal(imgz_inflate_segment(fixture->inflate, fixture->out, segment_bytes + 2, raw,
                                          raw_bytes),
                     -EBADMSG);
    fixture->out[segment_bytes] = 0;
    assert_int_equal(imgz_inflate_segment(fixture->inflate, fixture->out, segment_bytes + 1, raw,
                                          raw_bytes),
                     -EBADMSG);
    assert_int_equal(imgz_inflate_segment(fixture->inflate, fixture->out, segment_bytes - 1, raw,
                                          raw_bytes),
                     -EBADMSG);
    free(raw);
}

static void check_size(struct fixture *fixture, size_t raw_bytes)
{
    enum imgz_deflate_form form;
    size_t segment_bytes = compress_guarded(fixture, raw_bytes, &form);
    unsigned char *two = malloc(2 * segment_bytes);

    assert_non_null(two);
    memcpy(two, fixture->out, segment_bytes);
    memcpy(two + segment_bytes, fixture->out, segment_bytes);
    check_inflates(fixture, fixture->out, segment_bytes, raw_bytes);
    /* Two segments are one segment of both: aligned, not final, looking back at nothing. */
    if (2 * raw_bytes <= RAW_BYTES_MAX) {
        memcpy(fixture->raw + raw_bytes, fixture->raw, raw_bytes);
        check_inflates(fixture, two, 2 * segment_bytes, 2 * raw_bytes);
    }
    check_refuses_others(fixture, segment_bytes, raw_bytes);
    free(two);
}

static void all_levels_and_kinds_round_trip(void **state)
{
    static const size_t sizes[] = {1, 2, 100, 4096, 65535, 65536, 200000, RAW_BYTES_MAX};

    (void)state;
    for (int level = IMGZ_LEVEL_FAST; level <= IMGZ_LEVEL_MAX; level++) {
        struct fixture fixture;

        fixture_init(&fixture, level);
        for (int kind = 0; kind < IMGZ_SAMPLE_COUNT; kind++) {
            for (size_t i = 0; i < IMGZ_COUNT_OF(sizes); i++) {
                imgz_sample_fill((enum imgz_sample)kind, i + 1, fixture.raw, sizes[i]);
                check_size(&fixture, sizes[i]);
            }
        }
        fixture_fini(&fixture);
    }
}

static void random_data_and_level_0_are_stored(void **state)
{
    static const int levels[] = {IMGZ_LEVEL_FAST, 0, 1, 6, 12};

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(levels); i++) {
        struct fixture fixture;
        enum imgz_deflate_form form;

        fixture_init(&fixture, levels[i]);
        /* Too short for the incompressible test, then long enough. */
        for (size_t bytes = 1; bytes <= RAW_BYTES_MAX; bytes = bytes * 4 + 1) {
            imgz_sample_fill(IMGZ_SAMPLE_RANDOM, 77, fixture.raw, bytes);
            assert_int_equal(compress_guarded(&fixture, bytes, &form), stored_bytes(bytes));
            assert_int_equal(form, IMGZ_DEFLATE_STORED);
        }
        imgz_sample_fill(IMGZ_SAMPLE_TEXT, 77, fixture.raw, 65536);
        compress_guarded(&fixture, 65536, &form);
        assert_int_equal(form, levels[i] == 0 ? IMGZ_DEFLATE_STORED : IMGZ_DEFLATE_COMPRESSED);
        fixture_fini(&fixture);
    }
}

/* A compressor that has worked before gives the same bytes as a new one. */
static void bytes_depend_on_the_data_alone(void **state)
{
    (void)state;
    for (int level = IMGZ_LEVEL_FAST; level <= IMGZ_LEVEL_MAX; level++) {
        struct fixture used;
        struct fixture fresh;
        enum imgz_deflate_form form;
        size_t bytes;

        fixture_init(&used, level);
        fixture_init(&fresh, level);
        imgz_sample_fill(IMGZ_SAMPLE_RECORDS, 5, used.raw, 300000);
        compress_guarded(&used, 300000, &form);
        imgz_sample_fill(IMGZ_SAMPLE_MIXED, 6, used.raw, 300000);
        imgz_sample_fill(IMGZ_SAMPLE_MIXED, 6, fresh.raw, 300000);
        bytes = compress_guarded(&fresh, 300000, &form);
        assert_int_equal(compress_guarded(&used, 300000, &form), bytes);
        assert_memory_equal(used.out, fresh.out, bytes);
        fixture_fini(&fresh);
        fixture_fini(&used);
    }
}

/* Level fast gave other bytes at one address in 50 for chunks like these (see codec/isal.c). */
static void bytes_do_not_depend_on_addresses(void **state)
{
    enum { CHUNKS = 4000, PERIOD = 16, BYTES_MAX = 300 };
    struct fixture here, there;
    uint64_t seed = 23;
    (void)state;

    fixture_init(&here, IMGZ_LEVEL_FAST);
    fixture_init(&there, IMGZ_LEVEL_FAST);
    for (int i = 0; i < CHUNKS; i++) {
        size_t raw_bytes = 17 + imgz_sample_random(&seed) % (BYTES_MAX - 17);
        size_t here_bytes, there_bytes;
        enum imgz_deflate_form form;

        imgz_sample_fill(IMGZ_SAMPLE_RANDOM, imgz_sample_random(&seed) | 1, here.raw, PERIOD);
        for (size_t at = PERIOD; at < raw_bytes; at++)
            here.raw[at] = here.raw[at - PERIOD];
        assert_int_equal(imgz_deflate_compress(here.deflate, here.raw, raw_bytes, here.out,
                                               &here_bytes, &form),
                         0);
        assert_int_equal(imgz_deflate_compress(there.deflate, here.raw, raw_bytes, there.out,
                                               &there_bytes, &form),
                         0);
        assert_int_equal(here_bytes, there_bytes);
        assert_memory_equal(here.out, there.out, here_bytes);
    }
    fixture_fini(&here);
    fixture_fini(&there);
}

static void flipped_bits_never_crash(void **state)
{
    struct fixture fixture;
    enum imgz_deflate_form form;
    size_t bytes;
    unsigned char raw[2000];

    (void)state;
    fixture_init(&fixture, 6);
    imgz_sample_fill(IMGZ_SAMPLE_TEXT, 8, fixture.raw, sizeof(raw));
    bytes = compress_guarded(&fixture, sizeof(raw), &form);
    for (size_t bit = 0; bit < bytes * 8; bit++) {
        int rc;

        fixture.out[bit / 8] ^= (unsigned char)(1u << bit % 8);
        rc = imgz_inflate_segment(fixture.inflate, fixture.out, bytes, raw, sizeof(raw));
        assert_true(rc == 0 || rc == -EBADMSG);
        fixture.out[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    fixture_fini(&fixture);
}

/* A final block in a segment would end the disk there for every other reader. */
static void final_blocks_are_refused(void **state)
{
    static const unsigned char finals[][8] = {
        {0x01, 0x01, 0x00, 0xfe, 0xff, 'x'},  /* stored */
        {0xab, 0x00, 0x00, 0x00, 0x00, 0x00}, /* fixed: one literal, then the end */
    };
    struct fixture fixture;

    (void)state;
    fixture_init(&fixture, 0);
    for (size_t i = 0; i < IMGZ_COUNT_OF(finals); i++) {
        memcpy(fixture.out, finals[i], 6);
        assert_int_equal(imgz_inflate_segment(fixture.inflate, fixture.out, 6, fixture.raw, 1),
                         -EBADMSG);
    }
    fixture_fini(&fixture);
}

static void levels_have_names(void **state)
{
    (void)state;
    assert_false(imgz_deflate_level_valid(IMGZ_LEVEL_FAST - 1));
    assert_false(imgz_deflate_level_valid(IMGZ_LEVEL_MAX + 1));
    for (int level = IMGZ_LEVEL_FAST; level <= IMGZ_LEVEL_MAX; level++) {
        assert_true(imgz_deflate_level_valid(level));
        assert_true(strlen(imgz_deflate_level_name(level)) > 5);
    }
    assert_string_equal(imgz_deflate_level_name(0), "stored");
    assert_non_null(strstr(imgz_deflate_level_name(6), "level 6"));
}

static void destroy_accepts_null(void **state)
{
    (void)state;
    imgz_deflate_destroy(NULL);
    imgz_inflate_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_levels_and_kinds_round_trip),
        cmocka_unit_test(random_data_and_level_0_are_stored),
        cmocka_unit_test(bytes_depend_on_the_data_alone),
        cmocka_unit_test(bytes_do_not_depend_on_addresses),
        cmocka_unit_test(flipped_bits_never_crash),
        cmocka_unit_test(final_blocks_are_refused),
        cmocka_unit_test(levels_have_names),
        cmocka_unit_test(destroy_accepts_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
