/* SPDX-License-Identifier: MIT */
/* The pipeline and the threads that works on it, with a job that only counts. */
#include "pipeline/threads.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "run_threads.h"

#define SLOTS        6u
#define WORKERS      3u
#define ITEMS        500u
#define ITEM_BYTES   10u
#define NEVER        UINT64_MAX
#define NAP_US       200u
#define FOR_EVER     UINT64_MAX
#define CANCEL_AFTER 20u

static const struct imgz_location nowhere = {IMGZ_STAGE_SETUP, NULL, IMGZ_OFFSET_NONE};

struct count_job {
    /* Set before the run. */
    struct imgz_pipeline *pipeline;
    uint64_t item_count;    /* FOR_EVER: until the pipeline is closed */
    uint64_t feed_fails_at; /* this item; NEVER */
    uint64_t work_fails_at;
    uint64_t drain_fails_at;
    bool drain_sleeps; /* does not look at the pipeline before the threads is stopped */

    _Atomic(uint64_t) worked_count;
    uint64_t drained_count;                 /* of the drain */
    sigset_t drain_signals;                 /* of the drain: those blocked in its thread */
    const struct imgz_placement *placement; /* NULL: none */
    atomic_uint unplaced_count;             /* calls that ran where they should not */

    /* Owned by the caller's thread. */
    pthread_t caller;
    uint64_t progress_count;
    uint64_t cancel_at; /* this call of progress; NEVER */
    struct imgz_progress last;
};

static int give_up(const struct count_job *job, const char *who)
{
    return imgz_latch_raise(job->pipeline->latch, -EIO, nowhere, "%s failed", who);
}

/* The thread runs on these processors; NULL: on all that the caller may use. */
static void look_around(struct count_job *job, hwloc_const_cpuset_t wanted)
{
    const struct imgz_machine *machine = job->placement->machine;
    cpu_set_t found;

    if (wanted == NULL)
        wanted = machine->processors;
    IMGZ_ASSERT(sched_getaffinity(0, sizeof(found), &found) == 0);
    for (unsigned i = 0; i < CPU_SETSIZE; i++) {
        if ((CPU_ISSET(i, &found) != 0) != (hwloc_bitmap_isset(wanted, i) != 0)) {
            atomic_fetch_add(&job->unplaced_count, 1);
            return;
        }
    }
}

static int feed(void *context, struct imgz_pipeline *pipeline)
{
    struct count_job *job = context;

    if (job->placement != NULL)
        look_around(job, imgz_placement_feeder_processors(job->placement));
    for (uint64_t i = 0; i < job->item_count; i++) {
        struct imgz_slot *slot = NULL;
        int rc;

        if (i == job->feed_fails_at)
            return give_up(job, "feed");
        rc = imgz_pipeline_take_free(pipeline, &slot);
        if (rc < 0)
            return rc;
        IMGZ_ASSERT(slot->seq == i);
        slot->raw_offset = i * ITEM_BYTES;
        slot->raw_bytes = ITEM_BYTES;
        rc = imgz_pipeline_feed(pipeline, &slot);
        if (rc < 0)
            return rc;
        IMGZ_ASSERT(slot == NULL);
    }
    return 0;
}

static int work(void *context, uint32_t worker_index, struct imgz_slot *slot)
{
    struct count_job *job = context;

    if (job->placement != NULL)
        look_around(job, imgz_placement_worker_processors(job->placement, worker_index));
    IMGZ_ASSERT(worker_index < WORKERS);
    IMGZ_ASSERT(slot->state == IMGZ_SLOT_WORK);
    if (slot->seq == job->work_fails_at)
        return give_up(job, "work");
    slot->raw_hash.bytes[0] = (unsigned char)slot->seq;
    atomic_fetch_add(&job->worked_count, 1);
    if (slot->seq % 7 == 0)
        usleep(NAP_US); /* others overtake this one */
    return 0;
}

