/* SPDX-License-Identifier: MIT */
#include "pipeline/threads.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

struct threads;

/* One thread and what it runs. */
struct member {
    struct threads *threads;
    int (*body)(struct member *member);
    uint32_t worker_index;
    pthread_t thread;

    /* Guarded by the threads' lock. */
    bool ended;
    uint64_t cpu_ns; /* set at the end */
};

struct threads {
    /* Set before any thread starts. */
    struct imgz_threads_watch watch;
    struct imgz_latch *latch;
    struct imgz_pipeline *pipeline; /* NULL for a call */
    struct imgz_threads_plan plan;  /* empty for a call; a copy, for threads that are left behind */
    int (*call)(void *context);
    void *call_context;

    /* Owned by the caller's thread. */
    struct imgz_stopwatch stopwatch; /* unless there is one for all of the job */
    uint64_t stuck_ns;               /* when it found that a thread is stuck; 0: not yet */

    /* Guarded by lock. */
    struct imgz_mutex lock;
    pthread_cond_t all_ended; /* waited on by the caller's thread only */
    uint32_t running_count;
    bool abandoned; /* the last of those left behind frees it */

    struct member members[]; /* feeder, drain, workers */
};

#define FEEDER_AND_DRAIN 2u

/* A thread's stack, one line per part. By default a thread gets the size of RLIMIT_STACK, which may
 * be 64 KiB or unlimited. Pages that are not touched cost address space only. */
#define STACK_ENGINE_BYTES                                                                         \
    ((size_t)256                                                                                   \
     << 10) /* io/device/device_stack.c: 8 devices deep, 17 KiB each, and 40           \
                         */
#define STACK_LIBRARIES_BYTES ((size_t)64 << 10)  /* codecs, digests and printf(): 20 KiB seen */
#define STACK_CALLER_BYTES    ((size_t)128 << 10) /* thread-local data of the whole process */
#define STACK_SPARE_BYTES     ((size_t)64 << 10)  /* instrumented builds, other versions */
#define STACK_BYTES                                                                                \
    (STACK_ENGINE_BYTES + STACK_LIBRARIES_BYTES + STACK_CALLER_BYTES + STACK_SPARE_BYTES)

/* Binds the calling thread. If that fails, it runs where the system puts it. */
static void bind_member(const struct member *member, const char *who,
                        hwloc_const_cpuset_t processors)
{
    struct imgz_pipeline *pipeline = member->threads->pipeline;
    int rc = imgz_placement_bind_thread(pipeline->placement, processors);

    if (rc < 0)
        imgz_log_line(pipeline->log, "%s runs on any processor: %s", who, strerrordesc_np(-rc));
}

static int feeder_body(struct member *member)
{
    const struct threads *threads = member->threads;
    int rc;

    bind_member(member, "the feeder",
                imgz_placement_feeder_processors(threads->pipeline->placement));
    rc = threads->plan.feed(threads->plan.job, threads->pipeline);

    if (rc == 0)
        imgz_pipeline_end(threads->pipeline);
    return rc;
}

static int drain_body(struct member *member)
{
    const struct threads *threads = member->threads;

    bind_member(member, "the drain", imgz_placement_drain_processors(threads->pipeline->placement));
    return threads->plan.drain(threads->plan.job, threads->pipeline);
}

static int worker_body(struct member *member)
{
    const struct imgz_threads_plan *plan = &member->threads->plan;
    struct imgz_pipeline *pipeline = member->threads->pipeline;
    struct imgz_slot *slot = NULL;
    int rc;

    bind_member(member, "a worker",
                imgz_placement_worker_processors(pipeline->placement, member->worker_index));
    while ((rc = imgz_pipeline_take_work(pipeline, member->worker_index, &slot)) == 0) {
        rc = plan->work(plan->job, member->worker_index, slot);
        if (rc < 0)
            return rc;
        rc = imgz_order_give(pipeline->order, &slot);
        if (rc < 0)
            return rc;
    }
    return rc == -ENODATA ? 0 : rc;
}

