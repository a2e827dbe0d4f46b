/* SPDX-License-Identifier: MIT */
#include "pipeline/latch.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct imgz_location location = {IMGZ_STAGE_READ_SOURCE, "/dev/sda", 4096};

static struct imgz_latch *create(void)
{
    struct imgz_latch *latch = NULL;

    assert_int_equal(imgz_latch_create(&latch), 0);
    return latch;
}

static bool readable(const struct imgz_latch *latch)
{
    struct pollfd polled = {.fd = imgz_latch_fd(latch), .events = POLLIN};

    assert_true(poll(&polled, 1, 0) >= 0);
    return polled.revents == POLLIN;
}

static void quiet_until_raised(void **state)
{
    struct imgz_latch *latch = create();

    (void)state;
    assert_false(imgz_latch_raised(latch));
    assert_false(readable(latch));
    assert_int_equal(imgz_latch_error(latch)->code, 0);
    imgz_latch_destroy(latch);
    imgz_latch_destroy(NULL);
}

/* By who raised it, not by its number. */
static void a_kind_is_not_told_by_the_code(void **state)
{
    static const int codes[] = {-EINVAL, -EBADMSG, -EIO};

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(codes); i++) {
        struct imgz_latch *system = create();
        struct imgz_latch *own = create();

        assert_int_equal(imgz_latch_raise_system(system, codes[i], location, "reading"), codes[i]);
        assert_int_equal(imgz_latch_error(system)->kind, IMGZ_ERROR_FAILED);
        assert_int_equal(imgz_latch_raise(own, codes[i], location, "it"), codes[i]);
        assert_int_equal(imgz_latch_error(own)->kind,
                         codes[i] == -EBADMSG ? IMGZ_ERROR_DATA : IMGZ_ERROR_FAILED);
        imgz_latch_destroy(system);
        imgz_latch_destroy(own);
    }
}

static void usage_is_a_kind_of_its_own(void **state)
{
    struct imgz_latch *latch = create();

    (void)state;
    assert_int_equal(imgz_latch_raise_usage(latch, location, "%d is too many", 7), -EINVAL);
    assert_int_equal(imgz_latch_error(latch)->kind, IMGZ_ERROR_USAGE);
    assert_int_equal(imgz_latch_error(latch)->code, -EINVAL);
    assert_string_equal(imgz_latch_error(latch)->text, "7 is too many");
    assert_int_equal(imgz_latch_raise(latch, -EBADMSG, location, "later"), -EBADMSG);
    assert_int_equal(imgz_latch_error(latch)->kind, IMGZ_ERROR_USAGE);
    imgz_latch_destroy(latch);
}

static void first_story_stays(void **state)
{
    const struct imgz_location other = {IMGZ_STAGE_FLUSH, "b", 1};
    struct imgz_latch *latch = create();
    const struct imgz_error *error;

    (void)state;
    assert_int_equal(imgz_latch_raise(latch, -EIO, location, "number %d of %s", 5, "many"), -EIO);
    assert_int_equal(imgz_latch_raise(latch, -ENOSPC, other, "later"), -ENOSPC);
    assert_true(imgz_latch_raised(latch));
    assert_true(readable(latch));
    assert_true(readable(latch));
    error = imgz_latch_error(latch);
    assert_int_equal(error->code, -EIO);
    assert_int_equal(error->stage, IMGZ_STAGE_READ_SOURCE);
    assert_int_equal(error->offset, 4096);
    assert_string_equal(error->path, "/dev/sda");
    assert_string_equal(error->text, "number 5 of many");
    imgz_latch_destroy(latch);
}

/* Text and path are cut, never overrun. */
static void long_stories_are_cut(void **state)
{
    char long_text[4000];
    struct imgz_latch *latch = create();
    const struct imgz_error *error = imgz_latch_error(latch);

    (void)state;
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    imgz_latch_raise(latch, -EIO, (struct imgz_location){IMGZ_STAGE_SETUP, long_text, 0}, "%s",
                     long_text);
    assert_int_equal(strlen(error->path), sizeof(error->path) - 1);
    assert_int_equal(strlen(error->text), sizeof(error->text) - 1);
    imgz_latch_destroy(latch);
}

