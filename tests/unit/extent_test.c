/* SPDX-License-Identifier: MIT */
#include "io/source/extent.h"

#include <errno.h>
#include <linux/falloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"

#define MIB ((uint64_t)1 << 20)

static int make_file(const struct imgz_fixture *fixture, uint64_t size_bytes)
{
    int fd =
        open(imgz_fixture_path(fixture, "file").text, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)size_bytes), 0);
    return fd;
}

static void put_byte(int fd, uint64_t offset)
{
    assert_int_equal(pwrite(fd, "x", 1, (off_t)offset), 1);
}

/* Walks the file as the reader does. True if the bytes at 'places' and no byte of 'holes' are
 * found to be data, and the extents go forward without overlap to the end. */
static void walk(int fd, uint64_t size_bytes, bool *is_data)
{
    struct imgz_extent extent = {0, 0};
    uint64_t at = 0;

    memset(is_data, 0, size_bytes / IMGZ_BLOCK_BYTES + 1);
    while (at < size_bytes) {
        assert_int_equal(imgz_extent_next(fd, at, size_bytes, &extent), 0);
        assert_true(extent.offset >= at);
        assert_true(extent.end <= size_bytes);
        assert_true(extent.offset < extent.end ||
                    (extent.offset == size_bytes && extent.end == size_bytes));
        for (uint64_t byte = extent.offset; byte < extent.end; byte += IMGZ_BLOCK_BYTES)
            is_data[byte / IMGZ_BLOCK_BYTES] = true;
        at = extent.end;
    }
}

/* Data must be found to be data. A hole may be called data (a file system that knows none), but
 * where this one does know holes, a whole MiB of hole is one. */
static void data_and_holes_are_told_apart(void **state)
{
    static const struct {
        uint64_t size_bytes;
        uint64_t data[4]; /* one byte of data each; the last repeated */
        uint64_t hole;    /* a place in a hole */
    } cases[] = {
        {4 * MIB, {0, 0, 0, 0}, 2 * MIB},
        {4 * MIB, {4 * MIB - 1, 4 * MIB - 1, 4 * MIB - 1, 4 * MIB - 1}, 2 * MIB},
        {4 * MIB + 1, {MIB, 3 * MIB, 3 * MIB + 1, 4 * MIB}, 2 * MIB},
        {6 * MIB - 4095, {5, MIB + 4095, MIB + 4096, 6 * MIB - 4096}, 4 * MIB},
    };
    static bool is_data[6 * MIB / IMGZ_BLOCK_BYTES + 1];
    struct imgz_fixture fixture;

    (void)state;
    imgz_fixture_init(&fixture);
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        int fd = make_file(&fixture, cases[i].size_bytes);
        const bool knows_holes = lseek(fd, 0, SEEK_DATA) < 0 && errno == ENXIO;

        for (size_t d = 0; d < 4; d++)
            put_byte(fd, cases[i].data[d]);
        walk(fd, cases[i].size_bytes, is_data);
        for (size_t d = 0; d < 4; d++)
            assert_true(is_data[cases[i].data[d] / IMGZ_BLOCK_BYTES]);
        if (knows_holes)
            assert_false(is_data[cases[i].hole / IMGZ_BLOCK_BYTES]);
        close(fd);
    }
    imgz_fixture_fini(&fixture);
}

static void only_a_hole_is_the_end(void **state)
{
    struct imgz_extent extent = {0, 0};
    struct imgz_fixture fixture;
    int fd;

    (void)state;
    imgz_fixture_init(&fixture);
    fd = make_file(&fixture, 3 * MIB);
    put_byte(fd, 0);
    assert_int_equal(imgz_extent_next(fd, MIB, 3 * MIB, &extent), 0);
    assert_int_equal(extent.offset, 3 * MIB);
    assert_int_equal(extent.end, 3 * MIB);
    close(fd);
    imgz_fixture_fini(&fixture);
}

/* A file that grew is read as far as it was when it was opened. */
static void nothing_beyond_the_size(void **state)
{
    struct imgz_extent extent = {0, 0};
    struct imgz_fixture fixture;
    int fd;

    (void)state;
    imgz_fixture_init(&fixture);
    fd = make_file(&fixture, 4 * MIB);
    for (uint64_t at = 0; at < 4 * MIB; at += IMGZ_BLOCK_BYTES)
        put_byte(fd, at);
    assert_int_equal(imgz_extent_next(fd, 0, MIB + 5, &extent), 0);
    assert_int_equal(extent.offset, 0);
    assert_int_equal(extent.end, MIB + 5);
    assert_int_equal(imgz_extent_next(fd, 2 * MIB, MIB, &extent), 0);
    assert_int_equal(extent.offset, MIB);
    assert_int_equal(extent.end, MIB);
    close(fd);
    imgz_fixture_fini(&fixture);
}

static void errors_are_told(void **state)
{
    struct imgz_extent extent = {1, 2};
    int ends[2];

    (void)state;
    assert_int_equal(imgz_extent_next(-1, 0, 10, &extent), -EBADF);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(imgz_extent_next(ends[0], 0, 10, &extent), -ESPIPE);
    assert_int_equal(extent.offset, 1);
    close(ends[0]);
    close(ends[1]);
}

/* Block devices and files of /proc do not know SEEK_DATA (EINVAL): all of it is data. */
static void without_seek_data_all_is_data(void **state)
{
    struct imgz_extent extent = {0, 0};
    int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);

    (void)state;
    assert_true(fd >= 0);
    if (lseek(fd, 0, SEEK_DATA) >= 0 || errno != EINVAL) {
        close(fd);
        skip();
    }
    assert_int_equal(imgz_extent_next(fd, 7, 100, &extent), 0);
    assert_int_equal(extent.offset, 7);
    assert_int_equal(extent.end, 100);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_and_holes_are_told_apart), cmocka_unit_test(only_a_hole_is_the_end),
        cmocka_unit_test(nothing_beyond_the_size),       cmocka_unit_test(errors_are_told),
        cmocka_unit_test(without_seek_data_all_is_data),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
