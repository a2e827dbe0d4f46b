/* SPDX-License-Identifier: MIT */
/* What the image writer makes of a disk's items: the same bytes however the zeros came in and
 * wherever it went on from, an image to zlib and to the loader; and what a failing sink does. */
#include "image/image_writer.h"

#include <errno.h>
#include <imgz/imgz.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "fixture.h"
#include "image/image.h"
#include "image_maker.h"
#include "memory_source.h"

#define CHUNK      ((uint64_t)IMGZ_MAKER_CHUNK)
#define RUN_CHUNKS 1024u /* the format's limit for chunks of this size */
#define ENTRIES    9u    /* of the longest index */

/* Runs below, at and above the limit; the last chunk is cut, and holds data. */
static const struct imgz_maker_piece mixed_pieces[] = {
    {IMGZ_SAMPLE_RANDOM, 1},  {IMGZ_SAMPLE_ZERO, 3}, {IMGZ_SAMPLE_TEXT, 2},
    {IMGZ_SAMPLE_ZERO, 1024}, {IMGZ_SAMPLE_TEXT, 1}, {IMGZ_SAMPLE_ZERO, 1025},
    {IMGZ_SAMPLE_RECORDS, 1},
};
/* Data in front, and zeros to the end, in the middle of a chunk. */
static const struct imgz_maker_piece tail_pieces[] = {
    {IMGZ_SAMPLE_TEXT, 1},
    {IMGZ_SAMPLE_ZERO, 1500},
};
/* Two pieces of zeros are one run. */
static const struct imgz_maker_piece zero_pieces[] = {
    {IMGZ_SAMPLE_ZERO, 1000},
    {IMGZ_SAMPLE_ZERO, 1100},
};
static const struct imgz_maker_piece data_pieces[] = {{IMGZ_SAMPLE_MIXED, 5}};

static const struct {
    struct imgz_maker_disk disk;
    size_t entry_count;
    uint32_t runs[ENTRIES]; /* of the index's entries: chunks of zeros, or 0 for one of data */
} cases[] = {
    {{mixed_pieces, 7, 777, IMGZ_HASH_XXH3, NULL}, 9, {0, 3, 0, 0, 1024, 0, 1024, 1, 0}},
    {{mixed_pieces, 6, 0, IMGZ_HASH_SHA256, NULL}, 8, {0, 3, 0, 0, 1024, 0, 1024, 1}},
    {{tail_pieces, 2, 5000, IMGZ_HASH_XXH3, NULL}, 3, {0, 1024, 476}},
    {{zero_pieces, 2, 1, IMGZ_HASH_XXH3, NULL}, 3, {1024, 1024, 52}},
    {{data_pieces, 1, 65000, IMGZ_HASH_SHA256, NULL}, 5, {0}},
    {{NULL, 0, 0, IMGZ_HASH_XXH3, NULL}, 0, {0}},
};

struct world {
    struct imgz_fixture fixture;
    struct imgz_image_maker maker;
};

static void open_world(struct world *world)
{
    memset(world, 0, sizeof(*world));
    world->maker.seed = 1;
    imgz_fixture_init(&world->fixture);
}

static int make(struct world *world, const struct imgz_maker_disk *disk)
{
    int rc;

    imgz_image_maker_open(&world->maker, disk, world->fixture.latch, &world->fixture.log);
    rc = imgz_image_maker_run(&world->maker);
    imgz_image_maker_close(&world->maker);
    return rc;
}

static void close_world(struct world *world)
{
    free(world->maker.memory.data);
    imgz_fixture_fini(&world->fixture);
}

/* Loads what the sink of 'world' holds. */
static void load(struct world *world, struct imgz_memory_source *source, struct imgz_image *image)
{
    *source = (struct imgz_memory_source){.data = world->maker.memory.data,
                                          .bytes = world->maker.memory.bytes};
    *image = (struct imgz_image){.source = imgz_memory_source_open(source)};
    assert_int_equal(
        imgz_image_load(image, IMGZ_IMAGE_ALL, world->fixture.latch, &world->fixture.log), 0);
    assert_int_equal(image->image_bytes, source->bytes);
}

/* ---- What it is, to others ---------------------------------------------------------------- */

