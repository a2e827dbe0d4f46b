/* SPDX-License-Identifier: MIT */
/* What a pipeline's meter says of items that pass it. */
#include "pipeline/meter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define CHUNK_BYTES ((uint64_t)1 << 20)
#define CHUNKS      256u

static struct imgz_meter meter;

enum item { DATA, BLANK, HOLE };

static void add(uint64_t chunk, enum item item)
{
    const struct imgz_slot slot = {
        .kind = item == DATA ? IMGZ_SLOT_DATA : IMGZ_SLOT_ZERO,
        .fed_zero = item == HOLE,
        .raw_offset = chunk * CHUNK_BYTES,
        .raw_bytes = CHUNK_BYTES,
        .stored_bytes = 1000,
    };

    imgz_meter_add(&meter, &slot);
}

static struct imgz_progress read_meter(void)
{
    struct imgz_progress progress = {.raw_bytes_total = CHUNKS * CHUNK_BYTES};

    imgz_meter_read(&meter, &progress);
    return progress;
}

static void start(const struct imgz_meter_config *config, uint64_t total_bytes)
{
    imgz_meter_init(&meter, config);
    imgz_meter_set_total(&meter, total_bytes);
}

/* Zeros that were read are work and blank; a hole is neither. */
static void items_are_told_apart(void **state)
{
    const struct imgz_meter_config config = {0};
    struct imgz_progress progress;

    (void)state;
    start(&config, CHUNKS * CHUNK_BYTES);
    assert_int_equal(read_meter().blank_bytes_ahead, IMGZ_SIZE_UNKNOWN);
    for (uint64_t i = 0; i < 30; i++)
        add(i, (enum item)(i % 3));
    progress = read_meter();
    assert_int_equal(progress.raw_bytes_done, 30 * CHUNK_BYTES);
    assert_int_equal(progress.zero_bytes_done, 20 * CHUNK_BYTES);
    assert_int_equal(progress.work_bytes_done, 20 * CHUNK_BYTES + 10 * CHUNK_BYTES / 1024);
    assert_int_equal(progress.blank_bytes_done, 10 * CHUNK_BYTES);
    assert_int_equal(progress.work_bytes_taken_over, 0);
}

/* It went on as it was: half of what was read was blank. */
static void without_a_word_of_free_space(void **state)
{
    const struct imgz_meter_config config = {0};
    struct imgz_progress progress;

    (void)state;
    start(&config, CHUNKS * CHUNK_BYTES);
    for (uint64_t i = 0; i < 100; i++)
        add(i, (enum item)(i % 2));
    progress = read_meter();
    assert_int_equal(progress.blank_bytes_ahead, (CHUNKS - 100) * CHUNK_BYTES / 2);
}

/* The free quarter was blank; three quarters of the rest are free. */
static void with_one(void **state)
{
    const struct imgz_meter_config config = {0};
    const struct imgz_free_region regions[] = {
        {.offset = 0, .bytes = 128 * CHUNK_BYTES, .free_bytes = 32 * CHUNK_BYTES},
        {.offset = 128 * CHUNK_BYTES, .bytes = 128 * CHUNK_BYTES, .free_bytes = 96 * CHUNK_BYTES},
    };
    struct imgz_progress progress;

    (void)state;
    start(&config, CHUNKS * CHUNK_BYTES);
    imgz_blanks_add(&meter.blanks, &regions[0]);
    imgz_blanks_add(&meter.blanks, &regions[1]);
    for (uint64_t i = 0; i < 128; i++)
        add(i, i % 4 == 0 ? BLANK : DATA);
    progress = read_meter();
    assert_in_range(progress.blank_bytes_ahead, 88 * CHUNK_BYTES, 96 * CHUNK_BYTES);
    for (uint64_t i = 128; i < 256; i++)
        add(i, i % 4 == 0 ? DATA : BLANK);
    assert_int_equal(read_meter().blank_bytes_ahead, 0);
    assert_int_equal(read_meter().blank_bytes_done, 128 * CHUNK_BYTES);
}

/* Where the total is not known, or work is what is stored, there is nothing to estimate. */
static void where_there_is_no_estimate(void **state)
{
    const struct imgz_meter_config plain = {0};
    const struct imgz_meter_config by_stored = {.by_stored = true};

    (void)state;
    start(&plain, IMGZ_SIZE_UNKNOWN);
    add(0, BLANK);
    assert_int_equal(read_meter().blank_bytes_ahead, IMGZ_SIZE_UNKNOWN);
    start(&by_stored, CHUNKS * 1000);
    add(0, DATA);
    assert_int_equal(read_meter().blank_bytes_ahead, IMGZ_SIZE_UNKNOWN);
    assert_int_equal(read_meter().work_bytes_done, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_are_told_apart),
        cmocka_unit_test(without_a_word_of_free_space),
        cmocka_unit_test(with_one),
        cmocka_unit_test(where_there_is_no_estimate),
    };

    return cmocka_run_group_tests_name("meter", tests, NULL, NULL);
}
