/* SPDX-License-Identifier: MIT */
#include "job/measure/sample_set.h"

#include <imgz/imgz.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format/note.h"
#include "io/source/extent.h"
#include "job/measure/synthetic.h"
#include "own_fixture.h"
#include "sample.h"

#define CHUNK       ((uint32_t)IMGZ_CHUNK_BYTES_MIN)
#define BYTES_MAX   ((uint64_t)64 << 20)
#define TURNS_MAX   ((uint32_t)(BYTES_MAX / CHUNK))
#define LARGE_BYTES (BYTES_MAX + 9 * CHUNK + 777)

/* A file of 'bytes' bytes, all of which differ from their neighbours' in other chunks; or a hole.
 */
static void make_file(const char *name, uint64_t bytes, bool hole)
{
    unsigned char *data = calloc(1, bytes);

    assert_non_null(data);
    for (uint64_t i = 0; i < bytes; i += 512)
        memcpy(data + i, &i, imgz_min(sizeof(i), bytes - i));
    imgz_fixture_write(&fixture, name, data, hole ? 0 : bytes);
    free(data);
    if (hole)
        assert_int_equal(truncate(imgz_fixture_path(&fixture, name).text, (off_t)bytes), 0);
}

static void put_data(const char *name, uint64_t offset, uint64_t bytes)
{
    int fd = open(imgz_fixture_path(&fixture, name).text, O_WRONLY);
    unsigned char *data = malloc(bytes);

    assert_true(fd >= 0 && data != NULL);
    imgz_sample_fill(IMGZ_SAMPLE_RANDOM, 1, data, bytes);
    assert_int_equal(pwrite(fd, data, bytes, (off_t)offset), bytes);
    free(data);
    close(fd);
}

static void open_source(const char *name, struct imgz_fixture_path *path,
                        struct imgz_source **source)
{
    struct imgz_source_config config = {.stage = IMGZ_STAGE_READ_SOURCE};

    *path = imgz_fixture_path(&fixture, name);
    config.path = path->text;
    assert_int_equal(imgz_source_open(&config, fixture.latch, &fixture.log, source), 0);
}

/* Chunks are what a capture would cut, in order, each once, and hold what the file holds there. */
static void check_chunks(const struct imgz_sample_set *samples, const char *name)
{
    size_t file_bytes = 0;
    unsigned char *file = imgz_fixture_read(&fixture, name, &file_bytes);
    uint64_t sum_bytes = 0;

    for (uint32_t i = 0; i < samples->chunk_count; i++) {
        const struct imgz_sample_set_chunk *chunk = &samples->chunks[i];

        assert_int_equal(chunk->source_offset % CHUNK, 0);
        assert_true(i == 0 || chunk->source_offset > samples->chunks[i - 1].source_offset);
        assert_int_equal(chunk->raw_bytes, imgz_min(CHUNK, file_bytes - chunk->source_offset));
        assert_memory_equal(imgz_sample_set_raw(samples, i), file + chunk->source_offset,
                            chunk->raw_bytes);
        sum_bytes += chunk->raw_bytes;
    }
    assert_int_equal(samples->raw_bytes, sum_bytes);
    assert_int_equal(samples->source_bytes, file_bytes);
    free(file);
}

static void load_file(struct imgz_sample_set *samples, const char *name)
{
    struct imgz_fixture_path path;
    struct imgz_source *source = NULL;

    open_source(name, &path, &source);
    assert_int_equal(imgz_sample_set_create(samples, source, CHUNK, fixture.latch), 0);
    assert_int_equal(imgz_sample_set_load(samples, source, fixture.latch), 0);
    check_chunks(samples, name);
    imgz_source_close(source);
}

static void a_small_file_is_taken_whole(void **state)
{
    static const uint64_t sizes[] = {1, 4096, CHUNK, CHUNK + 1, 5 * CHUNK - 3, 7 * CHUNK};

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(sizes); i++) {
        struct imgz_sample_set samples;

        make_file("small", sizes[i], false);
        load_file(&samples, "small");
        assert_int_equal(samples.chunk_count, imgz_div_up(sizes[i], CHUNK));
        assert_int_equal(samples.raw_bytes, sizes[i]);
        assert_int_equal(samples.hole_bytes, 0);
        imgz_sample_set_fini(&samples);
    }
}

static void a_large_file_is_sampled_evenly(void **state)
{
    struct imgz_sample_set samples;

    (void)state;
    make_file("large", LARGE_BYTES, false);
    load_file(&samples, "large");
    assert_int_equal(samples.chunk_count, TURNS_MAX);
    for (uint32_t i = 1; i < TURNS_MAX; i++)
        assert_in_range(samples.chunks[i].source_offset - samples.chunks[i - 1].source_offset,
                        CHUNK, 2 * CHUNK);
    assert_in_range(samples.chunks[TURNS_MAX - 1].source_offset, LARGE_BYTES - 3 * CHUNK,
                    LARGE_BYTES);
    imgz_sample_set_fini(&samples);
}

