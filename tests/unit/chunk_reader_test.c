/* SPDX-License-Identifier: MIT */
#include "image/chunk_reader.h"

#include <errno.h>
#include <imgz/imgz.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"
#include "sample.h"

/* A disk of two chunks, three of zeros, and a part of a chunk. */
#define CHUNK      ((uint64_t)IMGZ_CHUNK_BYTES_MIN)
#define ZERO_BEGIN (2 * CHUNK)
#define ZERO_END   (5 * CHUNK)
#define DISK_BYTES (5 * CHUNK + 777)

static struct imgz_fixture fixture;
static unsigned char *disk;

static int set_up(void **state)
{
    struct imgz_options options;

    (void)state;
    imgz_fixture_init(&fixture);
    disk = calloc(1, DISK_BYTES);
    IMGZ_ASSERT(disk != NULL);
    imgz_sample_fill(IMGZ_SAMPLE_RANDOM, 1, disk, ZERO_BEGIN);
    imgz_sample_fill(IMGZ_SAMPLE_TEXT, 2, disk + ZERO_END, DISK_BYTES - ZERO_END);
    imgz_fixture_write(&fixture, "disk", disk, DISK_BYTES);
    imgz_options_init(&options, sizeof(options));
    options.chunk_bytes = (uint32_t)CHUNK;
    return imgz_capture(imgz_fixture_path(&fixture, "disk").text,
                        imgz_fixture_path(&fixture, "image").text, &options, NULL, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    imgz_fixture_fini(&fixture);
    free(disk);
    return 0;
}

/* True if what the chunk reader has is the item of the disk at 'offset'. */
static bool has(const struct imgz_chunk_reader *chunks, uint64_t offset)
{
    const struct imgz_slot *slot = &chunks->slot;
    const bool zero = offset >= ZERO_BEGIN && offset < ZERO_END;

    if (slot->fault != IMGZ_FAULT_NONE || !slot->checked || offset < slot->raw_offset ||
        offset >= slot->raw_offset + slot->raw_bytes)
        return false;
    if (zero)
        return slot->kind == IMGZ_SLOT_ZERO && slot->raw_bytes == ZERO_END - ZERO_BEGIN;
    return slot->kind == IMGZ_SLOT_DATA &&
           memcmp(slot->raw, disk + slot->raw_offset, slot->raw_bytes) == 0;
}

static void chunks_come_in_any_order(void **state)
{
    static const uint64_t offsets[] = {0,
                                       1,
                                       CHUNK,
                                       ZERO_BEGIN + CHUNK + 5,
                                       ZERO_END - 1,
                                       ZERO_END,
                                       CHUNK - 1,
                                       DISK_BYTES - 1,
                                       ZERO_BEGIN,
                                       0};
    const struct imgz_fixture_path path = imgz_fixture_path(&fixture, "image");
    struct imgz_chunk_reader chunks;
    struct imgz_image image;

    (void)state;
    assert_int_equal(imgz_image_init(path.text, NULL, fixture.latch, &fixture.log, &image), 0);
    assert_int_equal(imgz_chunk_reader_init(&chunks, &image), 0);
    for (size_t i = 0; i < IMGZ_COUNT_OF(offsets); i++) {
        imgz_chunk_reader_seek(&chunks, offsets[i]);
        assert_true(has(&chunks, offsets[i]));
    }
    imgz_chunk_reader_fini(&chunks);
    imgz_image_fini(&image);
}

/* A table of hashes that was changed in memory stands for one that does not fit the notes. */
static void what_is_wrong_is_in_the_slot(void **state)
{
    const struct imgz_fixture_path path = imgz_fixture_path(&fixture, "image");
    struct imgz_chunk_reader chunks;
    struct imgz_image image;

    (void)state;
    assert_int_equal(imgz_image_init(path.text, NULL, fixture.latch, &fixture.log, &image), 0);
    image.index.hashes[1].bytes[15] ^= 1;
    assert_int_equal(imgz_chunk_reader_init(&chunks, &image), 0);
    imgz_chunk_reader_seek(&chunks, CHUNK);
    assert_int_equal(chunks.slot.fault, IMGZ_FAULT_TABLE);
    imgz_chunk_reader_seek(&chunks, 0);
    assert_true(has(&chunks, 0));
    assert_int_equal(truncate(path.text, 1000), 0);
    imgz_chunk_reader_seek(&chunks, ZERO_END);
    assert_int_equal(chunks.slot.fault, IMGZ_FAULT_READ);
    assert_int_equal(chunks.slot.read_rc, 0);
    imgz_chunk_reader_fini(&chunks);
    imgz_image_fini(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_come_in_any_order),
        cmocka_unit_test(what_is_wrong_is_in_the_slot),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
