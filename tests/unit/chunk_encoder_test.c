/* SPDX-License-Identifier: MIT */
#include "image/chunk_encoder.h"

#include <imgz/imgz.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "checksum/checksum.h"
#include "format/note.h"
#include "sample.h"

#define CHUNK  ((size_t)IMGZ_CHUNK_BYTES_MIN)
#define OFFSET (7 * (uint64_t)CHUNK)

struct world {
    struct imgz_chunk_encoder encoder;
    struct imgz_slot slot;
};

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    assert_int_equal(imgz_chunk_encoder_init(&world->encoder, 1, IMGZ_HASH_XXH3), 0);
    world->slot.raw = malloc(CHUNK);
    world->slot.stored = malloc(IMGZ_NOTE_CARRIER_BYTES + imgz_deflate_bound(CHUNK));
    assert_true(world->slot.raw != NULL && world->slot.stored != NULL);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;

    imgz_chunk_encoder_fini(&world->encoder);
    free(world->slot.raw);
    free(world->slot.stored);
    free(world);
    return 0;
}

static void pack(struct world *world, enum imgz_sample sample, size_t bytes)
{
    imgz_sample_fill(sample, 1, world->slot.raw, bytes);
    world->slot.kind = IMGZ_SLOT_DATA;
    world->slot.raw_offset = OFFSET;
    world->slot.raw_bytes = bytes;
    imgz_chunk_encode_slot(&world->encoder, &world->slot);
    assert_int_equal(world->slot.fault, IMGZ_FAULT_NONE);
}

/* zlib makes exactly the raw bytes of the segment, and sees no final block. */
static bool zlib_agrees(const unsigned char *segment, size_t segment_bytes,
                        const struct imgz_slot *slot)
{
    static unsigned char out[CHUNK + 1];
    z_stream zlib = {.next_out = out, .avail_out = sizeof(out)};
    int status;

    assert_int_equal(inflateInit2(&zlib, -15), Z_OK);
    zlib.next_in = (Bytef *)(uintptr_t)segment; /* only read, though not declared const */
    zlib.avail_in = (uInt)segment_bytes;
    status = inflate(&zlib, Z_SYNC_FLUSH);
    assert_int_equal(inflateEnd(&zlib), Z_OK);
    return status == Z_OK && zlib.avail_in == 0 && zlib.total_out == slot->raw_bytes &&
           memcmp(out, slot->raw, slot->raw_bytes) == 0;
}

/* What the note says, against sums made here and zlib's view of the segment. */
static void check_packed(const struct world *world, bool is_stored)
{
    const struct imgz_slot *slot = &world->slot;
    const unsigned char *segment = slot->stored + IMGZ_NOTE_CARRIER_BYTES;
    const struct imgz_hash hash = imgz_xxh3_128(slot->raw, slot->raw_bytes);
    struct imgz_note note;

    assert_int_equal(slot->kind, IMGZ_SLOT_DATA);
    assert_int_equal(slot->is_stored, is_stored);
    assert_int_equal(imgz_note_decode(slot->stored, &note), 0);
    assert_int_equal(note.kind, IMGZ_NOTE_CHUNK);
    assert_int_equal(note.raw_offset, OFFSET);
    assert_int_equal(note.raw_bytes, slot->raw_bytes);
    assert_int_equal(note.raw_crc32, imgz_crc32(slot->raw, slot->raw_bytes));
    assert_int_equal(note.payload_bytes, slot->stored_bytes - IMGZ_NOTE_CARRIER_BYTES);
    assert_int_equal(note.payload_xxh3, imgz_xxh3_64(segment, note.payload_bytes));
    assert_true(imgz_hash_equal(&note.raw_hash, &hash));
    assert_true(imgz_hash_equal(&slot->raw_hash, &hash));
    assert_int_equal(slot->raw_crc32, note.raw_crc32);
    assert_true(zlib_agrees(segment, note.payload_bytes, slot));
}

static void data_gets_note_and_segment(void **state)
{
    struct world *world = *state;

    pack(world, IMGZ_SAMPLE_TEXT, CHUNK);
    check_packed(world, false);
    assert_true(world->slot.stored_bytes < CHUNK / 2);
    pack(world, IMGZ_SAMPLE_RECORDS, 1234);
    check_packed(world, false);
    pack(world, IMGZ_SAMPLE_RANDOM, CHUNK);
    check_packed(world, true);
}

static void zeros_become_a_zero_run(void **state)
{
    struct world *world = *state;

    pack(world, IMGZ_SAMPLE_ZERO, CHUNK);
    assert_int_equal(world->slot.kind, IMGZ_SLOT_ZERO);
    assert_int_equal(world->slot.raw_bytes, CHUNK);
}

/* A hole's raw buffer means nothing, and is not looked at. */
static void holes_stay_holes(void **state)
{
    struct world *world = *state;

    memset(world->slot.raw, 0xee, CHUNK);
    world->slot.kind = IMGZ_SLOT_ZERO;
    world->slot.raw_bytes = 1000 * CHUNK;
    imgz_chunk_encode_slot(&world->encoder, &world->slot);
    assert_int_equal(world->slot.kind, IMGZ_SLOT_ZERO);
    assert_int_equal(world->slot.raw_bytes, 1000 * CHUNK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(data_gets_note_and_segment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(zeros_become_a_zero_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(holes_stay_holes, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