/* Holes take no place in the sample. */
static void holes_are_left_out(void **state)
{
    struct imgz_extent extent;
    struct imgz_sample_set samples;
    struct imgz_fixture_path path;
    struct imgz_source *source = NULL;

    (void)state;
    make_file("sparse", 1000 * CHUNK, true);
    put_data("sparse", 100 * CHUNK, 3 * CHUNK);
    put_data("sparse", 900 * CHUNK, 2 * CHUNK);
    open_source("sparse", &path, &source);
    assert_int_equal(imgz_source_next_extent(source, 0, &extent), 0);
    imgz_source_close(source);
    if (extent.offset != 100 * CHUNK)
        skip(); /* this file system knows no holes */
    load_file(&samples, "sparse");
    assert_int_equal(samples.hole_bytes, 995 * CHUNK);
    assert_int_equal(samples.chunk_count, 5);
    assert_int_equal(samples.zero_bytes, 0);
    assert_int_equal(samples.chunks[0].source_offset, 100 * CHUNK);
    assert_int_equal(samples.chunks[4].source_offset, 901 * CHUNK);
    imgz_sample_set_fini(&samples);

    make_file("sparse", 1000 * CHUNK, true);
    load_file(&samples, "sparse"); /* nothing but a hole: one chunk stands for it */
    assert_int_equal(samples.chunk_count, 1);
    assert_int_equal(samples.hole_bytes, 1000 * CHUNK);
    assert_int_equal(samples.zero_bytes, CHUNK);
    imgz_sample_set_fini(&samples);
}

static void zeros_are_counted_by_blocks(void **state)
{
    struct imgz_sample_set samples;
    unsigned char *data = calloc(1, 4 * CHUNK);

    (void)state;
    assert_non_null(data);
    data[CHUNK + 5] = 1;
    data[4 * CHUNK - 1] = 1;
    imgz_fixture_write(&fixture, "zeros", data, 4 * CHUNK);
    free(data);
    load_file(&samples, "zeros");
    assert_int_equal(samples.zero_bytes, 4 * CHUNK - 2 * IMGZ_BLOCK_BYTES);
    imgz_sample_set_fini(&samples);
}

static void the_mix_is_used_without_a_source(void **state)
{
    static unsigned char piece[IMGZ_SYNTHETIC_PIECE_BYTES];
    struct imgz_sample_set samples;

    (void)state;
    assert_int_equal(imgz_sample_set_create(&samples, NULL, 4 * CHUNK, fixture.latch), 0);
    assert_int_equal(imgz_sample_set_load(&samples, NULL, fixture.latch), 0);
    assert_int_equal(samples.source_bytes, 0);
    assert_int_equal(samples.raw_bytes, BYTES_MAX);
    assert_int_equal(samples.zero_bytes, BYTES_MAX / 4);
    for (uint32_t i = 0; i < BYTES_MAX / IMGZ_SYNTHETIC_PIECE_BYTES; i++) {
        imgz_synthetic_fill(i, piece);
        assert_memory_equal(samples.raw + i * IMGZ_SYNTHETIC_PIECE_BYTES, piece, sizeof(piece));
    }
    imgz_sample_set_fini(&samples);
}

/* Each chunk has its turn, and the first few turns are spread over the whole. */
static void turns_see_each_chunk_once(void **state)
{
    (void)state;
    for (uint32_t count = 1; count <= 100; count++) {
        struct imgz_sample_set samples;
        bool seen[100] = {false};

        make_file("turns", count * (uint64_t)CHUNK, false);
        load_file(&samples, "turns");
        for (uint32_t turn = 0; turn < count; turn++) {
            const uint32_t index = imgz_sample_set_at(&samples, 3 * count + turn);

            assert_in_range(index, 0, count - 1);
            assert_false(seen[index]);
            seen[index] = true;
        }
        if (count >= 8) {
            const uint32_t second = imgz_sample_set_at(&samples, 1);

            assert_in_range(second, count / 2, count - count / 4);
        }
        imgz_sample_set_fini(&samples);
    }
}

/* ---- Packing ----------------------------------------------------------------------------------
 */

struct world {
    struct imgz_sample_set samples;
    struct imgz_chunk_encoder encoder;
    struct imgz_chunk_decoder decoder;
    struct imgz_pool *pool;
    struct imgz_slot *slot;
};