static void no_path_is_an_empty_one(void **state)
{
    struct imgz_latch *latch = create();

    (void)state;
    imgz_latch_raise(latch, -EIO, (struct imgz_location){IMGZ_STAGE_SETUP, NULL, 0}, "so");
    assert_string_equal(imgz_latch_error(latch)->path, "");
    imgz_latch_destroy(latch);
}

/* What was being done, where, why, and what to do next, which depends on the side. */
static void system_stories(void **state)
{
    static const struct {
        int code;
        struct imgz_location location;
        const char *doing;
        const char *text;
    } cases[] = {
        {-EIO,
         {IMGZ_STAGE_READ_SOURCE, "/dev/sda", 4096},
         "reading",
         "reading /dev/sda at offset 4096: Input/output error; the medium or its connection is "
         "failing; check cables and 'dmesg', and try again"},
        {-EIO,
         {IMGZ_STAGE_WRITE_TARGET, "/dev/sdb", 0},
         "writing",
         "writing /dev/sdb at offset 0: Input/output error; the medium or its connection is "
         "failing; check cables and 'dmesg', and use another target"},
        {-ENOENT,
         {IMGZ_STAGE_READ_IMAGE, "a", IMGZ_OFFSET_NONE},
         "opening",
         "opening a: No such file or directory; check the name"},
        {-ENOENT,
         {IMGZ_STAGE_WRITE_IMAGE, "b/c", IMGZ_OFFSET_NONE},
         "creating",
         "creating b/c: No such file or directory; check that the directory exists"},
        {-ENOSPC,
         {IMGZ_STAGE_FLUSH, "c", IMGZ_OFFSET_NONE},
         "flushing",
         "flushing c: No space left on device; free some space or choose another place, then run "
         "again"},
    };

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        struct imgz_latch *latch = create();

        assert_int_equal(imgz_latch_raise_system(latch, cases[i].code, cases[i].location,
                                                 cases[i].doing),
                         cases[i].code);
        assert_string_equal(imgz_latch_error(latch)->text, cases[i].text);
        imgz_latch_destroy(latch);
    }
}

struct raiser {
    struct imgz_latch *latch;
    int code;
    pthread_t thread;
};

static void *run_raiser(void *argument)
{
    const struct raiser *raiser = argument;

    imgz_latch_raise(raiser->latch, raiser->code, location, "%d", raiser->code);
    return NULL;
}

/* Of many at once one wins, whole. */
static void one_of_many_wins(void **state)
{
    (void)state;
    for (int round = 0; round < 50; round++) {
        struct raiser raisers[4];
        struct imgz_latch *latch = create();
        const struct imgz_error *error = imgz_latch_error(latch);
        char text[16];

        for (int i = 0; i < 4; i++) {
            raisers[i] = (struct raiser){.latch = latch, .code = -1 - i};
            assert_int_equal(pthread_create(&raisers[i].thread, NULL, run_raiser, &raisers[i]), 0);
        }
        for (int i = 0; i < 4; i++)
            assert_int_equal(pthread_join(raisers[i].thread, NULL), 0);
        assert_in_range(-error->code, 1, 4);
        snprintf(text, sizeof(text), "%d", error->code);
        assert_string_equal(error->text, text);
        imgz_latch_destroy(latch);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quiet_until_raised),
        cmocka_unit_test(a_kind_is_not_told_by_the_code),
        cmocka_unit_test(usage_is_a_kind_of_its_own),
        cmocka_unit_test(first_story_stays),
        cmocka_unit_test(long_stories_are_cut),
        cmocka_unit_test(no_path_is_an_empty_one),
        cmocka_unit_test(system_stories),
        cmocka_unit_test(one_of_many_wins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