static int drain(void *context, struct imgz_pipeline *pipeline)
{
    struct count_job *job = context;
    struct imgz_slot *slot = NULL;
    int rc;

    if (job->placement != NULL)
        look_around(job, imgz_placement_drain_processors(job->placement));
    IMGZ_ASSERT(pthread_sigmask(SIG_BLOCK, NULL, &job->drain_signals) == 0);
    while (job->drain_sleeps && !imgz_latch_raised(pipeline->latch))
        usleep(NAP_US);
    while ((rc = imgz_pipeline_take(pipeline, &slot)) == 0) {
        IMGZ_ASSERT(slot->seq == job->drained_count);
        IMGZ_ASSERT(slot->state == IMGZ_SLOT_DRAIN);
        IMGZ_ASSERT(slot->raw_hash.bytes[0] == (unsigned char)slot->seq);
        if (slot->seq == job->drain_fails_at)
            return give_up(job, "drain");
        job->drained_count += 1;
        atomic_fetch_add(&pipeline->meter.raw_bytes_done, slot->raw_bytes);
        imgz_pipeline_give_back(pipeline, &slot);
    }
    if (rc != -ENODATA)
        return rc;
    imgz_pipeline_begin_flush(pipeline);
    return 0;
}

static int progress(const struct imgz_progress *figures, void *context)
{
    struct count_job *job = context;

    IMGZ_ASSERT(pthread_equal(pthread_self(), job->caller));
    IMGZ_ASSERT(figures->raw_bytes_done >= job->last.raw_bytes_done);
    IMGZ_ASSERT(figures->elapsed_ns >= job->last.elapsed_ns);
    job->last = *figures;
    job->progress_count += 1;
    return job->progress_count >= job->cancel_at ? 1 : 0;
}

static struct count_job quiet_job(void)
{
    return (struct count_job){.item_count = ITEMS,
                              .feed_fails_at = NEVER,
                              .work_fails_at = NEVER,
                              .drain_fails_at = NEVER,
                              .cancel_at = NEVER,
                              .caller = pthread_self()};
}

/* Runs the job on a pipeline of its own; 'error' receives the latch's story. All threads are
 * joined. */
static int run(struct count_job *job, struct imgz_error *error)
{
    const struct imgz_pool_config pool = {SLOTS, IMGZ_BLOCK_BYTES, 0};
    const struct imgz_threads_plan plan = {
        .job = job,
        .worker_count = WORKERS,
        .feed = feed,
        .work = work,
        .drain = drain,
        .watch = {.caller = {.progress = progress, .context = job},
                  .progress_interval_ms = 1,
                  .raw_bytes_total = job->item_count * ITEM_BYTES},
    };
    struct imgz_threads_usage usage;
    struct imgz_latch *latch = NULL;
    struct imgz_log log;
    int rc;

    imgz_log_init(&log, NULL, NULL);
    assert_int_equal(imgz_latch_create(&latch), 0);
    assert_int_equal(
        imgz_pipeline_create_placed(&pool, job->placement, latch, &log, &job->pipeline), 0);
    rc = imgz_threads_run(&plan, job->pipeline, &usage);
    imgz_test_threads_expect(imgz_test_threads_at_rest);
    *error = *imgz_latch_error(latch);
    if (rc == 0) {
        assert_int_equal(atomic_load(&job->pipeline->meter.phase), IMGZ_PHASE_FLUSH);
        assert_int_not_equal(job->pipeline->flush_start_ns, 0);
        /* A thread takes some microseconds to start and end alone. */
        assert_true(usage.feed_cpu_ns > 0 && usage.work_cpu_ns > 0 && usage.drain_cpu_ns > 0);
    }
    imgz_pipeline_destroy(job->pipeline);
    imgz_latch_destroy(latch);
    imgz_log_fini(&log);
    return rc;
}

