/* SPDX-License-Identifier: MIT */
/* A disk in items of one size comes out in chunks of another, each with the hash that xxhash itself
 * gives for these bytes. */
#include "job/verify/rehash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <imgz/imgz.h>
#include <xxhash.h>

#include "pipeline/slot.h"
#include "sample.h"

#define CHUNK     ((size_t)IMGZ_CHUNK_BYTES_MIN)
#define DISK_MAX  (40 * CHUNK)
#define ITEMS_MAX 64u

struct world {
    unsigned char *disk;
    uint64_t disk_bytes;
    uint64_t seen_bytes;
    uint64_t zero_bytes;
    uint32_t zero_run_count;
    uint32_t chunk_bytes;
};

static bool all_zero(const unsigned char *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (data[i] != 0)
            return false;
    return true;
}

static void check_data(const struct world *world, const struct imgz_slot *slot)
{
    const XXH128_hash_t hash =
        XXH3_128bits(world->disk + slot->raw_offset, (size_t)slot->raw_bytes);
    XXH128_canonical_t canonical;

    XXH128_canonicalFromHash(&canonical, hash);
    for (size_t i = 0; i < IMGZ_HASH_BYTES; i++)
        assert_int_equal(slot->raw_hash.bytes[i], canonical.digest[IMGZ_HASH_BYTES - 1 - i]);
}

/* The pieces are whole chunks, but for the disk's last. */
static void take(void *context, const struct imgz_slot *slot)
{
    struct world *world = context;

    assert_int_equal(slot->raw_offset, world->seen_bytes);
    assert_true(slot->raw_bytes > 0);
    world->seen_bytes += slot->raw_bytes;
    assert_true(world->seen_bytes <= world->disk_bytes);
    if (slot->kind == IMGZ_SLOT_ZERO) {
        assert_int_equal(slot->raw_bytes % world->chunk_bytes, 0);
        assert_true(all_zero(world->disk + slot->raw_offset, (size_t)slot->raw_bytes));
        world->zero_bytes += slot->raw_bytes;
        world->zero_run_count += 1;
        return;
    }
    assert_true(slot->raw_bytes == world->chunk_bytes || world->seen_bytes == world->disk_bytes);
    assert_true(slot->raw_bytes <= world->chunk_bytes);
    check_data(world, slot);
}

/* Items of 'item_bytes'; those that are all zeros in a row are one run, as an image has them. */
static void feed(const struct world *world, struct imgz_rehash *rehash, uint64_t item_bytes)
{
    uint64_t at = 0;

    while (at < world->disk_bytes) {
        struct imgz_slot slot = {.kind = IMGZ_SLOT_DATA,
                                 .raw_offset = at,
                                 .raw_bytes = imgz_min(item_bytes, world->disk_bytes - at),
                                 .raw = world->disk + at};

        while (at + slot.raw_bytes <= world->disk_bytes &&
               all_zero(world->disk + at, (size_t)slot.raw_bytes)) {
            slot.kind = IMGZ_SLOT_ZERO;
            if (at + slot.raw_bytes == world->disk_bytes)
                break;
            slot.raw_bytes += imgz_min(item_bytes, world->disk_bytes - at - slot.raw_bytes);
        }
        if (slot.kind == IMGZ_SLOT_ZERO && !all_zero(slot.raw, (size_t)slot.raw_bytes))
            slot.raw_bytes = imgz_align_up(slot.raw_bytes, item_bytes) - item_bytes;
        if (slot.kind == IMGZ_SLOT_ZERO)
            slot.raw = NULL; /* zeros have no bytes to look at */
        imgz_rehash_add(rehash, &slot);
        at += slot.raw_bytes;
    }
}

static void rehash_disk(struct world *world, uint64_t item_bytes)
{
    const struct imgz_rehash_config config = {world->chunk_bytes, IMGZ_HASH_XXH3, take, world};
    struct imgz_rehash *rehash = NULL;

    world->seen_bytes = 0;
    world->zero_bytes = 0;
    world->zero_run_count = 0;
    assert_int_equal(imgz_rehash_create(&config, &rehash), 0);
    feed(world, rehash, item_bytes);
    imgz_rehash_finish(rehash);
    imgz_rehash_destroy(rehash);
    assert_int_equal(world->seen_bytes, world->disk_bytes);
}

static void test_sizes(void **state)
{
    static const size_t sizes[] = {1, CHUNK - 1, CHUNK, CHUNK + 1, 7 * CHUNK + 13, DISK_MAX};
    struct world world = {.disk = calloc(1, DISK_MAX)};

    (void)state;
    assert_non_null(world.disk);
    imgz_sample_fill(IMGZ_SAMPLE_MIXED, 1, world.disk, 5 * CHUNK + 5);
    imgz_sample_fill(IMGZ_SAMPLE_RANDOM, 2, world.disk + 22 * CHUNK, 3 * CHUNK);
    for (size_t i = 0; i < IMGZ_COUNT_OF(sizes); i++) {
        world.disk_bytes = sizes[i];
        for (uint64_t item_bytes = CHUNK; item_bytes <= 16 * CHUNK; item_bytes *= 2) {
            for (uint32_t chunk_bytes = CHUNK; chunk_bytes <= 16 * CHUNK; chunk_bytes *= 2) {
                world.chunk_bytes = chunk_bytes;
                rehash_disk(&world, item_bytes);
            }
        }
    }
    free(world.disk);
}

/* Runs of zeros are passed on as one, not hashed. */
static void test_zeros(void **state)
{
    static const size_t sizes[] = {DISK_MAX, 8 * CHUNK};
    struct world world = {.disk = calloc(1, DISK_MAX)};

    (void)state;
    assert_non_null(world.disk);
    world.disk[CHUNK / 2] = 1;
    world.chunk_bytes = 4 * CHUNK;
    for (size_t i = 0; i < IMGZ_COUNT_OF(sizes); i++) {
        world.disk_bytes = sizes[i];
        rehash_disk(&world, CHUNK);
        assert_int_equal(world.zero_bytes, sizes[i] - 4 * CHUNK);
        assert_int_equal(world.zero_run_count, 1);
    }
    free(world.disk);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_zeros),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
