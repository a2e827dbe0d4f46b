/* SPDX-License-Identifier: MIT */
/* What is expected to be blank of made-up disks, beside what is. */
#include "pipeline/blanks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MIB         ((uint64_t)1 << 20)
#define CHUNK_BYTES MIB
#define CHUNKS      4096u

/* A disk of chunks, in groups, each with so much free. */
struct disk {
    bool blank[CHUNKS];
    uint64_t group_chunks;
    uint64_t free_chunks[CHUNKS]; /* by group */
};

static struct disk disk;
static struct imgz_blanks blanks;
static uint32_t seed = 1;

static uint32_t next_random(void)
{
    seed = seed * 1664525 + 1013904223;
    return seed >> 8;
}

static void start_disk(uint64_t group_chunks)
{
    memset(&disk, 0, sizeof(disk));
    memset(&blanks, 0, sizeof(blanks));
    disk.group_chunks = group_chunks;
}

static void tell_regions(void)
{
    for (uint64_t i = 0; i < CHUNKS / disk.group_chunks; i++)
        imgz_blanks_add(&blanks, &(struct imgz_free_region){
                                     .offset = i * disk.group_chunks * CHUNK_BYTES,
                                     .bytes = disk.group_chunks * CHUNK_BYTES,
                                     .free_bytes = disk.free_chunks[i] * CHUNK_BYTES,
                                 });
}

static void pass(uint64_t chunk)
{
    const struct imgz_slot slot = {
        .kind = disk.blank[chunk] ? IMGZ_SLOT_ZERO : IMGZ_SLOT_DATA,
        .raw_offset = chunk * CHUNK_BYTES,
        .raw_bytes = CHUNK_BYTES,
    };

    imgz_blanks_pass(&blanks, &slot);
}

static uint64_t blank_bytes_from(uint64_t chunk)
{
    uint64_t bytes = 0;

    for (; chunk < CHUNKS; chunk++)
        bytes += disk.blank[chunk] ? CHUNK_BYTES : 0;
    return bytes;
}

/* Passes the whole disk; from 'learned_chunks' on the estimate is off by no more than a share of
 * the disk. */
static void check_estimates(uint64_t learned_chunks, double error_max)
{
    tell_regions();
    for (uint64_t i = 0; i < CHUNKS; i++) {
        uint64_t estimate;
        double error;

        pass(i);
        estimate = imgz_blanks_estimate(&blanks, (CHUNKS - 1 - i) * CHUNK_BYTES);
        assert_true(estimate <= (CHUNKS - 1 - i) * CHUNK_BYTES);
        error = ((double)estimate - (double)blank_bytes_from(i + 1)) / (CHUNKS * CHUNK_BYTES);
        if (i >= learned_chunks && (error > error_max || error < -error_max))
            fail_msg("off by %.3f of the disk behind chunk %zu", error, (size_t)i);
    }
    assert_int_equal(imgz_blanks_estimate(&blanks, 0), 0);
}

/* Groups are filled from their start; the rest of each is free. */
static void fill_groups(bool free_is_blank)
{
    for (uint64_t i = 0; i < CHUNKS / disk.group_chunks; i++) {
        const uint64_t used = next_random() % (disk.group_chunks + 1);

        disk.free_chunks[i] = disk.group_chunks - used;
        for (uint64_t k = used; k < disk.group_chunks; k++)
            disk.blank[i * disk.group_chunks + k] = free_is_blank;
    }
}

static void free_space_that_is_blank(void **state)
{
    (void)state;
    for (uint64_t group_chunks = 4; group_chunks <= 256; group_chunks *= 4) {
        start_disk(group_chunks);
        fill_groups(true);
        check_estimates(CHUNKS / 4, 0.03);
    }
}

/* A drive that was full once: what is free holds what was deleted. */
static void free_space_that_is_not(void **state)
{
    (void)state;
    start_disk(128);
    fill_groups(false);
    check_estimates(0, 0);
}

/* Half of what is free is blank, here and there. */
static void free_space_of_both_kinds(void **state)
{
    (void)state;
    start_disk(16);
    fill_groups(true);
    for (uint64_t i = 0; i < CHUNKS; i++)
        disk.blank[i] = disk.blank[i] && next_random() % 2 == 0;
    check_estimates(CHUNKS / 4, 0.05);
}

/* Four groups, as XFS makes them: the second is expected to end as the first did, though nothing
 * blank is met in its first half. */
static void large_groups(void **state)
{
    (void)state;
    start_disk(CHUNKS / 4);
    for (uint64_t i = 0; i < 4; i++)
        disk.free_chunks[i] = CHUNKS / 8;
    for (uint64_t i = 0; i < CHUNKS; i++)
        disk.blank[i] = i / (CHUNKS / 8) % 2 == 1;
    check_estimates(CHUNKS / 4, 0.03);
}