static int call_body(struct member *member)
{
    return member->threads->call(member->threads->call_context);
}

static void close_line(struct threads *threads)
{
    if (threads->pipeline != NULL)
        imgz_pipeline_close(threads->pipeline);
}

static void destroy_crew(struct threads *threads)
{
    imgz_never_fails(pthread_cond_destroy(&threads->all_ended));
    imgz_mutex_fini(&threads->lock);
    free(threads);
}

/* 'threads' belongs to the caller's thread as long as that waits. */
static void end_member(struct member *member)
{
    struct threads *threads = member->threads;
    bool last_of_abandoned;

    imgz_mutex_lock(&threads->lock);
    member->cpu_ns = imgz_clock_thread_ns();
    member->ended = true;
    threads->running_count -= 1;
    if (threads->running_count == 0)
        pthread_cond_signal(&threads->all_ended);
    last_of_abandoned = threads->abandoned && threads->running_count == 0;
    imgz_mutex_unlock(&threads->lock);
    if (last_of_abandoned)
        destroy_crew(threads);
}

static void *run_member(void *argument)
{
    struct member *member = argument;
    struct threads *threads = member->threads;

    if (member->body(member) < 0) {
        /* Otherwise the job would seem to be done. */
        IMGZ_ASSERT(imgz_latch_raised(threads->latch));
        close_line(threads);
    }
    end_member(member);
    return NULL;
}

/* Starts a thread for which every signal is blocked: they belong to the caller's threads. */
static int start_thread(pthread_t *thread, void *(*body)(void *argument), void *argument)
{
    pthread_attr_t attributes;
    sigset_t all;
    sigset_t before;
    int rc;

    imgz_never_fails(pthread_attr_init(&attributes));
    imgz_never_fails(pthread_attr_setstacksize(&attributes, STACK_BYTES));
    sigfillset(&all);
    imgz_never_fails(pthread_sigmask(SIG_SETMASK, &all, &before));
    rc = -pthread_create(thread, &attributes, body, argument);
    imgz_never_fails(pthread_sigmask(SIG_SETMASK, &before, NULL));
    imgz_never_fails(pthread_attr_destroy(&attributes));
    return rc;
}

static void show_progress(struct threads *threads)
{
    const struct imgz_threads_watch *watch = &threads->watch;
    const struct imgz_location nowhere = {IMGZ_STAGE_SETUP, NULL, IMGZ_OFFSET_NONE};
    struct imgz_progress progress = {
        .phase = IMGZ_PHASE_OPEN,
        .raw_bytes_total = watch->raw_bytes_total,
        .elapsed_ns = imgz_stopwatch_look(watch->stopwatch, imgz_clock_ns()),
        .work_bytes_total = IMGZ_SIZE_UNKNOWN,
        .blank_bytes_ahead = IMGZ_SIZE_UNKNOWN,
    };

    if (threads->pipeline != NULL) {
        const struct imgz_meter *meter = &threads->pipeline->meter;

        progress.phase = (enum imgz_phase)atomic_load_explicit(&meter->phase, memory_order_relaxed);
        imgz_meter_read(meter, &progress);
    }
    if (!imgz_caller_stops(&watch->caller, &progress))
        return;
    imgz_latch_raise(threads->latch, -ECANCELED, nowhere, "stopped as asked");
    close_line(threads);
}

static void add_ms(struct timespec *time, uint32_t ms)
{
    time->tv_sec += ms / 1000;
    time->tv_nsec += (long)(ms % 1000) * 1000000;
    if (time->tv_nsec >= 1000000000) {
        time->tv_nsec -= 1000000000;
        time->tv_sec += 1;
    }
}

