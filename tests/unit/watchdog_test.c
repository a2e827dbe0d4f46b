/* SPDX-License-Identifier: MIT */
#include "pipeline/watchdog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define SECOND ((uint64_t)1000000000)

static const struct imgz_watchdog_config config = {
    .entry_count = 4,
    .limit_ns = 10 * SECOND,
    .tick_ns_max = 2 * SECOND,
};

/* Ticks once a second from '*now_ns' on, so many times; true if the last one found a read overdue.
 */
static bool tick(struct imgz_watchdog *watchdog, uint64_t *now_ns, unsigned count, uint64_t *offset)
{
    bool overdue = false;

    for (unsigned i = 0; i < count; i++) {
        *now_ns += SECOND;
        overdue = imgz_watchdog_tick(watchdog, *now_ns, offset);
    }
    return overdue;
}

static void a_read_that_takes_too_long_is_found(void **state)
{
    struct imgz_watchdog *watchdog = NULL;
    uint64_t now_ns = 5 * SECOND;
    uint64_t offset = 7;

    (void)state;
    assert_int_equal(imgz_watchdog_create(&config, &watchdog), 0);
    assert_false(tick(watchdog, &now_ns, 100, &offset));
    imgz_watchdog_begin(watchdog, 1, 4096);
    assert_false(tick(watchdog, &now_ns, 9, &offset));
    imgz_watchdog_begin(watchdog, 3, 512);
    assert_true(tick(watchdog, &now_ns, 1, &offset));
    assert_int_equal(offset, 4096);
    assert_true(tick(watchdog, &now_ns, 9, &offset));
    assert_int_equal(offset, 512); /* the lowest of both */
    imgz_watchdog_end(watchdog, 1);
    imgz_watchdog_end(watchdog, 3);
    assert_false(tick(watchdog, &now_ns, 1, &offset));
    imgz_watchdog_destroy(watchdog);
}

/* Each read has all of the time. */
static void a_new_read_begins_anew(void **state)
{
    struct imgz_watchdog *watchdog = NULL;
    uint64_t now_ns = 1;
    uint64_t offset;

    (void)state;
    assert_int_equal(imgz_watchdog_create(&config, &watchdog), 0);
    assert_false(tick(watchdog, &now_ns, 1, &offset));
    for (unsigned i = 0; i < 20; i++) {
        imgz_watchdog_begin(watchdog, IMGZ_WATCHDOG_OF_SLOT(2), i);
        assert_false(tick(watchdog, &now_ns, 9, &offset));
        if (i % 2 == 0)
            imgz_watchdog_end(watchdog, IMGZ_WATCHDOG_OF_SLOT(2));
    }
    imgz_watchdog_destroy(watchdog);
}

/* A process that was stopped for a day is not a device that hung for a day. */
static void time_that_nobody_saw_does_not_count(void **state)
{
    struct imgz_watchdog *watchdog = NULL;
    uint64_t now_ns = 1;
    uint64_t offset;

    (void)state;
    assert_int_equal(imgz_watchdog_create(&config, &watchdog), 0);
    assert_false(tick(watchdog, &now_ns, 1, &offset));
    imgz_watchdog_begin(watchdog, IMGZ_WATCHDOG_ONCE, 0);
    now_ns += 86400 * SECOND;
    assert_false(tick(watchdog, &now_ns, 8, &offset)); /* 2 and 7 seconds */
    assert_true(tick(watchdog, &now_ns, 1, &offset));
    imgz_watchdog_destroy(watchdog);
}

static void without_one_there_is_no_limit(void **state)
{
    (void)state;
    imgz_watchdog_begin(NULL, 1, 0);
    imgz_watchdog_end(NULL, 1);
    imgz_watchdog_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_read_that_takes_too_long_is_found),
        cmocka_unit_test(a_new_read_begins_anew),
        cmocka_unit_test(time_that_nobody_saw_does_not_count),
        cmocka_unit_test(without_one_there_is_no_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
