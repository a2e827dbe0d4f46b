/* SPDX-License-Identifier: MIT */
/* The rescue on a medium in memory, whose bad sectors a model knows. */
#include "io/source/rescue.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sample.h"

#define MEDIUM_BYTES ((size_t)256 << 10)
#define SECTOR       512u
#define SECTORS      (MEDIUM_BYTES / SECTOR)
#define SEEDS        400u

struct medium {
    unsigned char data[MEDIUM_BYTES];
    bool bad[SECTORS];
    uint32_t failures_left[SECTORS]; /* of a sector that recovers */
    size_t size_bytes;               /* where the source ends */
    bool gives_good_part;            /* a read that fails behind good sectors is short instead */
    int error;
    uint64_t random;

    /* Kept. */
    size_t read_count;
    bool told[SECTORS]; /* by bad() */
    uint64_t told_end;
    size_t told_bytes;
    uint64_t stop_at; /* bad() ends the rescue here; UINT64_MAX */
};

static bool sector_fails(struct medium *medium, size_t sector)
{
    if (medium->failures_left[sector] == 0)
        return medium->bad[sector];
    medium->failures_left[sector] -= 1;
    return true;
}

static int64_t read_medium(void *context, uint64_t offset, unsigned char *buffer, size_t bytes)
{
    struct medium *medium = context;
    size_t good_bytes = 0;

    assert_int_equal(offset % SECTOR, 0);
    assert_int_equal(bytes % SECTOR, 0);
    assert_in_range(bytes, SECTOR, IMGZ_RESCUE_STEP_BYTES);
    medium->read_count += 1;
    if (imgz_sample_random(&medium->random) % 16 == 0)
        return -EINTR;
    if (offset >= medium->size_bytes)
        return 0;
    bytes = imgz_min(bytes, medium->size_bytes - offset);
    memset(buffer, 0xee, bytes);
    while (good_bytes < bytes && !sector_fails(medium, (offset + good_bytes) / SECTOR))
        good_bytes += imgz_min(SECTOR, bytes - good_bytes);
    if (good_bytes < bytes && (good_bytes == 0 || !medium->gives_good_part))
        return medium->error;
    memcpy(buffer, medium->data + offset, good_bytes);
    return (int64_t)good_bytes;
}

static int tell_bad(void *context, uint64_t offset, size_t bytes, int rc)
{
    struct medium *medium = context;

    assert_int_equal(rc, medium->error);
    assert_true(bytes > 0 && offset >= medium->told_end);
    if (medium->stop_at <= offset)
        return rc;
    medium->told_end = offset + bytes;
    medium->told_bytes += bytes;
    for (uint64_t at = offset; at < offset + bytes; at += SECTOR)
        medium->told[at / SECTOR] = true;
    return 0;
}

static struct medium *create_medium(uint64_t seed)
{
    struct medium *medium = calloc(1, sizeof(*medium));

    assert_non_null(medium);
    medium->random = seed;
    medium->size_bytes = MEDIUM_BYTES;
    medium->error = -EIO;
    medium->stop_at = UINT64_MAX;
    imgz_sample_fill(IMGZ_SAMPLE_RANDOM, seed, medium->data, MEDIUM_BYTES);
    return medium;
}

static int run(struct medium *medium, uint32_t retry_count, uint64_t offset, unsigned char *buffer,
               size_t bytes, size_t *done_bytes)
{
    static unsigned char bounce[IMGZ_RESCUE_STEP_BYTES];
    const struct imgz_rescue rescue = {
        .read = read_medium,
        .bad = tell_bad,
        .context = medium,
        .sector_bytes = SECTOR,
        .retry_count = retry_count,
        .bounce = bounce,
    };

    return imgz_rescue_run(&rescue, offset, buffer, bytes, done_bytes);
}

/* What the rescue must give: the data, with zeros exactly where sectors are bad. */
static void expect_rescued(const struct medium *medium, uint64_t offset,
                           const unsigned char *buffer, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        const size_t sector = (offset + i) / SECTOR;

        assert_int_equal(buffer[i], medium->bad[sector] ? 0 : medium->data[offset + i]);
        assert_int_equal(medium->told[sector], medium->bad[sector]);
    }
}

/* A handful of single sectors, stretches, or nearly everything. */
static void break_sectors(struct medium *medium)
{
    const uint64_t style = imgz_sample_random(&medium->random) % 3;
    const uint64_t count = style == 2 ? SECTORS : imgz_sample_random(&medium->random) % 8;

    for (uint64_t i = 0; i < count; i++) {
        uint64_t sector = imgz_sample_random(&medium->random) % SECTORS;
        const uint64_t end = sector + (style == 1 ? imgz_sample_random(&medium->random) % 40 : 1);

        for (; sector < imgz_min(end, SECTORS); sector++)
            medium->bad[sector] = true;
    }
    for (size_t i = 0; i < 8; i++)
        medium->failures_left[imgz_sample_random(&medium->random) % SECTORS] =
            (uint32_t)(imgz_sample_random(&medium->random) % 3);
}

