/* SPDX-License-Identifier: MIT */
#include "job/common/budget.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/base.h"

#define MIB  ((uint64_t)1 << 20)
#define MANY IMGZ_BUDGET_UNLIMITED

/* 'worker_count' 0: it does not fit. */
static const struct expectation {
    struct imgz_budget_needs needs;
    uint64_t memory_bytes;
    struct imgz_budget budget;
} expectations[] = {
    /* workers, least, chunks, slot, worker, base */
    {{2, 1, MANY, 2 * MIB, 0, 0}, MANY, {2, 12}},
    {{32, 1, MANY, 2 * MIB, 0, 0}, MANY, {32, 72}},

    /* A disk of few chunks has no use for more slots, but for those that let it move. */
    {{2, 1, 9, 2 * MIB, 0, 0}, MANY, {2, 9}},
    {{2, 1, 1, 2 * MIB, 0, 0}, MANY, {2, 4}},
    {{2, 1, 0, 2 * MIB, 0, 0}, MANY, {2, 4}},
    {{64, 1, 1, 2 * MIB, 0, 0}, MANY, {64, 4}},

    /* Large chunks for many workers: 1 GiB, and one slot for each. */
    {{32, 1, MANY, 32 * MIB, 0, 0}, MANY, {32, 35}},
    {{8, 1, MANY, 32 * MIB, 0, 0}, MANY, {8, 24}},
    {{31, 1, MANY, 30 * MIB, 0, 0}, MANY, {31, 34}},
    {{12, 1, MANY, 40 * MIB, 0, 0}, MANY, {12, 25}},

    /* The example of budget.c, and one byte less each. */
    {{2, 1, MANY, 2 * MIB, 0, 0}, 24 * MIB, {2, 12}},
    {{2, 1, MANY, 2 * MIB, 0, 0}, 24 * MIB - 1, {2, 11}},
    {{2, 1, MANY, 2 * MIB, 0, 0}, 10 * MIB, {2, 5}},
    {{2, 1, MANY, 2 * MIB, 0, 0}, 10 * MIB - 1, {1, 4}},
    {{2, 1, MANY, 2 * MIB, 0, 0}, 8 * MIB, {1, 4}},
    {{2, 1, MANY, 2 * MIB, 0, 0}, 8 * MIB - 1, {0, 0}},
    {{2, 2, MANY, 2 * MIB, 0, 0}, 10 * MIB - 1, {0, 0}},

    /* What workers and all else take is not there for slots. */
    {{2, 1, MANY, 2 * MIB, 3 * MIB, 5 * MIB}, 35 * MIB, {2, 12}},
    {{2, 1, MANY, 2 * MIB, 3 * MIB, 5 * MIB}, 33 * MIB, {2, 11}},
    {{2, 1, MANY, 2 * MIB, 3 * MIB, 5 * MIB}, 16 * MIB, {1, 4}},
    {{2, 1, MANY, 2 * MIB, 3 * MIB, 5 * MIB}, 16 * MIB - 1, {0, 0}},
    {{2, 1, MANY, 2 * MIB, 3 * MIB, 5 * MIB}, 0, {0, 0}},

    /* Slots without buffers cost nothing. */
    {{2, 1, MANY, 0, 3 * MIB, 5 * MIB}, 11 * MIB, {2, 12}},
    {{2, 1, MANY, 0, 3 * MIB, 5 * MIB}, 8 * MIB, {1, 10}},
};

static void budgets_are_as_large_as_they_may_be(void **state)
{
    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(expectations); i++) {
        const struct expectation *expected = &expectations[i];
        struct imgz_budget budget = {0, 0};
        int rc = imgz_budget_make(&expected->needs, expected->memory_bytes, &budget);

        if (rc != (expected->budget.worker_count == 0 ? -ENOMEM : 0) ||
            budget.worker_count != expected->budget.worker_count ||
            budget.slot_count != expected->budget.slot_count)
            fail_msg("line %zu: %d, %u workers, %u slots", i, rc, budget.worker_count,
                     budget.slot_count);
    }
}

/* Whatever is made fits; what does not fit is less than bytes_min() says. */
static void what_is_made_fits(void **state)
{
    const struct imgz_budget_needs needs = {7, 2, 1000, 3 * MIB, MIB, 10 * MIB};

    (void)state;
    for (uint64_t memory_bytes = 0; memory_bytes < 120 * MIB; memory_bytes += MIB / 4) {
        struct imgz_budget budget;
        int rc = imgz_budget_make(&needs, memory_bytes, &budget);

        assert_int_equal(rc == 0, memory_bytes >= imgz_budget_bytes_min(&needs));
        if (rc < 0)
            continue;
        assert_in_range(budget.worker_count, 2, 7);
        assert_in_range(budget.slot_count, budget.worker_count + 3,
                        imgz_budget_slot_count(budget.worker_count));
        assert_true(needs.base_bytes + budget.worker_count * needs.worker_bytes +
                        budget.slot_count * needs.slot_bytes <=
                    memory_bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(budgets_are_as_large_as_they_may_be),
        cmocka_unit_test(what_is_made_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
