/* SPDX-License-Identifier: MIT */
#include "job/measure/size_estimate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define COUNT 4u

/* The example of the header. */
static const uint64_t fast[COUNT] = {100, 300, 100, 300};
static const uint64_t level_1[COUNT] = {90, 270, 90, 270};
static const uint64_t level_12[COUNT] = {80, 0, 80, 0};

static void see(struct imgz_size_estimate *estimate, const uint64_t bytes[COUNT])
{
    memcpy(estimate->level_bytes, bytes, COUNT * sizeof(bytes[0]));
}

static void chunks_that_were_not_seen_are_worked_out(void **state)
{
    struct imgz_size_estimate estimate;

    (void)state;
    assert_int_equal(imgz_size_estimate_init(&estimate, COUNT), 0);
    see(&estimate, fast);
    assert_true(imgz_size_estimate_all(&estimate) == 800);
    imgz_size_estimate_advance(&estimate);
    see(&estimate, level_1);
    assert_true(imgz_size_estimate_all(&estimate) == 720);
    imgz_size_estimate_advance(&estimate);
    see(&estimate, level_12);
    assert_true(imgz_size_estimate_all(&estimate) == 640);
    /* What only this level saw has nothing to be compared with. */
    imgz_size_estimate_advance(&estimate);
    see(&estimate, level_1);
    assert_true(imgz_size_estimate_all(&estimate) == 720);
    imgz_size_estimate_fini(&estimate);
}

static void a_level_starts_with_nothing_seen(void **state)
{
    struct imgz_size_estimate estimate;

    (void)state;
    assert_int_equal(imgz_size_estimate_init(&estimate, COUNT), 0);
    see(&estimate, fast);
    imgz_size_estimate_advance(&estimate);
    assert_true(imgz_size_estimate_all(&estimate) == 0);
    see(&estimate, level_1);
    imgz_size_estimate_clear(&estimate);
    assert_true(imgz_size_estimate_all(&estimate) == 0);
    imgz_size_estimate_fini(&estimate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_that_were_not_seen_are_worked_out),
        cmocka_unit_test(a_level_starts_with_nothing_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