/* Waits until every thread has ended or one progress interval is over; true if all have ended. */
static bool wait_interval(struct threads *threads)
{
    struct timespec deadline;
    int timed_out = 0;
    bool ended;

    clock_gettime(CLOCK_MONOTONIC, &deadline);
    add_ms(&deadline, threads->watch.progress_interval_ms);
    imgz_mutex_lock(&threads->lock);
    while (threads->running_count > 0 && timed_out == 0)
        timed_out = pthread_cond_timedwait(&threads->all_ended, &threads->lock.handle, &deadline);
    ended = threads->running_count == 0;
    imgz_mutex_unlock(&threads->lock);
    return ended;
}

static int create_crew(uint32_t member_count, const struct imgz_threads_watch *watch,
                       struct imgz_latch *latch, struct threads **result)
{
    struct threads *threads =
        calloc(1, sizeof(*threads) + member_count * sizeof(threads->members[0]));
    pthread_condattr_t attributes;

    IMGZ_ASSERT(watch->progress_interval_ms > 0);
    if (threads == NULL)
        return -ENOMEM;
    threads->watch = *watch;
    threads->latch = latch;
    if (watch->stopwatch == NULL) {
        imgz_stopwatch_start(&threads->stopwatch, imgz_clock_ns());
        threads->watch.stopwatch = &threads->stopwatch;
    }
    imgz_mutex_init(&threads->lock);
    imgz_never_fails(pthread_condattr_init(&attributes));
    imgz_never_fails(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
    imgz_never_fails(pthread_cond_init(&threads->all_ended, &attributes));
    imgz_never_fails(pthread_condattr_destroy(&attributes));
    for (uint32_t i = 0; i < member_count; i++)
        threads->members[i].threads = threads;
    *result = threads;
    return 0;
}

/* Starts every member, or closes the pipeline and raises why; returns how many run. */
static uint32_t start_all(struct threads *threads, uint32_t member_count)
{
    const struct imgz_location nowhere = {IMGZ_STAGE_SETUP, NULL, IMGZ_OFFSET_NONE};

    threads->running_count = member_count;
    for (uint32_t i = 0; i < member_count; i++) {
        int rc = start_thread(&threads->members[i].thread, run_member, &threads->members[i]);

        if (rc == 0)
            continue;
        imgz_latch_raise_cause(threads->latch, imgz_cause(IMGZ_REASON_THREADS), rc, nowhere,
                               "starting thread %u of %u failed: %s", i + 1, member_count,
                               strerrordesc_np(-rc));
        close_line(threads);
        imgz_mutex_lock(&threads->lock);
        threads->running_count -= member_count - i;
        imgz_mutex_unlock(&threads->lock);
        return i;
    }
    return member_count;
}

static bool has_ended(struct threads *threads, const struct member *member)
{
    bool ended;

    imgz_mutex_lock(&threads->lock);
    ended = member->ended;
    imgz_mutex_unlock(&threads->lock);
    return ended;
}

/* How much time the others get once a thread is stuck: those that wait for each other end at once,
 * the drain when its writes have ended. */
#define GRACE_NS_MIN ((uint64_t)1000000000)
#define GRACE_NS_MAX ((uint64_t)10000000000)

/* True when nobody is waited for any more. The writer is given up last. */
static bool patience_ends(struct threads *threads, const struct member *writer)
{
    uint64_t waited_ns;

    if (threads->stuck_ns == 0 && threads->watch.stuck != NULL &&
        threads->watch.stuck(threads->watch.stuck_context)) {
        threads->stuck_ns = imgz_clock_ns();
        close_line(threads);
    }
    if (threads->stuck_ns == 0)
        return false;
    waited_ns = imgz_clock_ns() - threads->stuck_ns;
    return waited_ns >=
           (threads->pipeline == NULL || has_ended(threads, writer) ? GRACE_NS_MIN : GRACE_NS_MAX);
}

/* Joins those that have ended, and gives up the others. */
static struct imgz_threads_left part(struct threads *threads, uint32_t started_count,
                                     const struct member *writer)
{
    struct imgz_threads_left left = {false, false};

    for (uint32_t i = 0; i < started_count; i++) {
        struct member *member = &threads->members[i];

        if (has_ended(threads, member)) {
            imgz_never_fails(pthread_join(member->thread, NULL));
            continue;
        }
        imgz_never_fails(pthread_detach(member->thread));
        left.any = true;
        left.drain = left.drain || member == writer;
    }
    return left;
}

static void sum_up_usage(const struct threads *threads, struct imgz_threads_usage *usage)
{
    *usage = (struct imgz_threads_usage){
        .feed_cpu_ns = threads->members[0].cpu_ns,
        .drain_cpu_ns = threads->members[1].cpu_ns,
    };
    for (uint32_t i = 0; i < threads->plan.worker_count; i++)
        usage->work_cpu_ns += threads->members[FEEDER_AND_DRAIN + i].cpu_ns;
}

/* Frees 'threads', or leaves that to the last thread that still uses it. */
static void give_away(struct threads *threads, const struct imgz_threads_left *left)
{
    bool all_ended = !left->any;

    if (left->any) {
        *threads->watch.left = *left;
        imgz_mutex_lock(&threads->lock);
        threads->abandoned = true;
        all_ended = threads->running_count == 0;
        imgz_mutex_unlock(&threads->lock);
    }
    if (all_ended)
        destroy_crew(threads);
}

/* Starts the threads and watches until all have ended, or some are given up. Frees 'threads'.
 */
static int run_crew(struct threads *threads, uint32_t member_count,
                    struct imgz_threads_usage *usage)
{
    const struct member *writer = &threads->members[threads->pipeline != NULL ? 1 : 0];
    const uint32_t started_count = start_all(threads, member_count);
    struct imgz_threads_left left;
    int rc;

