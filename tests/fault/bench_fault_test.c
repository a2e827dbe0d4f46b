/* SPDX-License-Identifier: MIT */
/*
 * A bench of which one call after the other fails. Whatever fails: it ends, says so or has measured
 * everything, and leaves no file, no descriptor and no memory.
 */
#include <errno.h>
#include <imgz/imgz.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../unit/fixture.h"
#include "../unit/sample.h"
#include "trial.h"

#define CHUNK      ((size_t)IMGZ_CHUNK_BYTES_MIN)
#define DISK_BYTES (3 * CHUNK + 1234)
#define CALLS_MAX  5000u

/* A row makes the same calls as the one before it: from here on every so many are made to fail. */
#define CALLS_DENSE 80u
#define CALLS_STEP  53u

static struct imgz_fixture fixture;
static struct imgz_fixture_path disk;

static int set_up(void **state)
{
    unsigned char *data = calloc(1, DISK_BYTES);

    (void)state;
    assert_non_null(data);
    imgz_fixture_init(&fixture);
    imgz_sample_fill(IMGZ_SAMPLE_TEXT, 1, data, CHUNK + 77);
    imgz_sample_fill(IMGZ_SAMPLE_RANDOM, 2, data + 2 * CHUNK, CHUNK);
    imgz_fixture_write(&fixture, "disk", data, DISK_BYTES);
    free(data);
    disk = imgz_fixture_path(&fixture, "disk");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    imgz_fixture_fini(&fixture);
    return 0;
}

struct outcome {
    int rc;
    struct imgz_trial trial;
    struct imgz_bench_result result;
    struct imgz_error error;
};

static void run_once(const char *path, const struct imgz_intercept *plan, struct outcome *outcome)
{
    struct imgz_options options;

    imgz_options_init(&options, sizeof(options));
    outcome->result.struct_bytes = sizeof(outcome->result);
    outcome->error.struct_bytes = sizeof(outcome->error);
    options.chunk_bytes = CHUNK;
    options.thread_count = 1;
    options.bench_ms = 1;
    options.bench_folder = fixture.folder;
    /* The kernel cuts direct reads at whole sectors only, and takes no others. */
    if (plan->short_percent > 0)
        options.direct = IMGZ_DIRECT_OFF;
    imgz_trial_begin(&outcome->trial, plan);
    outcome->rc = imgz_bench(path, &options, &outcome->result, &outcome->error);
    imgz_trial_end(&outcome->trial);
}

/* Runs it, and checks what must hold however it ended. */
static struct outcome run_bench(const char *path, const struct imgz_intercept *plan)
{
    struct outcome outcome;

    run_once(path, plan, &outcome);
    if (outcome.trial.memory_grown != 0)
        run_once(path, plan, &outcome);
    if (outcome.trial.fds_grown != 0 || outcome.trial.memory_grown != 0)
        fail_msg("%s (call %llu) failed, and %d descriptors, %lld allocations leak",
                 outcome.trial.failed, (unsigned long long)plan->fail_at, outcome.trial.fds_grown,
                 (long long)outcome.trial.memory_grown);
    assert_int_equal(imgz_fixture_count(&fixture), 1);
    assert_int_equal(outcome.error.code, outcome.rc);
    assert_int_equal(outcome.rc == 0, outcome.error.text[0] == '\0');
    if (outcome.rc == 0) {
        assert_true(outcome.result.row_count > 0);
        assert_int_equal(outcome.result.done_count, outcome.result.row_count);
        for (uint32_t i = 0; i < outcome.result.row_count; i++)
            assert_true(outcome.result.rows[i].elapsed_ns > 0);
    } else {
        assert_true(outcome.result.row_count == 0 ||
                    outcome.result.done_count < outcome.result.row_count);
    }
    return outcome;
}