static void only_bad_sectors_are_lost(void **state)
{
    unsigned char *buffer = malloc(MEDIUM_BYTES);

    (void)state;
    assert_non_null(buffer);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct medium *medium = create_medium(seed);
        const uint64_t offset = imgz_sample_random(&medium->random) % 5000;
        const size_t bytes =
            (size_t)(1 + imgz_sample_random(&medium->random) % (MEDIUM_BYTES - 5000));
        size_t done_bytes = 0;

        medium->gives_good_part = seed % 2 != 0;
        medium->error = seed % 3 == 0 ? -ENODATA : -EIO;
        break_sectors(medium);
        /* A sector recovers after two failures, which the retries outlast. */
        assert_int_equal(run(medium, 3, offset, buffer, bytes, &done_bytes), 0);
        assert_int_equal(done_bytes, bytes);
        expect_rescued(medium, offset, buffer, bytes);
        free(medium);
    }
    free(buffer);
}

/* One bad sector must not cost a read for each of its neighbours, nor a bad stretch two for each.
 */
static void few_reads_are_wasted(void **state)
{
    unsigned char *buffer = malloc(MEDIUM_BYTES);
    struct medium *medium = create_medium(7);
    size_t done_bytes = 0;

    (void)state;
    assert_non_null(buffer);
    medium->bad[100] = true;
    assert_int_equal(run(medium, 0, 0, buffer, MEDIUM_BYTES, &done_bytes), 0);
    expect_rescued(medium, 0, buffer, MEDIUM_BYTES);
    assert_in_range(medium->read_count, 4, 60);
    free(medium);
    medium = create_medium(8);
    memset(medium->bad, true, sizeof(medium->bad));
    assert_int_equal(run(medium, 0, 0, buffer, MEDIUM_BYTES, &done_bytes), 0);
    expect_rescued(medium, 0, buffer, MEDIUM_BYTES);
    assert_in_range(medium->read_count, SECTORS, SECTORS + SECTORS / 8);
    free(medium);
    free(buffer);
}

static void retries_are_counted(void **state)
{
    unsigned char buffer[4 * SECTOR];
    size_t done_bytes = 0;

    (void)state;
    for (uint32_t failures = 0; failures < 8; failures++) {
        struct medium *medium = create_medium(3);

        /* 2 KiB fail, then 1 KiB, then the sector alone, then each retry. */
        medium->failures_left[1] = failures;
        assert_int_equal(run(medium, 2, 0, buffer, sizeof(buffer), &done_bytes), 0);
        assert_int_equal(medium->told_bytes, failures > 5 ? SECTOR : 0);
        free(medium);
    }
}

static void a_source_that_ends_is_not_bad(void **state)
{
    unsigned char buffer[8 * SECTOR];

    (void)state;
    for (size_t size_bytes = 0; size_bytes < sizeof(buffer); size_bytes += 100) {
        struct medium *medium = create_medium(5);
        size_t done_bytes = 0;

        medium->size_bytes = size_bytes;
        assert_int_equal(run(medium, 1, 0, buffer, sizeof(buffer), &done_bytes), 0);
        /* A part of a sector is a bad one, and behind it is the end. */
        assert_int_equal(done_bytes, imgz_align_up(size_bytes, SECTOR));
        assert_memory_equal(buffer, medium->data, imgz_align_down(size_bytes, SECTOR));
        assert_int_equal(medium->told_bytes, size_bytes % SECTOR != 0 ? SECTOR : 0);
        medium->told_bytes = 0;
        medium->told_end = 0;
        /* As it is known to be. */
        assert_int_equal(run(medium, 1, 0, buffer, size_bytes, &done_bytes), 0);
        assert_int_equal(done_bytes, size_bytes);
        assert_memory_equal(buffer, medium->data, size_bytes);
        assert_int_equal(medium->told_bytes, 0);
        free(medium);
    }
}

static void other_errors_end_it(void **state)
{
    static const int errors[] = {-ENODEV, -ENXIO, -ENOTCONN, -ENOMEM, -EBADF, -EINVAL};
    unsigned char buffer[8 * SECTOR];

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(errors); i++) {
        struct medium *medium = create_medium(6);
        size_t done_bytes = 99;

        assert_false(imgz_rescue_worthwhile(errors[i]));
        medium->error = errors[i];
        medium->bad[3] = true;
        assert_int_equal(run(medium, 5, 0, buffer, sizeof(buffer), &done_bytes), errors[i]);
        assert_int_equal(done_bytes, 0);
        assert_int_equal(medium->told_bytes, 0);
        free(medium);
    }
    assert_true(imgz_rescue_worthwhile(-EIO));
}

static void bad_may_end_it(void **state)
{
    unsigned char buffer[16 * SECTOR];
    struct medium *medium = create_medium(9);
    size_t done_bytes = 0;

    (void)state;
    medium->bad[2] = true;
    medium->bad[9] = true;
    medium->stop_at = 9 * SECTOR;
    assert_int_equal(run(medium, 0, 0, buffer, sizeof(buffer), &done_bytes), -EIO);
    assert_int_equal(medium->told_bytes, SECTOR);
    assert_memory_equal(buffer + 3 * SECTOR, medium->data + 3 * SECTOR, 6 * SECTOR);
    free(medium);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_bad_sectors_are_lost),
        cmocka_unit_test(few_reads_are_wasted),
        cmocka_unit_test(retries_are_counted),
        cmocka_unit_test(a_source_that_ends_is_not_bad),
        cmocka_unit_test(other_errors_end_it),
        cmocka_unit_test(bad_may_end_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