/* zlib unpacks all of it to the disk, and finds nothing behind it. */
static void check_zlib(const struct imgz_memory_sink *memory, const struct imgz_maker_disk *disk)
{
    static unsigned char out[CHUNK];
    static unsigned char wanted[CHUNK];
    const uint64_t disk_bytes = imgz_maker_disk_bytes(disk);
    z_stream zlib = {.next_in = memory->data, .avail_in = (uInt)memory->bytes};
    uint64_t at = 0;
    int status = Z_OK;

    assert_int_equal(inflateInit2(&zlib, 15 + 16), Z_OK);
    while (status == Z_OK) {
        size_t bytes;

        zlib.next_out = out;
        zlib.avail_out = (uInt)CHUNK;
        status = inflate(&zlib, Z_NO_FLUSH);
        bytes = CHUNK - zlib.avail_out;
        assert_true(bytes <= disk_bytes - at);
        if (bytes > 0) {
            assert_int_equal(imgz_maker_disk_chunk(disk, at, wanted), bytes);
            assert_memory_equal(out, wanted, bytes);
        }
        at += bytes;
    }
    assert_int_equal(status, Z_STREAM_END); /* CRC-32 and size are right, too */
    assert_int_equal(at, disk_bytes);
    assert_int_equal(zlib.avail_in, 0);
    assert_int_equal(inflateEnd(&zlib), Z_OK);
}

static uint32_t zlib_crc32(const struct imgz_maker_disk *disk)
{
    static unsigned char chunk[CHUNK];
    const uint64_t disk_bytes = imgz_maker_disk_bytes(disk);
    uLong crc = crc32(0, NULL, 0);

    for (uint64_t at = 0; at < disk_bytes; at += CHUNK)
        crc = crc32(crc, chunk, (uInt)imgz_maker_disk_chunk(disk, at, chunk));
    return (uint32_t)crc;
}

static void check_image(const struct imgz_image *image, size_t case_index)
{
    const struct imgz_maker_disk *disk = &cases[case_index].disk;
    struct imgz_index_cursor cursor;
    struct imgz_index_item item;
    size_t count = 0;

    assert_int_equal(image->header.hash, disk->hash);
    assert_int_equal(image->end.raw_bytes, imgz_maker_disk_bytes(disk));
    assert_int_equal(image->end.raw_crc32, zlib_crc32(disk));
    assert_int_equal(image->index.entry_count, cases[case_index].entry_count);
    assert_int_equal(image->meta.count, 0);
    imgz_index_rewind(&image->index, image->end.raw_bytes, &cursor);
    for (; imgz_index_next(&cursor, &item) == 0; count++) {
        const uint32_t run = cases[case_index].runs[count];

        assert_int_equal(item.kind, run > 0 ? IMGZ_NOTE_ZERO : IMGZ_NOTE_CHUNK);
        assert_int_equal(imgz_div_up(item.raw_bytes, CHUNK), imgz_max(run, 1));
    }
    assert_int_equal(count, cases[case_index].entry_count);
}

static void what_is_written_is_an_image(void **state)
{
    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        struct imgz_memory_source source;
        struct imgz_image image;
        struct world world;

        open_world(&world);
        assert_int_equal(make(&world, &cases[i].disk), 0);
        assert_true(world.maker.memory.flushed);
        check_zlib(&world.maker.memory, &cases[i].disk);
        load(&world, &source, &image);
        check_image(&image, i);
        imgz_image_fini(&image);
        close_world(&world);
    }
}

/* ---- The same bytes ----------------------------------------------------------------------- */

static void check_same(const struct world *got, const struct world *wanted)
{
    assert_int_equal(got->maker.memory.bytes, wanted->maker.memory.bytes);
    assert_memory_equal(got->maker.memory.data, wanted->maker.memory.data,
                        wanted->maker.memory.bytes);
}

static void make_otherwise(const struct imgz_maker_disk *disk, const struct world *wanted,
                           enum imgz_maker_zeros zeros, uint64_t seed)
{
    struct world world;

    open_world(&world);
    world.maker.zeros = zeros;
    world.maker.seed = seed;
    world.maker.settles = seed % 2 == 0;
    assert_int_equal(make(&world, disk), 0);
    check_same(&world, wanted);
    close_world(&world);
}

