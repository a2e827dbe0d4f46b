/* SPDX-License-Identifier: MIT */
/* What whole jobs call their work: data in full, holes next to nothing, what an earlier run did in
 * both sums; and that it is done in the end, and never more than there is. */
#include <imgz/imgz.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/stopwatch.h"
#include "fixture.h"

#define MIB        ((uint64_t)1 << 20)
#define DISK_BYTES (200 * MIB)
#define DATA_BYTES (24 * MIB) /* in two places */

struct seen {
    struct imgz_progress last;     /* before the end */
    struct imgz_progress finished; /* the last call */
    uint64_t cancel_at_bytes;      /* of work; 0: never */
};

static int on_progress(const struct imgz_progress *at, void *context)
{
    struct seen *seen = context;
    const bool same_phase = at->phase == seen->last.phase;

    assert_true(at->elapsed_ns >= seen->last.elapsed_ns);
    assert_true(at->work_bytes_taken_over <= at->work_bytes_done);
    assert_true(at->work_bytes_total == IMGZ_SIZE_UNKNOWN ||
                at->work_bytes_done <= at->work_bytes_total);
    assert_true(at->blank_bytes_done <= at->work_bytes_done - at->work_bytes_taken_over);
    if (same_phase)
        assert_true(at->work_bytes_done >= seen->last.work_bytes_done);
    if (at->phase == IMGZ_PHASE_FINISH)
        seen->finished = *at;
    else
        seen->last = *at;
    return seen->cancel_at_bytes > 0 && at->phase == IMGZ_PHASE_COPY &&
           at->work_bytes_done >= seen->cancel_at_bytes;
}

static struct imgz_options make_options(struct seen *seen, uint32_t flags)
{
    struct imgz_options options;

    imgz_options_init(&options, sizeof(options));
    options.progress = on_progress;
    options.progress_context = seen;
    options.progress_interval_ms = 1;
    options.thread_count = 2;
    options.flags = flags;
    *seen = (struct seen){.last.phase = IMGZ_PHASE_OPEN};
    return options;
}

static void make_disk(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    unsigned char *data = malloc(MIB);
    uint32_t seed = 1;

    assert_true(fd >= 0);
    assert_non_null(data);
    assert_int_equal(ftruncate(fd, (off_t)DISK_BYTES), 0);
    for (uint64_t i = 0; i < DATA_BYTES / MIB; i++) {
        const uint64_t at = i < 4 ? i : DISK_BYTES / MIB - 30 + i;

        for (size_t k = 0; k < MIB; k++) {
            seed = seed * 1664525 + 1013904223;
            data[k] = (unsigned char)(seed >> 29);
        }
        assert_int_equal(pwrite(fd, data, MIB, (off_t)(at * MIB)), MIB);
    }
    free(data);
    close(fd);
}

/* A file system without holes has data all over. */
static uint64_t sparse_work(const struct imgz_fixture *fixture)
{
    struct stat status;

    assert_int_equal(stat(imgz_fixture_path(fixture, "disk").text, &status), 0);
    if ((uint64_t)status.st_blocks * 512 >= DISK_BYTES)
        return DISK_BYTES;
    return DATA_BYTES + (DISK_BYTES - DATA_BYTES) / 1024;
}

static void holes_are_next_to_nothing(void **state)
{
    struct imgz_fixture fixture;
    struct imgz_fixture_path disk, image, copy;
    struct imgz_options options;
    struct imgz_image *opened = NULL;
    struct imgz_image_info info = {.struct_bytes = sizeof(info)};
    struct imgz_error error = {.struct_bytes = sizeof(error)};
    struct seen seen;
    uint64_t sparse;

    (void)state;
    imgz_fixture_init(&fixture);
    disk = imgz_fixture_path(&fixture, "disk");
    image = imgz_fixture_path(&fixture, "image");
    copy = imgz_fixture_path(&fixture, "copy");
    make_disk(disk.text);
    sparse = sparse_work(&fixture);

    options = make_options(&seen, 0);
    assert_int_equal(imgz_capture(disk.text, image.text, &options, NULL, &error), 0);
    assert_int_equal(seen.finished.work_bytes_done, sparse);
    options = make_options(&seen, 0);
    assert_int_equal(imgz_hash(disk.text, &options, NULL, &error), 0);
    assert_int_equal(seen.finished.work_bytes_done, sparse);
    options = make_options(&seen, 0);
    options.digests = "md5";
    assert_int_equal(imgz_hash(disk.text, &options, NULL, &error), 0);
    assert_int_equal(seen.finished.work_bytes_done, DISK_BYTES);
    options = make_options(&seen, 0);
    assert_int_equal(imgz_verify(image.text, disk.text, &options, NULL, &error), 0);
    assert_int_equal(seen.finished.work_bytes_done, sparse);

    /* In an image every hole is one. */
    sparse = DATA_BYTES + (DISK_BYTES - DATA_BYTES) / 1024;
    options = make_options(&seen, 0);
    assert_int_equal(imgz_verify(image.text, NULL, &options, NULL, &error), 0);
    assert_int_equal(seen.finished.work_bytes_done, sparse);
    options = make_options(&seen, IMGZ_FLAG_READ_BACK);
    assert_int_equal(imgz_restore(image.text, copy.text, &options, NULL, &error), 0);
    assert_int_equal(seen.finished.raw_bytes_done, DISK_BYTES);
    assert_in_range(seen.finished.work_bytes_done, sparse, DISK_BYTES);

    /* A scrub reads the image, and nothing else. */
    options = make_options(&seen, IMGZ_FLAG_SCRUB);
    assert_int_equal(imgz_verify(image.text, NULL, &options, NULL, &error), 0);
    assert_int_equal(imgz_image_open(image.text, &opened, &error), 0);
    imgz_image_get_info(opened, &info);
    imgz_image_close(opened);
    assert_in_range(seen.finished.work_bytes_done, info.image_bytes * 9 / 10, info.image_bytes);
    imgz_fixture_fini(&fixture);
}