static void normal_end(void **state)
{
    static const uint64_t counts[] = {0, 1, 2, SLOTS - 1, SLOTS, SLOTS + 1, ITEMS};
    struct imgz_error error;

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(counts); i++) {
        struct count_job job = quiet_job();

        job.item_count = counts[i];
        assert_int_equal(run(&job, &error), 0);
        assert_int_equal(error.code, 0);
        assert_int_equal(job.drained_count, counts[i]);
        assert_int_equal(atomic_load(&job.worked_count), counts[i]);
    }
}

/* Signals are the caller's: none is delivered to the threads' threads. */
static void hands_block_signals(void **state)
{
    struct count_job job = quiet_job();
    struct imgz_error error;
    sigset_t mine;

    (void)state;
    assert_int_equal(run(&job, &error), 0);
    assert_true(sigismember(&job.drain_signals, SIGINT));
    assert_true(sigismember(&job.drain_signals, SIGTERM));
    assert_true(sigismember(&job.drain_signals, SIGUSR1));
    assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &mine), 0);
    assert_false(sigismember(&mine, SIGINT));
}

/* Each thread binds itself, and no other. This machine would hardly be worth it, so the plan is
 * changed: workers to cores, feeder and drain to a node of one processor. */
static void hands_run_where_they_are_placed(void **state)
{
    const struct imgz_machine_config this_machine = {0};
    const struct imgz_placement_config config = {WORKERS, SLOTS, -1, -1};
    struct count_job job = quiet_job();
    struct imgz_placement *placement = NULL;
    struct imgz_machine *machine = NULL;
    struct imgz_error error;
    cpu_set_t before;
    cpu_set_t after;

    (void)state;
    assert_int_equal(imgz_machine_load(&this_machine, &machine), 0);
    if (!machine->bindable) {
        imgz_machine_destroy(machine);
        skip();
    }
    assert_int_equal(imgz_placement_create(machine, &config, &placement), 0);
    placement->binding = IMGZ_BINDING_CORE;
    placement->feeder_node_index = 0;
    placement->drain_node_index = 0;
    hwloc_bitmap_singlify(machine->nodes[0].processors);
    job.placement = placement;
    assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
    assert_int_equal(run(&job, &error), 0);
    assert_int_equal(atomic_load(&job.unplaced_count), 0);
    assert_int_equal(atomic_load(&job.worked_count), ITEMS);
    assert_int_equal(sched_getaffinity(0, sizeof(after), &after), 0);
    assert_true(CPU_EQUAL(&before, &after));
    imgz_placement_destroy(placement);
    imgz_machine_destroy(machine);
}

static void failure_anywhere_ends_everything(void **state)
{
    static const uint64_t places[] = {0, 1, SLOTS, ITEMS / 2, ITEMS - 1};
    static const char *const stages[] = {"feed failed", "work failed", "drain failed"};

    (void)state;
    for (size_t stage = 0; stage < IMGZ_COUNT_OF(stages); stage++) {
        for (size_t i = 0; i < IMGZ_COUNT_OF(places); i++) {
            struct count_job job = quiet_job();
            struct imgz_error error;
            uint64_t *const fails_at[] = {&job.feed_fails_at, &job.work_fails_at,
                                          &job.drain_fails_at};

            *fails_at[stage] = places[i];
            assert_int_equal(run(&job, &error), -EIO);
            assert_string_equal(error.text, stages[stage]);
            assert_true(job.drained_count <= places[i]);
        }
    }
}

static void progress_cancels(void **state)
{
    (void)state;
    for (int sleeping = 0; sleeping < 2; sleeping++) {
        struct count_job job = quiet_job();
        struct imgz_error error;

        job.item_count = FOR_EVER;
        job.cancel_at = CANCEL_AFTER;
        job.drain_sleeps = sleeping;
        assert_int_equal(run(&job, &error), -ECANCELED);
        assert_string_equal(error.text, "stopped as asked");
        assert_in_range(job.progress_count, CANCEL_AFTER, 1000000);
    }
}