/* An empty table of inodes, and much behind it that is free and not blank: it used to be taken for
 * a drive that was never full. */
static void a_few_zeros_do_not_speak_for_all(void **state)
{
    (void)state;
    start_disk(128);
    for (uint64_t i = 0; i < CHUNKS / 128; i++)
        disk.free_chunks[i] = 120;
    for (uint64_t i = 1; i < 9; i++)
        disk.blank[i] = true;
    tell_regions();
    for (uint64_t i = 0; i < CHUNKS; i++) {
        pass(i);
        assert_true(imgz_blanks_estimate(&blanks, (CHUNKS - 1 - i) * CHUNK_BYTES) <=
                    (CHUNKS - 1 - i) * CHUNK_BYTES / (i < 128 ? 2 : 10));
    }
}

/* Within a region it is not known which of it is free; but when more was passed than it has used,
 * some of that was. */
static void free_space_that_must_have_been_passed(void **state)
{
    (void)state;
    start_disk(CHUNKS);
    disk.free_chunks[0] = CHUNKS / 2;
    for (uint64_t i = 0; i < 100; i++)
        disk.blank[i] = true;
    tell_regions();
    for (uint64_t i = 0; i < CHUNKS * 3 / 4; i++)
        pass(i);
    assert_in_range(imgz_blanks_estimate(&blanks, CHUNKS / 4 * MIB), 90 * MIB, 110 * MIB);
}

/* Without a word about free space it goes on as it was so far. */
static void nothing_known(void **state)
{
    (void)state;
    start_disk(CHUNKS);
    for (uint64_t i = 0; i < CHUNKS; i++)
        disk.blank[i] = i % 4 == 0;
    for (uint64_t i = 0; i < CHUNKS; i++) {
        pass(i);
        if (i % 4 == 3)
            assert_int_equal(imgz_blanks_estimate(&blanks, 1000 * MIB), 250 * MIB);
    }
}

static void nothing_passed(void **state)
{
    (void)state;
    start_disk(128);
    assert_int_equal(imgz_blanks_estimate(&blanks, 1000 * MIB), 0);
    fill_groups(true);
    tell_regions();
    assert_int_equal(imgz_blanks_estimate(&blanks, CHUNKS * CHUNK_BYTES), 0);
}

/* ---- Regions -------------------------------------------------------------------------------- */

/* As many as there are: sums stay, and the order. */
static void too_many_are_merged(void **state)
{
    uint64_t free_bytes = 0;
    uint64_t end = 0;
    uint64_t sum = 0;

    (void)state;
    start_disk(1);
    for (uint64_t i = 0; i < 100000; i++) {
        const struct imgz_free_region region = {.offset = i * 10 * MIB,
                                                .bytes = 7 * MIB,
                                                .free_bytes = i % 5 * MIB};

        imgz_blanks_add(&blanks, &region);
        free_bytes += region.free_bytes;
        assert_true(blanks.region_count <= IMGZ_BLANKS_REGIONS_MAX);
    }
    for (uint32_t i = 0; i < blanks.region_count; i++) {
        const struct imgz_free_region *region = &blanks.regions[i];

        assert_true(region->offset >= end && region->free_bytes <= region->bytes);
        end = region->offset + region->bytes;
        sum += region->free_bytes;
    }
    assert_int_equal(end, 99999 * 10 * MIB + 7 * MIB);
    assert_int_equal(sum, free_bytes);
    assert_int_equal(blanks.free_bytes, free_bytes);
    assert_true(blanks.region_count >= IMGZ_BLANKS_REGIONS_MAX / 2);
}

static void what_makes_no_sense_is_left_out(void **state)
{
    static const struct imgz_free_region lies[] = {
        {.offset = 50, .bytes = 100, .free_bytes = 10}, /* overlaps the first */
        {.offset = 200, .bytes = 0, .free_bytes = 10},
        {.offset = UINT64_MAX - 5, .bytes = 10, .free_bytes = 10},
    };
    const struct imgz_free_region first = {.offset = 0, .bytes = 100, .free_bytes = UINT64_MAX};

    (void)state;
    start_disk(1);
    imgz_blanks_add(&blanks, &first);
    for (size_t i = 0; i < IMGZ_COUNT_OF(lies); i++)
        imgz_blanks_add(&blanks, &lies[i]);
    assert_int_equal(blanks.region_count, 1);
    assert_int_equal(blanks.free_bytes, 100);
}

