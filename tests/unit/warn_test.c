/* SPDX-License-Identifier: MIT */
#include "job/common/warn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void count(const char *line, void *context)
{
    assert_true(strncmp(line, "the ", 4) == 0);
    *(unsigned *)context += 1;
}

/* The report has room for some; each is told. */
static void too_many_are_told_all_the_same(void **state)
{
    struct imgz_job *job = calloc(1, sizeof(*job));
    unsigned told = 0;

    (void)state;
    assert_non_null(job);
    job->options.warning = count;
    job->options.warning_context = &told;
    for (unsigned i = 0; i < IMGZ_WARNINGS_MAX + 3; i++)
        imgz_warn(job, "source-changed", "the %u. one", i);
    assert_int_equal(told, IMGZ_WARNINGS_MAX + 3);
    assert_int_equal(job->report.warning_count, IMGZ_WARNINGS_MAX);
    assert_string_equal(job->report.warnings[0].text, "the 0. one");
    assert_string_equal(job->report.warnings[IMGZ_WARNINGS_MAX - 1].code, "source-changed");
    assert_false(job->report.gpt_moved);
    free(job);
}

static void long_ones_are_cut(void **state)
{
    struct imgz_job *job = calloc(1, sizeof(*job));
    char text[1000];

    (void)state;
    assert_non_null(job);
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    imgz_warn(job, text, "%s", text);
    assert_int_equal(job->report.warning_count, 1);
    assert_int_equal(strlen(job->report.warnings[0].text),
                     sizeof(job->report.warnings[0].text) - 1);
    assert_int_equal(strlen(job->report.warnings[0].code),
                     sizeof(job->report.warnings[0].code) - 1);
    free(job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(too_many_are_told_all_the_same),
        cmocka_unit_test(long_ones_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