/* Zeros without a hole have to be read, which is work; they are told apart from other data. */
static void zeros_that_are_read_are_blank(void **state)
{
    struct imgz_fixture fixture;
    struct imgz_fixture_path disk, image;
    struct imgz_options options;
    struct imgz_error error = {.struct_bytes = sizeof(error)};
    unsigned char *data = calloc(1, 40 * MIB);
    struct seen seen;

    (void)state;
    assert_non_null(data);
    memset(data + 3 * MIB, 'x', 4 * MIB);
    data[20 * MIB] = 1;
    imgz_fixture_init(&fixture);
    disk = imgz_fixture_path(&fixture, "disk");
    image = imgz_fixture_path(&fixture, "image");
    imgz_fixture_write(&fixture, "disk", data, 40 * MIB);
    free(data);
    options = make_options(&seen, 0);
    options.direct = IMGZ_DIRECT_OFF;
    assert_int_equal(imgz_capture(disk.text, image.text, &options, NULL, &error), 0);
    assert_int_equal(seen.finished.blank_bytes_done, 35 * MIB);
    assert_int_equal(seen.finished.blank_bytes_ahead, 0);
    assert_int_equal(seen.finished.work_bytes_done, 40 * MIB);
    options = make_options(&seen, 0);
    assert_int_equal(imgz_hash(disk.text, &options, NULL, &error), 0);
    assert_int_equal(seen.finished.blank_bytes_done, 35 * MIB);
    options = make_options(&seen, 0);
    assert_int_equal(imgz_verify(image.text, disk.text, &options, NULL, &error), 0);
    assert_int_equal(seen.finished.blank_bytes_done, 35 * MIB);
    options = make_options(&seen, 0);
    assert_int_equal(imgz_verify(image.text, NULL, &options, NULL, &error), 0);
    assert_int_equal(seen.finished.blank_bytes_done, 0);
    imgz_fixture_fini(&fixture);
}

/* Stopped on the way, and gone on with; by a level that takes a second for the rest. */
static void old_work_is_told_apart(void **state)
{
    struct imgz_fixture fixture;
    struct imgz_fixture_path disk, image;
    struct imgz_options options;
    struct imgz_report report = {.struct_bytes = sizeof(report)};
    struct imgz_error error = {.struct_bytes = sizeof(error)};
    struct seen seen;

    (void)state;
    imgz_fixture_init(&fixture);
    disk = imgz_fixture_path(&fixture, "disk");
    image = imgz_fixture_path(&fixture, "image");
    make_disk(disk.text);
    options = make_options(&seen, IMGZ_FLAG_RESUME);
    options.level = 9;
    seen.cancel_at_bytes = DATA_BYTES / 4;
    assert_int_equal(imgz_capture(disk.text, image.text, &options, NULL, &error), -ECANCELED);

    options = make_options(&seen, IMGZ_FLAG_RESUME);
    options.level = 9;
    assert_int_equal(imgz_capture(disk.text, image.text, &options, &report, &error), 0);
    assert_true(report.resumed_bytes > 0);
    assert_int_equal(seen.finished.work_bytes_done, sparse_work(&fixture));
    assert_true(seen.finished.work_bytes_taken_over > 0);
    assert_true(seen.finished.work_bytes_taken_over < seen.finished.work_bytes_done);
    imgz_fixture_fini(&fixture);
}

static void a_stop_does_not_count(void **state)
{
    const uint64_t ms = 1000000;
    struct imgz_stopwatch watch;
    uint64_t now_ns = 77 * ms;

    (void)state;
    imgz_stopwatch_start(&watch, now_ns);
    for (uint64_t i = 1; i <= 10; i++) {
        now_ns += 200 * ms;
        assert_int_equal(imgz_stopwatch_look(&watch, now_ns), i * 200 * ms);
    }
    now_ns += 3600 * 1000 * ms;
    assert_int_equal(imgz_stopwatch_look(&watch, now_ns), 2000 * ms + IMGZ_STOPWATCH_TICK_NS_MAX);
    assert_int_equal(imgz_stopwatch_look(&watch, now_ns), 2000 * ms + IMGZ_STOPWATCH_TICK_NS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holes_are_next_to_nothing),
        cmocka_unit_test(zeros_that_are_read_are_blank),
        cmocka_unit_test(old_work_is_told_apart),
        cmocka_unit_test(a_stop_does_not_count),
    };

    return cmocka_run_group_tests_name("work", tests, NULL, NULL);
}