/* Text, zeros and noise, and a short end of text. */
static void open_world(struct world *world)
{
    unsigned char *data = calloc(1, 4 * CHUNK);
    struct imgz_pool_config config = {.slot_count = 1, .raw_capacity_bytes = CHUNK};

    assert_non_null(data);
    imgz_sample_fill(IMGZ_SAMPLE_TEXT, 1, data, CHUNK);
    imgz_sample_fill(IMGZ_SAMPLE_RANDOM, 2, data + 2 * CHUNK, CHUNK);
    imgz_sample_fill(IMGZ_SAMPLE_TEXT, 3, data + 3 * CHUNK, 5000);
    imgz_fixture_write(&fixture, "world", data, 3 * CHUNK + 5000);
    free(data);
    *world = (struct world){0};
    load_file(&world->samples, "world");
    assert_int_equal(world->samples.chunk_count, 4);
    assert_int_equal(imgz_chunk_encoder_init(&world->encoder, 1, IMGZ_HASH_XXH3), 0);
    assert_int_equal(imgz_chunk_decoder_init(&world->decoder, IMGZ_HASH_XXH3), 0);
    config.stored_capacity_bytes = world->samples.stored_room;
    assert_int_equal(imgz_pool_create(&config, &world->pool), 0);
    assert_int_equal(imgz_pool_take(world->pool, &world->slot), 0);
}

static void close_world(struct world *world)
{
    imgz_pool_give(world->pool, &world->slot);
    imgz_pool_destroy(world->pool);
    imgz_chunk_decoder_fini(&world->decoder);
    imgz_chunk_encoder_fini(&world->encoder);
    imgz_sample_set_fini(&world->samples);
}

static enum imgz_fault prove(struct world *world, uint32_t index, bool keep, uint64_t *image_bytes)
{
    const struct imgz_sample_set_proof proof = {&world->encoder, &world->decoder, keep};

    return imgz_sample_set_prove(&world->samples, index, &proof, world->slot, image_bytes);
}

static void what_was_packed_comes_back(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    for (uint32_t i = 0; i < 4; i++) {
        const struct imgz_sample_set_chunk *chunk = &world.samples.chunks[i];
        uint64_t packed_bytes = 0;
        uint64_t proven_bytes = 0;

        assert_int_equal(prove(&world, i, true, &proven_bytes), IMGZ_FAULT_NONE);
        assert_int_equal(chunk->zero, i == 1);
        assert_int_equal(imgz_sample_set_pack(&world.samples, i, &world.encoder, world.slot,
                                              &packed_bytes),
                         IMGZ_FAULT_NONE);
        assert_int_equal(packed_bytes, proven_bytes);
        memset(world.slot->raw, 0xee, CHUNK);
        imgz_sample_set_unpack(&world.samples, i, &world.decoder, world.slot);
        assert_int_equal(world.slot->fault, IMGZ_FAULT_NONE);
        assert_true(world.slot->checked);
        assert_int_equal(world.slot->kind, i == 1 ? IMGZ_SLOT_ZERO : IMGZ_SLOT_DATA);
        assert_int_equal(world.slot->raw_bytes, chunk->raw_bytes);
        if (i != 1) {
            assert_int_equal(chunk->stored_bytes, packed_bytes);
            assert_memory_equal(world.slot->raw, imgz_sample_set_raw(&world.samples, i),
                                chunk->raw_bytes);
        }
    }
    close_world(&world);
}

/* A bit that falls over in memory is noticed, not measured. */
static void damage_is_noticed(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    for (uint32_t i = 0; i < 4; i++) {
        uint64_t image_bytes = 0;

        assert_int_equal(prove(&world, i, true, &image_bytes), IMGZ_FAULT_NONE);
        imgz_sample_set_stored(&world.samples, i)[IMGZ_NOTE_CARRIER_BYTES + 5] ^= 4;
        imgz_sample_set_unpack(&world.samples, i, &world.decoder, world.slot);
        assert_int_not_equal(world.slot->fault, IMGZ_FAULT_NONE);
        assert_false(world.slot->checked);
    }
    close_world(&world);
}

/* What is proven without being kept leaves the packed form alone. */
static void a_proof_keeps_nothing_unasked(void **state)
{
    struct world world;
    uint64_t image_bytes = 0;

    (void)state;
    open_world(&world);
    assert_int_equal(prove(&world, 0, false, &image_bytes), IMGZ_FAULT_NONE);
    assert_true(image_bytes > 0);
    assert_int_equal(world.samples.chunks[0].stored_bytes, 0);
    for (uint64_t i = 0; i < world.samples.stored_room; i++)
        assert_int_equal(imgz_sample_set_stored(&world.samples, 0)[i], 0);
    close_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_file_is_taken_whole),
        cmocka_unit_test(a_large_file_is_sampled_evenly),
        cmocka_unit_test(holes_are_left_out),
        cmocka_unit_test(zeros_are_counted_by_blocks),
        cmocka_unit_test(the_mix_is_used_without_a_source),
        cmocka_unit_test(turns_see_each_chunk_once),
        cmocka_unit_test(what_was_packed_comes_back),
        cmocka_unit_test(damage_is_noticed),
        cmocka_unit_test(a_proof_keeps_nothing_unasked),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
