/* SPDX-License-Identifier: MIT */
#include "image/chunk_decoder.h"

#include <errno.h>
#include <imgz/imgz.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "checksum/checksum.h"
#include "codec/zero_run.h"
#include "format/note.h"
#include "sample.h"

#define CHUNK     ((size_t)IMGZ_CHUNK_BYTES_MIN)
#define RAW_BYTES (CHUNK - 100)
#define OFFSET    (7 * (uint64_t)CHUNK)

struct world {
    struct imgz_deflate *deflate;
    struct imgz_chunk_decoder decoder;
    unsigned char *disk; /* the right bytes */
    struct imgz_note note;
    struct imgz_slot slot;
};

static void open_world(struct world *world)
{
    memset(world, 0, sizeof(*world));
    assert_int_equal(imgz_deflate_create(1, &world->deflate), 0);
    assert_int_equal(imgz_chunk_decoder_init(&world->decoder, IMGZ_HASH_XXH3), 0);
    world->disk = malloc(CHUNK);
    world->slot.raw = malloc(CHUNK);
    world->slot.stored = malloc(IMGZ_NOTE_CARRIER_BYTES + imgz_deflate_bound(CHUNK));
    world->slot.zero_map = malloc(CHUNK / IMGZ_BLOCK_BYTES);
    assert_true(world->disk != NULL && world->slot.raw != NULL && world->slot.stored != NULL &&
                world->slot.zero_map != NULL);
}

static void close_world(struct world *world)
{
    imgz_deflate_destroy(world->deflate);
    imgz_chunk_decoder_fini(&world->decoder);
    free(world->disk);
    free(world->slot.raw);
    free(world->slot.stored);
    free(world->slot.zero_map);
}

static unsigned char *segment_of(struct world *world)
{
    return world->slot.stored + IMGZ_NOTE_CARRIER_BYTES;
}

/* Puts the world's note before its segment, with a right hash of that. */
static void write_note(struct world *world)
{
    world->note.payload_xxh3 = imgz_xxh3_64(segment_of(world), world->note.payload_bytes);
    imgz_note_encode(&world->note, world->slot.stored);
}

/* A right chunk: text with one zero block in it. */
static void make_chunk(struct world *world)
{
    enum imgz_deflate_form form;
    size_t segment_bytes = 0;

    imgz_sample_fill(IMGZ_SAMPLE_TEXT, 1, world->disk, RAW_BYTES);
    memset(world->disk + IMGZ_BLOCK_BYTES, 0, IMGZ_BLOCK_BYTES);
    assert_int_equal(imgz_deflate_compress(world->deflate, world->disk, RAW_BYTES,
                                           segment_of(world), &segment_bytes, &form),
                     0);
    world->note = (struct imgz_note){
        .kind = IMGZ_NOTE_CHUNK,
        .payload_bytes = (uint32_t)segment_bytes,
        .raw_offset = OFFSET,
        .raw_bytes = RAW_BYTES,
        .raw_crc32 = imgz_crc32(world->disk, RAW_BYTES),
        .raw_hash = imgz_xxh3_128(world->disk, RAW_BYTES),
    };
    world->slot.kind = IMGZ_SLOT_DATA;
    world->slot.raw_offset = OFFSET;
    world->slot.raw_bytes = RAW_BYTES;
    world->slot.stored_bytes = IMGZ_NOTE_CARRIER_BYTES + segment_bytes;
    write_note(world);
}

/* A right run of zeros, longer than a chunk. */
static void make_zeros(struct world *world)
{
    const uint64_t raw_bytes = 20 * CHUNK + 5;
    const uint64_t segment_bytes = imgz_zero_run_segment_bytes(raw_bytes);

    imgz_zero_run_make(raw_bytes, segment_of(world));
    world->note = (struct imgz_note){
        .kind = IMGZ_NOTE_ZERO,
        .payload_bytes = (uint32_t)segment_bytes,
        .raw_offset = OFFSET,
        .raw_bytes = (uint32_t)raw_bytes,
        .raw_crc32 = imgz_crc32_zeros(raw_bytes),
    };
    world->slot.kind = IMGZ_SLOT_ZERO;
    world->slot.raw_offset = OFFSET;
    world->slot.raw_bytes = raw_bytes;
    world->slot.stored_bytes = IMGZ_NOTE_CARRIER_BYTES + segment_bytes;
    write_note(world);
}

