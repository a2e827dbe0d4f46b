/* SPDX-License-Identifier: MIT */
#include "codec/last_block.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libdeflate.h>

#include "codec/deflate_reopen.h"
#include "sample.h"

#define RAW_BYTES ((size_t)1 << 20)

struct world {
    unsigned char *raw;
    unsigned char *stream;
    size_t stream_bytes;
};

/* Stretches of text and of records by turns: libdeflate makes many blocks of that. */
#define STRETCH_BYTES ((size_t)20000)

static void fill_raw(unsigned char *raw, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += STRETCH_BYTES)
        imgz_sample_fill(at / STRETCH_BYTES % 2 == 0 ? IMGZ_SAMPLE_TEXT : IMGZ_SAMPLE_RECORDS,
                         at + 1, raw + at, imgz_min(STRETCH_BYTES, bytes - at));
}

static void compress(struct world *world, int level, size_t raw_bytes)
{
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(level);

    assert_non_null(compressor);
    world->stream_bytes =
        libdeflate_deflate_compress(compressor, world->raw, raw_bytes, world->stream,
                                    libdeflate_deflate_compress_bound(compressor, RAW_BYTES));
    assert_true(world->stream_bytes > 0);
    libdeflate_free_compressor(compressor);
}

static void make_stream(struct world *world, int level, size_t raw_bytes)
{
    world->raw = malloc(RAW_BYTES);
    world->stream = malloc(libdeflate_deflate_compress_bound(NULL, RAW_BYTES) +
                           IMGZ_DEFLATE_REOPEN_GROWTH_BYTES);
    assert_non_null(world->raw);
    assert_non_null(world->stream);
    fill_raw(world->raw, raw_bytes);
    compress(world, level, raw_bytes);
}

static void free_stream(struct world *world)
{
    free(world->raw);
    free(world->stream);
}

static bool find(const struct world *world, size_t raw_bytes, struct imgz_last_block *last)
{
    const struct imgz_last_block_stream stream = {world->stream, world->stream_bytes, world->raw,
                                                  raw_bytes};

    return imgz_last_block_find(&stream, last);
}

/* The bit that the walk clears, in a copy of the stream. */
static uint64_t walked_bit_index(const struct world *world)
{
    unsigned char *segment = malloc(world->stream_bytes + IMGZ_DEFLATE_REOPEN_GROWTH_BYTES);
    size_t segment_bytes;
    uint64_t bit_index;
    size_t at = 0;

    assert_non_null(segment);
    memcpy(segment, world->stream, world->stream_bytes);
    assert_int_equal(imgz_deflate_reopen(segment, world->stream_bytes, &segment_bytes), 0);
    while (segment[at] == world->stream[at])
        at += 1;
    bit_index = 8 * at + (uint64_t)__builtin_ctz(segment[at] ^ world->stream[at]);
    free(segment);
    return bit_index;
}

static void it_is_found_where_the_walk_finds_it(void **state)
{
    unsigned found_count = 0;
    unsigned count = 0;

    (void)state;
    for (int level = 2; level <= 9; level++) {
        for (size_t cut_bytes = 0; cut_bytes < 40000; cut_bytes += 3989) {
            const size_t raw_bytes = RAW_BYTES - cut_bytes;
            struct imgz_last_block last;
            struct world world;

            make_stream(&world, level, raw_bytes);
            count += 1;
            if (find(&world, raw_bytes, &last)) {
                assert_int_equal(last.header_bit_index, walked_bit_index(&world));
                assert_int_equal((last.end_bit_index + 7) / 8, world.stream_bytes);
                found_count += 1;
            }
            free_stream(&world);
        }
    }
    print_message("%u of %u found\n", found_count, count);
    assert_true(found_count > count / 2);
}

/* What does not inflate to the raw bytes, to the last one, is none. */
static void other_bytes_are_not_taken_for_it(void **state)
{
    struct imgz_last_block last;
    struct world world;

    (void)state;
    make_stream(&world, 6, RAW_BYTES);
    assert_true(find(&world, RAW_BYTES, &last));
    assert_false(find(&world, RAW_BYTES - 1, &last));
    world.raw[RAW_BYTES - 1] ^= 1;
    assert_false(find(&world, RAW_BYTES, &last));
    world.raw[RAW_BYTES - 1] ^= 1;
    world.raw[RAW_BYTES - 2000] ^= 0x80;
    assert_false(find(&world, RAW_BYTES, &last));
    world.raw[RAW_BYTES - 2000] ^= 0x80;
    world.stream_bytes -= 1;
    assert_false(find(&world, RAW_BYTES, &last));
    world.stream_bytes += 1;
    for (uint64_t bit = walked_bit_index(&world); bit < 8 * world.stream_bytes - 8; bit += 1009) {
        world.stream[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_false(find(&world, RAW_BYTES, &last));
        world.stream[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    free_stream(&world);
}

/* Ten values: short of LITERAL_VALUES_MIN in last_block.c. */
static void make_regular_stream(struct world *world)
{
    make_stream(world, 6, RAW_BYTES);
    for (size_t i = 0; i < RAW_BYTES; i++)
        world->raw[i] = '0' + world->raw[i] % 10;
    compress(world, 6, RAW_BYTES);
}

/* Of few bytes, and of few values, too little would have to match by chance: left to the walk. */
static void what_is_too_regular_is_left_alone(void **state)
{
    struct imgz_last_block last;
    struct world world;

    (void)state;
    make_stream(&world, 6, 40);
    assert_false(find(&world, 40, &last));
    free_stream(&world);
    make_regular_stream(&world);
    assert_false(find(&world, RAW_BYTES, &last));
    free_stream(&world);
}

/* Any bits at all: no header is found, and nothing is read beyond the ends. */
static void noise_holds_no_block(void **state)
{
    struct imgz_last_block last;
    struct world world;

    (void)state;
    make_stream(&world, 1, RAW_BYTES);
    for (uint64_t seed = 1; seed <= 40; seed++) {
        world.stream_bytes = 1 + seed * 997;
        imgz_sample_fill(IMGZ_SAMPLE_RANDOM, seed, world.stream, world.stream_bytes);
        assert_false(find(&world, RAW_BYTES, &last));
    }
    free_stream(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_found_where_the_walk_finds_it),
        cmocka_unit_test(other_bytes_are_not_taken_for_it),
        cmocka_unit_test(what_is_too_regular_is_left_alone),
        cmocka_unit_test(noise_holds_no_block),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