    while (!wait_interval(threads)) {
        show_progress(threads);
        if (patience_ends(threads, writer))
            break;
    }
    left = part(threads, started_count, writer);
    rc = imgz_latch_error(threads->latch)->code;
    if (usage != NULL && !left.any)
        sum_up_usage(threads, usage);
    give_away(threads, &left);
    return rc;
}

int imgz_threads_run(const struct imgz_threads_plan *plan, struct imgz_pipeline *pipeline,
                     struct imgz_threads_usage *usage)
{
    const uint32_t member_count = plan->worker_count + FEEDER_AND_DRAIN;
    struct threads *threads = NULL;
    int rc;

    IMGZ_ASSERT(plan->worker_count > 0);
    rc = create_crew(member_count, &plan->watch, pipeline->latch, &threads);
    if (rc < 0)
        return rc;
    threads->plan = *plan;
    threads->pipeline = pipeline;
    threads->members[0].body = feeder_body;
    threads->members[1].body = drain_body;
    for (uint32_t i = 0; i < plan->worker_count; i++) {
        threads->members[FEEDER_AND_DRAIN + i].body = worker_body;
        threads->members[FEEDER_AND_DRAIN + i].worker_index = i;
    }
    return run_crew(threads, member_count, usage);
}

int imgz_threads_call(int (*body)(void *context), void *context,
                      const struct imgz_threads_watch *watch, struct imgz_latch *latch)
{
    struct threads *threads = NULL;
    int rc = create_crew(1, watch, latch, &threads);

    if (rc < 0)
        return rc;
    threads->call = body;
    threads->call_context = context;
    threads->members[0].body = call_body;
    return run_crew(threads, 1, NULL);
}

/* ---- One call on a stack of its own ------------------------------------------------------- */

struct deep_call {
    int (*body)(void *context);
    void *context;
    int rc;
};

static void *run_deep_call(void *argument)
{
    struct deep_call *call = argument;

    call->rc = call->body(call->context);
    return NULL;
}

int imgz_threads_call_deep(int (*body)(void *context), void *context)
{
    struct deep_call call = {.body = body, .context = context};
    pthread_t thread;
    int rc = start_thread(&thread, run_deep_call, &call);

    if (rc < 0)
        return rc;
    imgz_never_fails(pthread_join(thread, NULL));
    return call.rc;
}