static void bytes_do_not_depend_on_how_zeros_came_in(void **state)
{
    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        struct world wanted;

        open_world(&wanted);
        assert_int_equal(make(&wanted, &cases[i].disk), 0);
        make_otherwise(&cases[i].disk, &wanted, IMGZ_MAKER_CHUNKS, 1);
        for (uint64_t seed = 2; seed < 8; seed++)
            make_otherwise(&cases[i].disk, &wanted, IMGZ_MAKER_MIXED, seed);
        close_world(&wanted);
    }
}

/* ---- Going on ----------------------------------------------------------------------------- */

/* The index of what is before 'item'. */
static struct imgz_index take_index(const struct imgz_image *image,
                                    const struct imgz_index_cursor *cursor,
                                    const struct imgz_index_item *item)
{
    struct imgz_index index;
    struct imgz_index_cursor from;
    struct imgz_index_item before;

    imgz_index_init(&index, image->index.chunk_bytes);
    imgz_index_rewind(&image->index, image->end.raw_bytes, &from);
    while (from.entry_index + 1 < cursor->entry_index) {
        assert_int_equal(imgz_index_next(&from, &before), 0);
        if (before.kind == IMGZ_NOTE_ZERO)
            assert_int_equal(imgz_index_add_zero(&index, before.raw_bytes), 0);
        else
            assert_int_equal(imgz_index_add_chunk(&index, (uint32_t)before.segment_bytes,
                                                  &image->index.hashes[before.hash_index]),
                             0);
    }
    assert_int_equal(from.next.image_offset, item->image_offset);
    return index;
}

/* Goes on where 'item' is, in a sink that has other bytes from there. */
static void resume_at(const struct world *whole, const struct imgz_image *image,
                      const struct imgz_index_cursor *cursor, const struct imgz_index_item *item)
{
    struct world world;

    open_world(&world);
    world.maker.zeros = IMGZ_MAKER_MIXED;
    world.maker.seed = 1 + item->raw_offset;
    world.maker.resume_image_bytes = item->image_offset;
    world.maker.resume_raw_bytes = item->raw_offset;
    world.maker.resume_index = take_index(image, cursor, item);
    imgz_memory_sink_grow(&world.maker.memory, item->image_offset + 1000);
    memcpy(world.maker.memory.data, whole->maker.memory.data, item->image_offset);
    memset(world.maker.memory.data + item->image_offset, 0xee, 1000);
    world.maker.memory.bytes = item->image_offset + 1000;
    assert_int_equal(make(&world, whole->maker.disk), 0);
    assert_null(world.maker.resume_index.entries); /* taken */
    check_same(&world, whole);
    close_world(&world);
}

static void it_goes_on_after_any_item(void **state)
{
    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        struct imgz_index_cursor cursor;
        struct imgz_index_item item;
        struct imgz_memory_source source;
        struct imgz_image image;
        struct world whole;

        open_world(&whole);
        assert_int_equal(make(&whole, &cases[i].disk), 0);
        load(&whole, &source, &image);
        imgz_index_rewind(&image.index, image.end.raw_bytes, &cursor);
        while (imgz_index_next(&cursor, &item) == 0)
            resume_at(&whole, &image, &cursor, &item);
        imgz_image_fini(&image);
        close_world(&whole);
    }
}

/* ---- Metadata ----------------------------------------------------------------------------- */

static void metadata_comes_back(void **state)
{
    static char longest[20000]; /* more than is carried at once */
    struct imgz_maker_disk disk = cases[4].disk;
    struct imgz_memory_source source;
    struct imgz_image image;
    struct imgz_meta meta;
    struct world world;

    (void)state;
    memset(longest, 'x', sizeof(longest) - 1);
    imgz_meta_init(&meta);
    assert_int_equal(imgz_meta_add(&meta, "source.path", "/dev/sd\x1b[2Ja %41 \xc3\xa4"), 0);
    assert_int_equal(imgz_meta_add(&meta, "long", longest), 0);
    assert_int_equal(imgz_meta_add_number(&meta, "number", UINT64_MAX), 0);
    disk.meta = &meta;
    open_world(&world);
    assert_int_equal(make(&world, &disk), 0);
    check_zlib(&world.maker.memory, &disk);
    load(&world, &source, &image);
    assert_int_equal(image.meta.count, meta.count);
    for (uint32_t i = 0; i < meta.count; i++) {
        assert_string_equal(image.meta.pairs[i].key, meta.pairs[i].key);
        assert_string_equal(image.meta.pairs[i].value, meta.pairs[i].value);
    }
    imgz_image_fini(&image);
    imgz_meta_fini(&meta);
    close_world(&world);
}

