/* SPDX-License-Identifier: MIT */
/* A threads of which one thread is stuck: it is left behind, and may come back. */
#include "pipeline/threads.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "run_threads.h"

#define WORKERS 2u
#define ITEMS   50u

static const struct imgz_location nowhere = {IMGZ_STAGE_SETUP, NULL, IMGZ_OFFSET_NONE};

enum hand { NOBODY, FEEDER, WORKER, DRAIN };

/* On the heap, as everything that a thread left behind knows of. */
struct job {
    enum hand stuck_hand;
    bool let_go; /* as soon as the threads knows of it */
    struct imgz_pipeline *pipeline;
    struct imgz_latch *latch;
    struct imgz_log log;
    struct imgz_threads_left left;
    atomic_bool is_stuck;
    atomic_bool released;
    atomic_bool came_back;
};

/* What no stop reaches. */
static void get_stuck(struct job *job, enum hand hand)
{
    if (job->stuck_hand != hand)
        return;
    atomic_store(&job->is_stuck, true);
    while (!atomic_load(&job->released))
        usleep(1000);
    atomic_store(&job->came_back, true);
}

static int feed(void *context, struct imgz_pipeline *pipeline)
{
    struct job *job = context;

    for (uint64_t i = 0; i < ITEMS; i++) {
        struct imgz_slot *slot = NULL;
        int rc = imgz_pipeline_take_free(pipeline, &slot);

        if (rc < 0)
            return rc;
        if (i == ITEMS / 2)
            get_stuck(job, FEEDER);
        rc = imgz_pipeline_feed(pipeline, &slot);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int work(void *context, uint32_t worker_index, struct imgz_slot *slot)
{
    (void)worker_index;
    if (slot->seq == ITEMS / 2)
        get_stuck(context, WORKER);
    return 0;
}

static int drain(void *context, struct imgz_pipeline *pipeline)
{
    struct imgz_slot *slot = NULL;
    int rc;

    while ((rc = imgz_pipeline_take(pipeline, &slot)) == 0) {
        if (slot->seq == ITEMS / 2)
            get_stuck(context, DRAIN);
        imgz_pipeline_give_back(pipeline, &slot);
    }
    return rc == -ENODATA ? 0 : rc;
}

/* True once somebody is stuck. */
static bool ask(void *context)
{
    struct job *job = context;

    if (!atomic_load(&job->is_stuck))
        return false;
    imgz_latch_raise(job->latch, -ETIMEDOUT, nowhere, "a read hangs");
    atomic_store(&job->released, job->let_go);
    return true;
}

static struct imgz_threads_watch make_watch(struct job *job)
{
    return (struct imgz_threads_watch){
        .progress_interval_ms = 5,
        .stuck = ask,
        .stuck_context = job,
        .left = &job->left,
    };
}

static struct job *create_job(enum hand stuck_hand)
{
    const struct imgz_pool_config pool = {4, IMGZ_BLOCK_BYTES, 0};
    struct job *job = calloc(1, sizeof(*job));

    assert_non_null(job);
    job->stuck_hand = stuck_hand;
    imgz_log_init(&job->log, NULL, NULL);
    assert_int_equal(imgz_latch_create(&job->latch), 0);
    assert_int_equal(imgz_pipeline_create(&pool, job->latch, &job->log, &job->pipeline), 0);
    return job;
}

static void destroy_job(struct job *job)
{
    imgz_pipeline_destroy(job->pipeline);
    imgz_latch_destroy(job->latch);
    imgz_log_fini(&job->log);
    free(job);
}

/* What a thread left behind knew of is never freed. */
static struct job *kept_jobs[8];
static unsigned kept_count;

/* Lets go of who is stuck, and waits until it has ended. */
static void release(struct job *job)
{
    atomic_store(&job->released, true);
    imgz_test_threads_expect(imgz_test_threads_at_rest);
    assert_true(atomic_load(&job->came_back));
    kept_jobs[kept_count++] = job;
}

static int run(struct job *job)
{
    const struct imgz_threads_plan plan = {
        .job = job,
        .worker_count = WORKERS,
        .feed = feed,
        .work = work,
        .drain = drain,
        .watch = make_watch(job),
    };
    struct imgz_threads_usage usage = {0};

    return imgz_threads_run(&plan, job->pipeline, &usage);
}

static void who_is_stuck_is_left_behind(void **state)
{
    static const struct {
        enum hand hand;
        bool drain_left;
    } cases[] = {{FEEDER, false}, {WORKER, false}, {DRAIN, true}};
    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        struct job *job = create_job(cases[i].hand);

        assert_int_equal(run(job), -ETIMEDOUT);
        assert_true(job->left.any);
        assert_int_equal(job->left.drain, cases[i].drain_left);
        assert_false(atomic_load(&job->came_back));
        imgz_test_threads_expect(imgz_test_threads_at_rest + 1);
        release(job);
    }
}

static void nobody_is_left_without_need(void **state)
{
    struct job *job = create_job(NOBODY);

    (void)state;
    assert_int_equal(run(job), 0);
    assert_false(job->left.any);
    imgz_test_threads_expect(imgz_test_threads_at_rest);
    destroy_job(job);
}

/* It ended by itself after all: it is joined like the others. */
static void who_comes_back_in_time_is_joined(void **state)
{
    struct job *job = create_job(WORKER);

    (void)state;
    job->let_go = true;
    assert_int_equal(run(job), -ETIMEDOUT);
    assert_false(job->left.any);
    assert_true(atomic_load(&job->came_back));
    destroy_job(job);
}

static int call_body(void *context)
{
    struct job *job = context;

    get_stuck(job, DRAIN);
    return imgz_latch_raise(job->latch, -EIO, nowhere, "too late to be told");
}

static void a_call_is_left_behind(void **state)
{
    struct job *job = create_job(DRAIN);
    const struct imgz_threads_watch watch = make_watch(job);

    (void)state;
    assert_int_equal(imgz_threads_call(call_body, job, &watch, job->latch), -ETIMEDOUT);
    assert_true(job->left.any && job->left.drain);
    release(job);
    assert_int_equal(imgz_latch_error(job->latch)->code, -ETIMEDOUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_left_without_need),
        cmocka_unit_test(who_comes_back_in_time_is_joined),
        cmocka_unit_test(who_is_stuck_is_left_behind),
        cmocka_unit_test(a_call_is_left_behind),
    };

    return cmocka_run_group_tests(tests, imgz_test_threads_count_at_rest, NULL);
}