static enum imgz_fault check(struct world *world)
{
    world->slot.fault = IMGZ_FAULT_NONE;
    world->slot.checked = false;
    imgz_chunk_decode(&world->decoder, &world->slot);
    assert_int_equal(world->slot.checked, world->slot.fault == IMGZ_FAULT_NONE);
    return world->slot.fault;
}

/* Without inflating: never proves anything of raw bytes. */
static enum imgz_fault scrub(struct world *world)
{
    world->slot.fault = IMGZ_FAULT_NONE;
    world->slot.checked = false;
    imgz_chunk_check_stored(&world->slot);
    assert_false(world->slot.checked);
    return world->slot.fault;
}

static void right_chunks_are_proven(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    make_chunk(&world);
    memset(world.slot.raw, 0xee, CHUNK);
    memset(world.slot.zero_map, 0xee, CHUNK / IMGZ_BLOCK_BYTES);
    assert_int_equal(check(&world), IMGZ_FAULT_NONE);
    assert_memory_equal(world.slot.raw, world.disk, RAW_BYTES);
    assert_int_equal(world.slot.raw_crc32, world.note.raw_crc32);
    assert_true(imgz_hash_equal(&world.slot.raw_hash, &world.note.raw_hash));
    for (size_t i = 0; i < CHUNK / IMGZ_BLOCK_BYTES; i++)
        assert_int_equal(world.slot.zero_map[i], i == 1);
    make_zeros(&world);
    assert_int_equal(check(&world), IMGZ_FAULT_NONE);
    close_world(&world);
}

static void a_scrub_takes_sums_from_the_note(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    make_chunk(&world);
    memset(world.slot.raw, 0xee, CHUNK);
    assert_int_equal(scrub(&world), IMGZ_FAULT_NONE);
    assert_int_equal(world.slot.raw[0], 0xee);
    assert_int_equal(world.slot.raw_crc32, world.note.raw_crc32);
    assert_true(imgz_hash_equal(&world.slot.raw_hash, &world.note.raw_hash));
    make_zeros(&world);
    assert_int_equal(scrub(&world), IMGZ_FAULT_NONE);
    close_world(&world);
}

/* Every byte of note and segment, damaged: found, and never proven. */
static void damaged_bytes_are_found(void **state)
{
    (void)state;
    for (int zeros = 0; zeros < 2; zeros++) {
        struct world world;

        open_world(&world);
        if (zeros)
            make_zeros(&world);
        else
            make_chunk(&world);
        for (size_t at = 0; at < world.slot.stored_bytes; at += at < 400 ? 1 : 7) {
            const enum imgz_fault fault =
                at < IMGZ_NOTE_CARRIER_BYTES ? IMGZ_FAULT_NOTE : IMGZ_FAULT_PAYLOAD;

            world.slot.stored[at] ^= (unsigned char)(1u << at % 8);
            assert_int_equal(check(&world), fault);
            assert_int_equal(scrub(&world), fault);
            world.slot.stored[at] ^= (unsigned char)(1u << at % 8);
        }
        assert_int_equal(check(&world), IMGZ_FAULT_NONE);
        close_world(&world);
    }
}

/* ---- Lies with right checks --------------------------------------------------------------------
 */

static void lie_kind(struct world *world)
{
    world->note.kind = IMGZ_NOTE_ZERO;
}

static void lie_kind_index(struct world *world)
{
    world->note.kind = IMGZ_NOTE_INDEX;
}

static void lie_offset(struct world *world)
{
    world->note.raw_offset += CHUNK;
}

static void lie_raw_bytes(struct world *world)
{
    world->note.raw_bytes -= 1;
}

