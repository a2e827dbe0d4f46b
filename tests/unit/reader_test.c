/* SPDX-License-Identifier: MIT */
/* What the reader feeds: every byte of a source once, in order, holes as zeros that nobody reads;
 * of files and of a kind of source that has no descriptor. */
#include "io/source/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fixture.h"
#include "memory_source.h"
#include "pipeline/threads.h"

#define CHUNK_BYTES 65536u
#define CHUNKS      40u
#define SIZE_BYTES  ((uint64_t)CHUNKS * CHUNK_BYTES - 5000)
#define SLOTS       8u

struct reading {
    struct imgz_fixture fixture;
    struct imgz_reader_config config;
    struct imgz_pipeline *pipeline;
    const char *io_name;
    unsigned char *got; /* what was fed, by its place */
    uint64_t end_bytes; /* as far as it was fed */
    uint64_t zero_bytes;
    uint32_t zero_slot_count;
};

static unsigned char data[SIZE_BYTES];

static void fill_data(void)
{
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (unsigned char)(i * 7 + i / 251 + 1);
}

static int feed(void *context, struct imgz_pipeline *pipeline)
{
    struct reading *reading = context;

    return imgz_reader_run(&reading->config, pipeline);
}

static int work(void *context, uint32_t worker_index, struct imgz_slot *slot)
{
    const struct reading *reading = context;

    (void)worker_index;
    imgz_reader_fetch(reading->config.source, slot);
    return 0;
}

static int take(struct reading *reading, const struct imgz_slot *slot)
{
    IMGZ_ASSERT(slot->raw_offset == reading->end_bytes);
    if (slot->fault == IMGZ_FAULT_READ)
        return imgz_reader_raise(reading->config.source, reading->fixture.latch, slot);
    if (slot->kind == IMGZ_SLOT_ZERO) {
        reading->zero_bytes += slot->raw_bytes;
        reading->zero_slot_count += 1;
        memset(reading->got + slot->raw_offset, 0, slot->raw_bytes);
    } else {
        IMGZ_ASSERT(slot->raw_bytes <= CHUNK_BYTES);
        memcpy(reading->got + slot->raw_offset, slot->raw, slot->raw_bytes);
    }
    reading->end_bytes += slot->raw_bytes;
    return 0;
}

static int drain(void *context, struct imgz_pipeline *pipeline)
{
    struct reading *reading = context;
    struct imgz_slot *slot = NULL;
    int rc;

    while ((rc = imgz_pipeline_take(pipeline, &slot)) == 0) {
        rc = take(reading, slot);
        if (rc < 0)
            return rc;
        imgz_pipeline_give_back(pipeline, &slot);
    }
    return rc == -ENODATA ? 0 : rc;
}

static void begin(struct reading *reading)
{
    *reading = (struct reading){0};
    imgz_fixture_init(&reading->fixture);
    fill_data();
    reading->got = malloc(SIZE_BYTES);
    assert_non_null(reading->got);
}

static void end(struct reading *reading)
{
    imgz_source_close(reading->config.source);
    free(reading->got);
    imgz_fixture_fini(&reading->fixture);
}

/* Reads all of 'source' with two workers; what imgz_threads_run() returns. */
static int run(struct reading *reading, struct imgz_source *source)
{
    const struct imgz_pool_config pool = {.slot_count = SLOTS, .raw_capacity_bytes = CHUNK_BYTES};
    const struct imgz_threads_plan plan = {.job = reading,
                                           .worker_count = 2,
                                           .feed = feed,
                                           .work = work,
                                           .drain = drain,
                                           .watch.progress_interval_ms = 1000};
    struct imgz_threads_usage usage;
    int rc;

    reading->config.source = source;
    reading->config.size_bytes = imgz_source_size(source);
    reading->config.chunk_bytes = CHUNK_BYTES;
    reading->config.zero_bytes_max = (uint64_t)16 * CHUNK_BYTES;
    reading->config.io_name = &reading->io_name;
    reading->end_bytes = reading->config.from_bytes;
    assert_int_equal(imgz_pipeline_create(&pool, reading->fixture.latch, &reading->fixture.log,
                                          &reading->pipeline),
                     0);
    rc = imgz_threads_run(&plan, reading->pipeline, &usage);
    imgz_pipeline_destroy(reading->pipeline);
    return rc;
}

static struct imgz_source *open_file(struct reading *reading, enum imgz_direct direct)
{
    const struct imgz_fixture_path path = imgz_fixture_path(&reading->fixture, "disk");
    const struct imgz_source_config config = {.path = path.text,
                                              .stage = IMGZ_STAGE_READ_SOURCE,
                                              .direct = direct};
    struct imgz_source *source = NULL;

    if (imgz_source_open(&config, reading->fixture.latch, &reading->fixture.log, &source) < 0)
        return NULL; /* this file system knows no direct I/O */
    return source;
}

