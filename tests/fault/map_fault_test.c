/* SPDX-License-Identifier: MIT */
/*
 * A capture with a map, and one that goes back to an image, of which one call after the other
 * fails. Whatever does: the map never calls finished what is not in the image, no image has less
 * than the one before, and nothing else is left.
 */
#include <errno.h>
#include <imgz/imgz.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../unit/fixture.h"
#include "../unit/sample.h"
#include "intercept.h"
#include "io/ddmap/mapfile.h"

#define CHUNK      ((size_t)IMGZ_CHUNK_BYTES_MIN)
#define DISK_BYTES (5 * CHUNK + 512)
#define CALLS_MAX  5000u
#define HANG_S     120u

/* What the old image lacks: in a chunk of data, and a whole chunk and more, so that it has a run of
 * zeros there. */
#define LACKS_1     (CHUNK + 1024)
#define LACKS_1_END (CHUNK + 2048)
#define LACKS_2     (3 * CHUNK - 512)
#define LACKS_2_END (4 * CHUNK)

struct world {
    struct imgz_fixture fixture;
    struct imgz_options options;
    struct imgz_fixture_path source;
    struct imgz_fixture_path image;
    struct imgz_fixture_path map;
    unsigned char *old; /* image of the disk with zeros where it lacks something */
    size_t old_bytes;
    unsigned char *right; /* image of the disk */
    size_t right_bytes;
};

static struct world world;

static const char old_map[] = "0 + 1\n"
                              "0 66560 +\n"
                              "66560 1024 -\n"
                              "67584 128512 +\n"
                              "196096 66048 /\n"
                              "262144 66048 +\n";

/* An interrupted run could read everything so far. */
static const char partial_map[] = "0 ? 1\n"
                                  "0 328192 +\n";

static unsigned char *make_image(const unsigned char *disk, size_t *bytes)
{
    const struct imgz_fixture_path out = imgz_fixture_path(&world.fixture, "made");
    unsigned char *image;

    imgz_fixture_write(&world.fixture, "disk", disk, DISK_BYTES);
    assert_int_equal(imgz_capture(world.source.text, out.text, &world.options, NULL, NULL), 0);
    image = imgz_fixture_read(&world.fixture, "made", bytes);
    assert_int_equal(remove(out.text), 0);
    return image;
}

static int set_up(void **state)
{
    unsigned char *disk = calloc(1, DISK_BYTES);
    unsigned char *holed = calloc(1, DISK_BYTES);

    (void)state;
    assert_non_null(disk);
    assert_non_null(holed);
    imgz_fixture_init(&world.fixture);
    world.source = imgz_fixture_path(&world.fixture, "disk");
    world.image = imgz_fixture_path(&world.fixture, "image");
    world.map = imgz_fixture_path(&world.fixture, "map");
    imgz_options_init(&world.options, sizeof(world.options));
    world.options.chunk_bytes = CHUNK;
    world.options.thread_count = 1;
    world.options.flags = IMGZ_FLAG_REPRODUCIBLE;
    imgz_sample_fill(IMGZ_SAMPLE_TEXT, 1, disk, DISK_BYTES);
    memcpy(holed, disk, DISK_BYTES);
    memset(holed + LACKS_1, 0, LACKS_1_END - LACKS_1);
    memset(holed + LACKS_2, 0, LACKS_2_END - LACKS_2);
    world.old = make_image(holed, &world.old_bytes);
    world.right = make_image(disk, &world.right_bytes);
    world.options.map_path = world.map.text;
    free(disk);
    free(holed);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(world.old);
    free(world.right);
    imgz_fixture_fini(&world.fixture);
    return 0;
}

/* ---- What must hold ----------------------------------------------------------------------- */

static bool image_is(const unsigned char *data, size_t bytes)
{
    return imgz_fixture_holds(&world.fixture, "image", data, bytes);
}

/* The bytes the map calls finished; all that is not is to be read again. */
static uint64_t finished_bytes(void)
{
    struct imgz_latch *latch = NULL;
    struct imgz_mapfile map;
    struct imgz_name name;
    uint64_t bytes;

    imgz_mapfile_init(&map);
    assert_int_equal(imgz_latch_create(&latch), 0);
    assert_int_equal(imgz_name_open(&name, world.map.text), 0);
    assert_int_equal(imgz_mapfile_load(&name, latch, &map), 0);
    imgz_name_close(&name);
    bytes = imgz_mapfile_bytes(&map, IMGZ_MAPFILE_FINISHED);
    imgz_mapfile_fini(&map);
    imgz_latch_destroy(latch);
    return bytes;
}

/* A capture of all: no image, and a map that claims nothing, or what is kept; or all of it. */
static void check_anew(int rc)
{
    const bool shown = imgz_fixture_exists(&world.fixture, "image");

    if (shown)
        assert_true(image_is(world.right, world.right_bytes));
    assert_true(shown || rc < 0);
    if (imgz_fixture_exists(&world.fixture, "map"))
        assert_true(shown || imgz_fixture_exists(&world.fixture, "image.partial") ||
                    finished_bytes() == 0);
    if (rc == 0)
        assert_int_equal(finished_bytes(), DISK_BYTES);
}

/* The image as it was, or with all that could be read; a source that fails now and then is read
 * again until it gives it. */