/* ---- Failures ----------------------------------------------------------------------------- */

/* Call 'fail_at' of the sink fails, if it comes so far. Then the error is that one, nobody writes
 * any more, and both slots are free (close() of the maker). */
static bool fails_once(const struct imgz_maker_disk *disk, bool settles, uint32_t fail_at)
{
    struct world world;
    const struct imgz_error *error;
    int rc;

    open_world(&world);
    world.maker.zeros = IMGZ_MAKER_CHUNKS;
    world.maker.settles = settles;
    world.maker.memory.fail_at = fail_at;
    rc = make(&world, disk);
    error = imgz_latch_error(world.fixture.latch);
    assert_int_equal(rc, world.maker.memory.raise_count == 0 ? 0 : -EIO);
    assert_int_equal(error->code, rc);
    if (rc < 0) {
        assert_int_equal(world.maker.memory.call_count, fail_at);
        assert_int_equal(error->stage, IMGZ_STAGE_WRITE_IMAGE);
        assert_string_equal(error->path, "memory");
        assert_false(world.maker.memory.flushed);
    }
    close_world(&world);
    return rc < 0;
}

/* Returns how many calls there were: each of them failed once. */
static uint32_t fail_every_call(const struct imgz_maker_disk *disk, bool settles)
{
    uint32_t fail_at = 1;

    while (fails_once(disk, settles, fail_at))
        fail_at += 1;
    return fail_at - 1;
}

static void a_failing_sink_is_raised_once(void **state)
{
    /* A run that is cut, with data after it. */
    static const struct imgz_maker_piece pieces[] = {
        {IMGZ_SAMPLE_TEXT, 1},
        {IMGZ_SAMPLE_ZERO, RUN_CHUNKS + 2},
        {IMGZ_SAMPLE_RANDOM, 1},
    };
    struct imgz_meta meta;
    const struct imgz_maker_disk disk = {pieces, 3, 0, IMGZ_HASH_XXH3, &meta};

    (void)state;
    imgz_meta_init(&meta);
    assert_int_equal(imgz_meta_add(&meta, "key", "value"), 0);
    /* Open, header, 4 items, note and payload of 3 sections, end, finish, flush. */
    assert_int_equal(fail_every_call(&disk, false), 1 + 1 + 4 + 3 * 2 + 1 + 1 + 1);
    assert_int_equal(fail_every_call(&cases[4].disk, true), 1 + 1 + 5 * 2 + 2 * 2 + 1 + 1 + 1);
    imgz_meta_fini(&meta);
}

/* A writer that could not be begun can be ended. */
static void a_writer_that_never_was_is_ended(void **state)
{
    struct imgz_image_writer writer;
    struct world world;

    (void)state;
    open_world(&world);
    world.maker.memory.fail_at = 1;
    imgz_image_maker_open(&world.maker, &cases[5].disk, world.fixture.latch, &world.fixture.log);
    memset(&writer, 0xee, sizeof(writer));
    world.maker.writer = writer;
    assert_int_equal(imgz_image_maker_begin(&world.maker), -EIO);
    assert_int_equal(imgz_image_writer_bytes(&world.maker.writer), 0);
    imgz_image_writer_fini(&world.maker.writer);
    imgz_image_maker_close(&world.maker);
    close_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_an_image),
        cmocka_unit_test(bytes_do_not_depend_on_how_zeros_came_in),
        cmocka_unit_test(it_goes_on_after_any_item),
        cmocka_unit_test(metadata_comes_back),
        cmocka_unit_test(a_failing_sink_is_raised_once),
        cmocka_unit_test(a_writer_that_never_was_is_ended),
    };

    return cmocka_run_group_tests_name("image writer", tests, NULL, NULL);
}