static void fail_one_after_the_other(enum imgz_intercept_kind kind, bool ring_refused)
{
    struct imgz_intercept plan = {.kind = kind, .ring_refused = ring_refused};
    struct outcome outcome = run_bench(disk.text, &plan);

    assert_int_equal(outcome.rc, 0);
    assert_null(outcome.trial.failed);
    do {
        plan.fail_at += plan.fail_at < CALLS_DENSE ? 1 : CALLS_STEP;
        outcome = run_bench(disk.text, &plan);
        if (outcome.trial.failed == NULL)
            assert_int_equal(outcome.rc, 0);
        else if (kind == IMGZ_INTERCEPT_CALLS && outcome.rc == 0 &&
                 !imgz_trial_dispensable(outcome.trial.failed))
            fail_msg("%s (call %llu) failed, and the bench says all is well", outcome.trial.failed,
                     (unsigned long long)plan.fail_at);
        else if (kind == IMGZ_INTERCEPT_ALLOCATIONS && outcome.rc != 0 && outcome.rc != -ENOMEM &&
                 outcome.rc != -EAGAIN)
            fail_msg("%s (call %llu): %s", outcome.trial.failed, (unsigned long long)plan.fail_at,
                     outcome.error.text);
    } while (outcome.trial.failed != NULL && plan.fail_at < CALLS_MAX);
    assert_null(outcome.trial.failed);
    print_message("%llu calls\n", (unsigned long long)plan.fail_at - 1);
}

static void every_system_call_may_fail(void **state)
{
    (void)state;
    fail_one_after_the_other(IMGZ_INTERCEPT_CALLS, true);
    fail_one_after_the_other(IMGZ_INTERCEPT_CALLS, false);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    if (!imgz_intercept_sees_allocations())
        skip();
    fail_one_after_the_other(IMGZ_INTERCEPT_ALLOCATIONS, true);
}

/* The mapping for the sample is the largest thing a bench asks for. */
static void a_lack_of_memory_is_told_as_such(void **state)
{
    struct imgz_intercept plan = {.kind = IMGZ_INTERCEPT_CALLS, .ring_refused = true};
    bool seen = false;

    (void)state;
    while (!seen && plan.fail_at < CALLS_DENSE) {
        struct outcome outcome;

        plan.fail_at += 1;
        outcome = run_bench(NULL, &plan);
        seen = outcome.trial.failed != NULL && strcmp(outcome.trial.failed, "mmap") == 0;
        if (seen) {
            assert_int_equal(outcome.rc, -ENOMEM);
            assert_non_null(strstr(outcome.error.text, "out of memory"));
        }
    }
    assert_true(seen);
}

static void short_and_interrupted_transfers_are_continued(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        const struct imgz_intercept plan = {
            .ring_refused = true,
            .short_percent = (uint32_t)(seed % 4 * 30),
            .interrupt_percent = (uint32_t)(seed % 3 * 30),
            .seed = seed * 1000,
        };

        assert_int_equal(run_bench(disk.text, &plan).rc, 0);
    }
}

static void a_bad_sector_is_named(void **state)
{
    const struct imgz_intercept plan = {.ring_refused = true, .bad_read_offset = 2 * CHUNK + 4096};
    const struct outcome outcome = run_bench(disk.text, &plan);

    (void)state;
    assert_int_equal(outcome.rc, -EIO);
    assert_int_equal(outcome.error.stage, IMGZ_STAGE_READ_SOURCE);
    assert_int_equal(outcome.error.offset, 2 * CHUNK + 4096);
    assert_string_equal(outcome.error.path, disk.text);
}

static void a_full_folder_is_named(void **state)
{
    const struct imgz_intercept plan = {.ring_refused = true, .write_room_bytes = 5000};
    const struct outcome outcome = run_bench(disk.text, &plan);

    (void)state;
    assert_int_equal(outcome.rc, -ENOSPC);
    assert_int_equal(outcome.error.stage, IMGZ_STAGE_WRITE_TARGET);
    assert_int_equal(outcome.result.done_count + 1, outcome.result.row_count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_system_call_may_fail),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(a_lack_of_memory_is_told_as_such),
        cmocka_unit_test(short_and_interrupted_transfers_are_continued),
        cmocka_unit_test(a_bad_sector_is_named),
        cmocka_unit_test(a_full_folder_is_named),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
