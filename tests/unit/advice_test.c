/* SPDX-License-Identifier: MIT */
#include "base/advice.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"

static void every_errno_has_advice(void **state)
{
    static const enum imgz_advice_side sides[] = {IMGZ_ADVICE_INPUT, IMGZ_ADVICE_OUTPUT};

    (void)state;
    for (int code = 1; code < 200; code++) {
        for (size_t i = 0; i < IMGZ_COUNT_OF(sides); i++) {
            const char *advice = imgz_advice_find(-code, sides[i]);

            assert_non_null(advice);
            assert_true(strlen(advice) > 4);
            assert_null(strchr(advice, '\n'));
            assert_int_not_equal(advice[strlen(advice) - 1], '.');
        }
    }
}

static void sides_differ_where_it_matters(void **state)
{
    (void)state;
    assert_string_equal(imgz_advice_find(-ENOENT, IMGZ_ADVICE_INPUT), "check the name");
    assert_string_equal(imgz_advice_find(-ENOENT, IMGZ_ADVICE_OUTPUT),
                        "check that the directory exists");
    assert_string_equal(imgz_advice_find(-EPIPE, IMGZ_ADVICE_OUTPUT),
                        "the program that reads this output has ended; check its errors");
    assert_string_equal(imgz_advice_find(-EMFILE, IMGZ_ADVICE_INPUT), "raise 'ulimit -n'");
    assert_string_equal(imgz_advice_find(-EXDEV, IMGZ_ADVICE_INPUT), "see 'dmesg' for more");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_errno_has_advice),
        cmocka_unit_test(sides_differ_where_it_matters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