static void progress_shows_the_meter(void **state)
{
    struct count_job job = quiet_job();
    struct imgz_error error;

    (void)state;
    assert_int_equal(run(&job, &error), 0);
    assert_true(job.progress_count > 0);
    assert_int_equal(job.last.raw_bytes_total, ITEMS * ITEM_BYTES);
    assert_true(job.last.raw_bytes_done <= ITEMS * ITEM_BYTES);
    assert_int_equal(job.last.image_bytes_done, 0);
}

/* ---- One call in a thread of its own -----------------------------------------------------------
 */

struct call {
    struct imgz_latch *latch;
    pthread_t caller;
    int code;   /* to be raised and returned; 0: all is well */
    bool waits; /* until the latch is raised by another */
    bool done;
};

static int call_body(void *context)
{
    struct call *call = context;

    IMGZ_ASSERT(!pthread_equal(pthread_self(), call->caller));
    while (call->waits && !imgz_latch_raised(call->latch))
        usleep(NAP_US);
    call->done = true;
    return call->code < 0 ? imgz_latch_raise(call->latch, call->code, nowhere, "call failed") : 0;
}

static int cancel_at_once(const struct imgz_progress *figures, void *context)
{
    (void)figures;
    (void)context;
    return 1;
}

static void calls_can_fail_and_be_canceled(void **state)
{
    static const struct {
        int code;
        bool canceled;
        int rc;
    } cases[] = {{0, false, 0}, {-EIO, false, -EIO}, {0, true, -ECANCELED}};

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        struct call call = {.caller = pthread_self(),
                            .code = cases[i].code,
                            .waits = cases[i].canceled};
        const struct imgz_threads_watch watch = {.caller.progress =
                                                     cases[i].canceled ? cancel_at_once : NULL,
                                                 .progress_interval_ms = 1};

        assert_int_equal(imgz_latch_create(&call.latch), 0);
        assert_int_equal(imgz_threads_call(call_body, &call, &watch, call.latch), cases[i].rc);
        assert_true(call.done);
        assert_int_equal(imgz_latch_error(call.latch)->code, cases[i].rc);
        imgz_latch_destroy(call.latch);
    }
}

/* ---- The pipeline
 * ----------------------------------------------------------------------------------
 */

/* A number that was taken and given back is given out again. */
static void untaken_numbers_come_again(void **state)
{
    const struct imgz_pool_config pool = {2, IMGZ_BLOCK_BYTES, 0};
    struct imgz_slot *slot = NULL;
    struct imgz_pipeline *pipeline = NULL;
    struct imgz_latch *latch = NULL;
    struct imgz_log log;

    (void)state;
    imgz_log_init(&log, NULL, NULL);
    assert_int_equal(imgz_latch_create(&latch), 0);
    assert_int_equal(imgz_pipeline_create(&pool, latch, &log, &pipeline), 0);
    assert_int_equal(imgz_pipeline_take_free(pipeline, &slot), 0);
    assert_int_equal(slot->seq, 0);
    imgz_pipeline_untake(pipeline, &slot);
    assert_null(slot);
    assert_int_equal(imgz_pipeline_try_take_free(pipeline, &slot), 0);
    assert_int_equal(slot->seq, 0);
    imgz_pipeline_untake(pipeline, &slot);
    imgz_pipeline_end(pipeline);
    assert_int_equal(imgz_pipeline_take(pipeline, &slot), -ENODATA);
    assert_int_equal(imgz_pipeline_try_take(pipeline, &slot), -ENODATA);
    imgz_pipeline_destroy(pipeline);
    imgz_pipeline_destroy(NULL);
    imgz_latch_destroy(latch);
    imgz_log_fini(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal_end),
        cmocka_unit_test(hands_block_signals),
        cmocka_unit_test(hands_run_where_they_are_placed),
        cmocka_unit_test(failure_anywhere_ends_everything),
        cmocka_unit_test(progress_cancels),
        cmocka_unit_test(progress_shows_the_meter),
        cmocka_unit_test(calls_can_fail_and_be_canceled),
        cmocka_unit_test(untaken_numbers_come_again),
    };

    return cmocka_run_group_tests(tests, imgz_test_threads_count_at_rest, NULL);
}