static void a_file_comes_as_it_is(void **state)
{
    static const enum imgz_direct ways[] = {IMGZ_DIRECT_OFF, IMGZ_DIRECT_ON};

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(ways); i++) {
        struct reading reading;
        struct imgz_source *source;

        begin(&reading);
        imgz_fixture_write(&reading.fixture, "disk", data, SIZE_BYTES);
        source = open_file(&reading, ways[i]);
        if (source != NULL) {
            assert_int_equal(run(&reading, source), 0);
            assert_int_equal(reading.end_bytes, SIZE_BYTES);
            assert_memory_equal(reading.got, data, SIZE_BYTES);
            assert_int_equal(reading.zero_bytes, 0);
        }
        end(&reading);
    }
}

static void a_kind_without_a_descriptor_is_read_by_the_workers(void **state)
{
    struct imgz_memory_source memory = {.data = data, .bytes = SIZE_BYTES};
    struct reading reading;

    (void)state;
    begin(&reading);
    assert_int_equal(run(&reading, imgz_memory_source_open(&memory)), 0);
    assert_int_equal(reading.end_bytes, SIZE_BYTES);
    assert_memory_equal(reading.got, data, SIZE_BYTES);
    assert_string_equal(reading.io_name, "pread");
    end(&reading);
    assert_true(memory.closed);
}

/* Whole chunks of a hole are zeros that nobody reads; a chunk with some data is read. */
static void holes_are_not_read(void **state)
{
    static const struct imgz_extent extents[] = {
        {3 * CHUNK_BYTES + 100, 4 * CHUNK_BYTES},
        {20 * CHUNK_BYTES, 20 * CHUNK_BYTES + 1},
    };
    struct imgz_memory_source memory = {
        .data = data, .bytes = SIZE_BYTES, .extents = extents, .extent_count = 2};
    struct reading reading;

    (void)state;
    begin(&reading);
    assert_int_equal(run(&reading, imgz_memory_source_open(&memory)), 0);
    assert_int_equal(reading.end_bytes, SIZE_BYTES);
    assert_int_equal(reading.zero_bytes, SIZE_BYTES - 2 * CHUNK_BYTES);
    assert_int_equal(reading.zero_slot_count, 1 + 1 + 2); /* 3 chunks, 16, and 19 as 16 and 3 */
    assert_memory_equal(reading.got + 3 * CHUNK_BYTES, data + 3 * CHUNK_BYTES, CHUNK_BYTES);
    assert_memory_equal(reading.got + 20 * CHUNK_BYTES, data + 20 * CHUNK_BYTES, CHUNK_BYTES);
    end(&reading);
}

static void reading_begins_where_it_is_told_to(void **state)
{
    struct imgz_memory_source memory = {.data = data, .bytes = SIZE_BYTES};
    const uint64_t from = 7 * CHUNK_BYTES;
    struct reading reading;

    (void)state;
    begin(&reading);
    reading.config.from_bytes = from;
    assert_int_equal(run(&reading, imgz_memory_source_open(&memory)), 0);
    assert_int_equal(reading.end_bytes, SIZE_BYTES);
    assert_memory_equal(reading.got + from, data + from, SIZE_BYTES - from);
    end(&reading);
}

static void a_stream_comes_to_its_end(void **state)
{
    static const uint64_t sizes[] = {0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, SIZE_BYTES};

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(sizes); i++) {
        struct imgz_memory_source memory = {.data = data, .bytes = sizes[i], .stream = true};
        struct reading reading;

        begin(&reading);
        assert_int_equal(run(&reading, imgz_memory_source_open(&memory)), 0);
        assert_int_equal(reading.end_bytes, sizes[i]);
        assert_memory_equal(reading.got, data, sizes[i]);
        end(&reading);
    }
}

/* The offset is that of the first byte that cannot be read, whoever read it. */
static void failures_are_told_with_their_offset(void **state)
{
    const uint64_t bad = 11 * CHUNK_BYTES + 4096;
    struct imgz_memory_source cases[] = {
        {.data = data, .bytes = SIZE_BYTES, .bad = {bad, 1}},
        {.data = data, .bytes = SIZE_BYTES, .bad = {bad, 1}, .stream = true},
        {.data = data, .bytes = SIZE_BYTES, .ends_at = bad},
    };
    static const int codes[] = {-EIO, -EIO, -ENODATA};

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        struct reading reading;
        const struct imgz_error *error;

        begin(&reading);
        assert_int_equal(run(&reading, imgz_memory_source_open(&cases[i])), codes[i]);
        error = imgz_latch_error(reading.fixture.latch);
        assert_int_equal(error->offset, bad);
        assert_string_equal(error->path, "memory");
        assert_int_equal(error->stage, IMGZ_STAGE_READ_SOURCE);
        end(&reading);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_comes_as_it_is),
        cmocka_unit_test(a_kind_without_a_descriptor_is_read_by_the_workers),
        cmocka_unit_test(holes_are_not_read),
        cmocka_unit_test(reading_begins_where_it_is_told_to),
        cmocka_unit_test(a_stream_comes_to_its_end),
        cmocka_unit_test(failures_are_told_with_their_offset),
    };

    return cmocka_run_group_tests_name("reader", tests, NULL, NULL);
}