static void lie_payload_bytes(struct world *world)
{
    world->note.payload_bytes -= 1;
}

static void lie_hash(struct world *world)
{
    world->note.raw_hash.bytes[15] ^= 1;
}

static void lie_crc32(struct world *world)
{
    world->note.raw_crc32 ^= 1;
}

static void longer_than_said(struct world *world)
{
    world->note.raw_bytes -= 1;
    world->slot.raw_bytes -= 1;
}

static void shorter_than_said(struct world *world)
{
    world->note.raw_bytes += 1;
    world->slot.raw_bytes += 1;
}

static void no_segment(struct world *world)
{
    memset(segment_of(world), 0xff, world->note.payload_bytes);
}

static void segment_not_closed(struct world *world)
{
    world->note.payload_bytes -= 3;
    world->slot.stored_bytes -= 3;
}

static void final_block(struct world *world)
{
    /* A final block makes a whole stream, after which nothing could follow. */
    segment_of(world)[0] |= 1;
}

static void other_bytes(struct world *world)
{
    enum imgz_deflate_form form;
    size_t segment_bytes = 0;

    world->disk[0] ^= 1;
    assert_int_equal(imgz_deflate_compress(world->deflate, world->disk, RAW_BYTES,
                                           segment_of(world), &segment_bytes, &form),
                     0);
    world->note.payload_bytes = (uint32_t)segment_bytes;
    world->slot.stored_bytes = IMGZ_NOTE_CARRIER_BYTES + segment_bytes;
}

static void zeros_flipped(struct world *world)
{
    segment_of(world)[world->note.payload_bytes / 2] ^= 4;
}

static void lies_with_right_checks_are_found(void **state)
{
    static const struct {
        void (*make)(struct world *world);
        void (*lie)(struct world *world);
        enum imgz_fault fault;
    } cases[] = {
        {make_chunk, lie_kind, IMGZ_FAULT_NOTE},
        {make_chunk, lie_kind_index, IMGZ_FAULT_NOTE},
        {make_chunk, lie_offset, IMGZ_FAULT_NOTE},
        {make_chunk, lie_raw_bytes, IMGZ_FAULT_NOTE},
        {make_chunk, lie_payload_bytes, IMGZ_FAULT_NOTE},
        {make_chunk, longer_than_said, IMGZ_FAULT_INFLATE},
        {make_chunk, shorter_than_said, IMGZ_FAULT_INFLATE},
        {make_chunk, no_segment, IMGZ_FAULT_INFLATE},
        {make_chunk, segment_not_closed, IMGZ_FAULT_INFLATE},
        {make_chunk, final_block, IMGZ_FAULT_INFLATE},
        {make_chunk, lie_hash, IMGZ_FAULT_RAW},
        {make_chunk, lie_crc32, IMGZ_FAULT_RAW},
        {make_chunk, other_bytes, IMGZ_FAULT_RAW},
        {make_zeros, lie_offset, IMGZ_FAULT_NOTE},
        {make_zeros, lie_hash, IMGZ_FAULT_ZERO},
        {make_zeros, lie_crc32, IMGZ_FAULT_ZERO},
        {make_zeros, longer_than_said, IMGZ_FAULT_ZERO},
        {make_zeros, zeros_flipped, IMGZ_FAULT_ZERO},
    };

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        struct world world;

        open_world(&world);
        cases[i].make(&world);
        cases[i].lie(&world);
        write_note(&world);
        assert_int_equal(check(&world), cases[i].fault);
        /* What only inflating can tell, a scrub does not. */
        if (cases[i].fault == IMGZ_FAULT_INFLATE || cases[i].fault == IMGZ_FAULT_RAW)
            assert_int_equal(scrub(&world), IMGZ_FAULT_NONE);
        else
            assert_int_equal(scrub(&world), cases[i].fault);
        close_world(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_chunks_are_proven),
        cmocka_unit_test(a_scrub_takes_sums_from_the_note),
        cmocka_unit_test(damaged_bytes_are_found),
        cmocka_unit_test(lies_with_right_checks_are_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