static void check_mended(int rc)
{
    const bool right = image_is(world.right, world.right_bytes);

    assert_true(right || image_is(world.old, world.old_bytes));
    assert_true(right || rc < 0);
    assert_true(right || finished_bytes() < DISK_BYTES);
    if (rc == 0)
        assert_int_equal(finished_bytes(), DISK_BYTES);
}

static const struct job {
    const char *name;
    bool goes_back;
    bool resumes; /* the first part of the right image is there */
    void (*check)(int rc);
} jobs[] = {
    {"capture --map", false, false, check_anew},
    {"going back", true, false, check_mended},
    {"going back --resume", true, true, check_mended},
};

/* ---- Running it --------------------------------------------------------------------------- */

static void lay_out(const struct job *job)
{
    remove(world.image.text);
    remove(world.map.text);
    remove(imgz_fixture_path(&world.fixture, "image.partial").text);
    remove(imgz_fixture_path(&world.fixture, "image.partial.map").text);
    remove(imgz_fixture_path(&world.fixture, "image.partial.stamp").text);
    if (!job->goes_back)
        return;
    imgz_fixture_write(&world.fixture, "image", world.old, world.old_bytes);
    imgz_fixture_write(&world.fixture, "map", old_map, sizeof(old_map) - 1);
    if (!job->resumes)
        return;
    imgz_fixture_leave(&world.fixture, "image.partial", world.right, world.right_bytes / 2);
    imgz_fixture_write(&world.fixture, "image.partial.map", partial_map, sizeof(partial_map) - 1);
}

/* What is to be gone on with is there still, whatever fails; and what is there is told. */
static void check_left(const struct job *job, int rc, const struct imgz_error *error)
{
    const bool gone_on = rc == 0 || image_is(world.right, world.right_bytes);
    const bool left = imgz_fixture_exists(&world.fixture, "image.partial");

    if (job->resumes && !gone_on)
        assert_true(left);
    if (gone_on)
        assert_false(left);
    else if (left && !job->resumes)
        assert_non_null(strstr(error->text, "image.partial is "));
    if (job->goes_back && left)
        assert_true(imgz_fixture_exists(&world.fixture, "image.partial.map"));
    if (!left)
        assert_false(imgz_fixture_exists(&world.fixture, "image.partial.map"));
    assert_false(imgz_fixture_exists(&world.fixture, "image.partial.map.partial"));
    assert_false(imgz_fixture_exists(&world.fixture, "map.partial"));
}

/* Runs it; '*grown' receives by how much the number of allocations grew. */
static int run_once(const struct job *job, const struct imgz_intercept *plan, const char **failed,
                    int64_t *grown)
{
    const unsigned fds_before = imgz_fixture_open_files();
    struct imgz_error error = {.struct_bytes = sizeof(error)};
    int64_t live_before;
    int rc;

    lay_out(job);
    world.options.flags = IMGZ_FLAG_REPRODUCIBLE | (job->resumes ? IMGZ_FLAG_RESUME : 0);
    live_before = imgz_intercept_live_count();
    alarm(HANG_S);
    imgz_intercept_arm(plan);
    rc = imgz_capture(world.source.text, world.image.text, &world.options, NULL, &error);
    *failed = imgz_intercept_disarm();
    alarm(0);
    *grown = imgz_intercept_live_count() - live_before;
    if (imgz_fixture_open_files() != fds_before)
        fail_msg("%s: %s (call %llu) failed, and a descriptor stays open", job->name, *failed,
                 (unsigned long long)plan->fail_at);
    assert_int_equal(error.code, rc);
    assert_int_equal(strlen(error.text) > 0, rc < 0);
    job->check(rc);
    check_left(job, rc, &error);
    return rc;
}

static void fail_one_after_the_other(enum imgz_intercept_kind kind, bool ring_refused)
{
    for (size_t i = 0; i < IMGZ_COUNT_OF(jobs); i++) {
        struct imgz_intercept plan = {.kind = kind, .ring_refused = ring_refused};
        const char *failed = NULL;
        int64_t grown = 0;

        assert_int_equal(run_once(&jobs[i], &plan, &failed, &grown), 0);
        do {
            plan.fail_at += 1;
            (void)run_once(&jobs[i], &plan, &failed, &grown);
            /* What a library keeps for good, it keeps once: a leak grows again. */
            if (grown != 0)
                (void)run_once(&jobs[i], &plan, &failed, &grown);
            if (grown != 0)
                fail_msg("%s: %s (call %llu) failed, and memory leaks", jobs[i].name, failed,
                         (unsigned long long)plan.fail_at);
        } while (failed != NULL && plan.fail_at < CALLS_MAX);
        assert_null(failed);
        print_message("%s: %llu calls\n", jobs[i].name, (unsigned long long)plan.fail_at - 1);
    }
}

static void every_system_call_may_fail(void **state)
{
    (void)state;
    fail_one_after_the_other(IMGZ_INTERCEPT_CALLS, true);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    if (!imgz_intercept_sees_allocations())
        skip();
    fail_one_after_the_other(IMGZ_INTERCEPT_ALLOCATIONS, true);
}

/* The same with a deadline, which makes a rescue read by a ring. */
static void every_system_call_may_fail_with_a_deadline(void **state)
{
    (void)state;
    world.options.timeout_s = 60;
    fail_one_after_the_other(IMGZ_INTERCEPT_CALLS, false);
    world.options.timeout_s = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_system_call_may_fail),
        cmocka_unit_test(every_system_call_may_fail_with_a_deadline),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