/* What is a hole is never read, and most likely was free. */
static void holes_are_taken_out(void **state)
{
    (void)state;
    start_disk(64);
    for (uint64_t i = 0; i < CHUNKS / 64; i++)
        disk.free_chunks[i] = 40;
    tell_regions();
    imgz_blanks_add_hole(&blanks, 10 * MIB, 30 * MIB); /* within the first */
    imgz_blanks_add_hole(&blanks, 63 * MIB, 66 * MIB); /* the end of it, all of the second, ... */
    imgz_blanks_add_hole(&blanks, CHUNKS * MIB, MIB);
    assert_int_equal(blanks.regions[0].free_bytes, 9 * MIB);
    assert_int_equal(blanks.regions[1].free_bytes, 0);
    assert_int_equal(blanks.regions[1].hole_bytes, 64 * MIB);
    assert_int_equal(blanks.regions[2].free_bytes, 39 * MIB);
    assert_int_equal(blanks.regions[3].free_bytes, 40 * MIB);
    assert_int_equal(blanks.free_bytes, (uint64_t)(CHUNKS / 64 * 40 - 31 - 40 - 1) * MIB);
}

/* A run that goes on: what an earlier one read is not ahead, and was not seen. */
static void what_was_read_before_is_dropped(void **state)
{
    (void)state;
    start_disk(64);
    for (uint64_t i = 0; i < CHUNKS / 64; i++)
        disk.free_chunks[i] = 32;
    for (uint64_t i = 0; i < CHUNKS; i++)
        disk.blank[i] = i % 2 == 0;
    tell_regions();
    imgz_blanks_start(&blanks, (CHUNKS / 2 + 16) * MIB);
    assert_int_equal(blanks.free_bytes, (CHUNKS / 4 - 8) * MIB);
    for (uint64_t i = CHUNKS / 2 + 16; i < CHUNKS; i++) {
        pass(i);
        if (i == CHUNKS * 3 / 4)
            assert_in_range(imgz_blanks_estimate(&blanks, (CHUNKS - 1 - i) * MIB),
                            (CHUNKS / 8 - 20) * MIB, (CHUNKS / 8 + 20) * MIB);
    }
    start_disk(64);
    tell_regions();
    imgz_blanks_start(&blanks, CHUNKS * MIB);
    assert_int_equal(blanks.free_bytes, 0);
    assert_int_equal(imgz_blanks_estimate(&blanks, 0), 0);
}

/* Whatever regions, holes and items there are, in whatever order. */
static void no_estimate_is_more_than_there_is(void **state)
{
    (void)state;
    for (int round = 0; round < 300; round++) {
        const uint32_t step_max = next_random() % 300 + 1;
        uint64_t at = 0;

        start_disk(1);
        for (uint32_t count = next_random() % 1500; count > 0; count--) {
            const struct imgz_free_region region = {.offset = at,
                                                    .bytes = next_random() % 5000,
                                                    .free_bytes = next_random() % 5000};

            imgz_blanks_add(&blanks, &region);
            at += next_random() % 6000;
        }
        for (uint32_t count = next_random() % 20; count > 0; count--)
            imgz_blanks_add_hole(&blanks, next_random() % (at + 1), next_random() % 9000);
        imgz_blanks_start(&blanks, next_random() % (at + 1));
        for (uint64_t offset = 0; offset < at + 10000;) {
            const struct imgz_slot slot = {
                .kind = next_random() % 3 == 0 ? IMGZ_SLOT_ZERO : IMGZ_SLOT_DATA,
                .raw_offset = offset,
                .raw_bytes = (uint64_t)(next_random() % step_max) * 50 + 1,
            };
            const uint64_t ahead = next_random();

            imgz_blanks_pass(&blanks, &slot);
            offset += slot.raw_bytes + next_random() % 100;
            assert_true(imgz_blanks_estimate(&blanks, ahead) <= ahead);
            assert_true(imgz_blanks_estimate(&blanks, UINT64_MAX) > 0 ||
                        blanks.all.blank_bytes == 0);
        }
        assert_int_equal(blanks.free_bytes_ahead, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(free_space_that_is_blank),
        cmocka_unit_test(free_space_that_is_not),
        cmocka_unit_test(free_space_of_both_kinds),
        cmocka_unit_test(large_groups),
        cmocka_unit_test(a_few_zeros_do_not_speak_for_all),
        cmocka_unit_test(free_space_that_must_have_been_passed),
        cmocka_unit_test(nothing_known),
        cmocka_unit_test(nothing_passed),
        cmocka_unit_test(too_many_are_merged),
        cmocka_unit_test(what_makes_no_sense_is_left_out),
        cmocka_unit_test(holes_are_taken_out),
        cmocka_unit_test(what_was_read_before_is_dropped),
        cmocka_unit_test(no_estimate_is_more_than_there_is),
    };

    return cmocka_run_group_tests_name("blanks", tests, NULL, NULL);
}
