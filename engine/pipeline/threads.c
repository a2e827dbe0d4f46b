/* SPDX-License-Identifier: MIT */
#include "pipeline/threads.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

struct crew;

/* One thread and what it runs. */
struct hand {
    struct crew *crew;
    int (*body)(struct hand *hand);
    uint32_t worker_index;
    pthread_t thread;

    /* Guarded by the crew's lock. */
    bool ended;
    uint64_t cpu_ns; /* set at the end */
};

struct crew {
    /* Set before any thread starts. */
    struct imgz_crew_watch watch;
    struct imgz_stop *stop;
    struct imgz_line *line;     /* NULL for a call */
    struct imgz_crew_plan plan; /* empty for a call; a copy, for those that are left behind */
    int (*call)(void *context);
    void *call_context;

    /* Owned by the caller's thread. */
    struct imgz_stopwatch stopwatch; /* unless there is one for all of the job */
    uint64_t stuck_ns;               /* when it learned that a thread is stuck; 0: not yet */

    /* Guarded by lock. */
    struct imgz_mutex lock;
    pthread_cond_t all_ended; /* waited on by the caller's thread only */
    uint32_t running_count;
    bool abandoned; /* the last of those left behind frees it */

    struct hand hands[]; /* feeder, drain, workers */
};

#define FEEDER_AND_DRAIN 2u

/* A thread's stack, one line per part. By itself a thread gets the size of RLIMIT_STACK, which may
 * be 64 KiB, or without a limit. Pages that are not touched cost address space only. */
#define STACK_ENGINE_BYTES                                                                         \
    ((size_t)256 << 10) /* io/device/device_stack.c: 8 devices deep, 17 KiB each, and 40           \
                         */
#define STACK_LIBRARIES_BYTES ((size_t)64 << 10)  /* codecs, digests and printf(): 20 KiB seen */
#define STACK_CALLER_BYTES    ((size_t)128 << 10) /* thread-local data of the whole process */
#define STACK_SPARE_BYTES     ((size_t)64 << 10)  /* instrumented builds, other versions */
#define STACK_BYTES                                                                                \
    (STACK_ENGINE_BYTES + STACK_LIBRARIES_BYTES + STACK_CALLER_BYTES + STACK_SPARE_BYTES)

/* Binds the calling thread. Where that fails it runs where the system puts it. */
static void bind_hand(const struct hand *hand, const char *who, hwloc_const_cpuset_t processors)
{
    struct imgz_line *line = hand->crew->line;
    int rc = imgz_placement_bind_thread(line->placement, processors);

    if (rc < 0)
        imgz_log_line(line->log, "%s runs on any processor: %s", who, strerrordesc_np(-rc));
}

static int feeder_body(struct hand *hand)
{
    const struct crew *crew = hand->crew;
    int rc;

    bind_hand(hand, "the feeder", imgz_placement_feeder_processors(crew->line->placement));
    rc = crew->plan.feed(crew->plan.job, crew->line);

    if (rc == 0)
        imgz_line_end(crew->line);
    return rc;
}

static int drain_body(struct hand *hand)
{
    const struct crew *crew = hand->crew;

    bind_hand(hand, "the drain", imgz_placement_drain_processors(crew->line->placement));
    return crew->plan.drain(crew->plan.job, crew->line);
}

static int worker_body(struct hand *hand)
{
    const struct imgz_crew_plan *plan = &hand->crew->plan;
    struct imgz_line *line = hand->crew->line;
    struct imgz_slot *slot = NULL;
    int rc;

    bind_hand(hand, "a worker",
              imgz_placement_worker_processors(line->placement, hand->worker_index));
    while ((rc = imgz_line_take_work(line, hand->worker_index, &slot)) == 0) {
        rc = plan->work(plan->job, hand->worker_index, slot);
        if (rc < 0)
            return rc;
        rc = imgz_order_give(line->order, &slot);
        if (rc < 0)
            return rc;
    }
    return rc == -ENODATA ? 0 : rc;
}

static int call_body(struct hand *hand)
{
    return hand->crew->call(hand->crew->call_context);
}

static void close_line(struct crew *crew)
{
    if (crew->line != NULL)
        imgz_line_close(crew->line);
}

static void destroy_crew(struct crew *crew)
{
    imgz_never_fails(pthread_cond_destroy(&crew->all_ended));
    imgz_mutex_fini(&crew->lock);
    free(crew);
}

/* The crew belongs to the caller's thread as long as that waits. */
static void end_hand(struct hand *hand)
{
    struct crew *crew = hand->crew;
    bool last_of_abandoned;

    imgz_mutex_lock(&crew->lock);
    hand->cpu_ns = imgz_clock_thread_ns();
    hand->ended = true;
    crew->running_count -= 1;
    if (crew->running_count == 0)
        pthread_cond_signal(&crew->all_ended);
    last_of_abandoned = crew->abandoned && crew->running_count == 0;
    imgz_mutex_unlock(&crew->lock);
    if (last_of_abandoned)
        destroy_crew(crew);
}

static void *run_hand(void *argument)
{
    struct hand *hand = argument;
    struct crew *crew = hand->crew;

    if (hand->body(hand) < 0) {
        /* Otherwise the job would pass for done. */
        IMGZ_ASSERT(imgz_stop_raised(crew->stop));
        close_line(crew);
    }
    end_hand(hand);
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

static void show_progress(struct crew *crew)
{
    const struct imgz_crew_watch *watch = &crew->watch;
    const struct imgz_place nowhere = {IMGZ_STAGE_SETUP, NULL, IMGZ_OFFSET_NONE};
    struct imgz_progress progress = {
        .phase = IMGZ_PHASE_OPEN,
        .raw_bytes_total = watch->raw_bytes_total,
        .elapsed_ns = imgz_stopwatch_look(watch->stopwatch, imgz_clock_ns()),
        .work_bytes_total = IMGZ_SIZE_UNKNOWN,
    };

    if (crew->line != NULL) {
        const struct imgz_meter *meter = &crew->line->meter;

        progress.phase = (enum imgz_phase)atomic_load_explicit(&meter->phase, memory_order_relaxed);
        imgz_meter_read(meter, &progress);
    }
    if (watch->progress == NULL || watch->progress(&progress, watch->progress_context) == 0)
        return;
    imgz_stop_raise(crew->stop, -ECANCELED, nowhere, "stopped as asked");
    close_line(crew);
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
static bool wait_interval(struct crew *crew)
{
    struct timespec deadline;
    int timed_out = 0;
    bool ended;

    clock_gettime(CLOCK_MONOTONIC, &deadline);
    add_ms(&deadline, crew->watch.progress_interval_ms);
    imgz_mutex_lock(&crew->lock);
    while (crew->running_count > 0 && timed_out == 0)
        timed_out = pthread_cond_timedwait(&crew->all_ended, &crew->lock.handle, &deadline);
    ended = crew->running_count == 0;
    imgz_mutex_unlock(&crew->lock);
    return ended;
}

static int create_crew(uint32_t hand_count, const struct imgz_crew_watch *watch,
                       struct imgz_stop *stop, struct crew **result)
{
    struct crew *crew = calloc(1, sizeof(*crew) + hand_count * sizeof(crew->hands[0]));
    pthread_condattr_t attributes;

    IMGZ_ASSERT(watch->progress_interval_ms > 0);
    if (crew == NULL)
        return -ENOMEM;
    crew->watch = *watch;
    crew->stop = stop;
    if (watch->stopwatch == NULL) {
        imgz_stopwatch_start(&crew->stopwatch, imgz_clock_ns());
        crew->watch.stopwatch = &crew->stopwatch;
    }
    imgz_mutex_init(&crew->lock);
    imgz_never_fails(pthread_condattr_init(&attributes));
    imgz_never_fails(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
    imgz_never_fails(pthread_cond_init(&crew->all_ended, &attributes));
    imgz_never_fails(pthread_condattr_destroy(&attributes));
    for (uint32_t i = 0; i < hand_count; i++)
        crew->hands[i].crew = crew;
    *result = crew;
    return 0;
}

/* Starts every hand, or closes the line and tells why; returns how many run. */
static uint32_t start_all(struct crew *crew, uint32_t hand_count)
{
    const struct imgz_place nowhere = {IMGZ_STAGE_SETUP, NULL, IMGZ_OFFSET_NONE};

    crew->running_count = hand_count;
    for (uint32_t i = 0; i < hand_count; i++) {
        int rc = start_thread(&crew->hands[i].thread, run_hand, &crew->hands[i]);

        if (rc == 0)
            continue;
        imgz_stop_raise(crew->stop, rc, nowhere,
                        "starting thread %u of %u failed: %s; try fewer with --threads", i + 1,
                        hand_count, strerrordesc_np(-rc));
        close_line(crew);
        imgz_mutex_lock(&crew->lock);
        crew->running_count -= hand_count - i;
        imgz_mutex_unlock(&crew->lock);
        return i;
    }
    return hand_count;
}

static bool has_ended(struct crew *crew, const struct hand *hand)
{
    bool ended;

    imgz_mutex_lock(&crew->lock);
    ended = hand->ended;
    imgz_mutex_unlock(&crew->lock);
    return ended;
}

/* How long the others are given once a thread is stuck: those that wait for each other end at once,
 * the drain when its writes have ended. */
#define GRACE_NS_MIN ((uint64_t)1000000000)
#define GRACE_NS_MAX ((uint64_t)10000000000)

/* True when nobody is to be waited for any more. Who writes is the last to be given up. */
static bool patience_ends(struct crew *crew, const struct hand *writer)
{
    uint64_t waited_ns;

    if (crew->stuck_ns == 0 && crew->watch.stuck != NULL &&
        crew->watch.stuck(crew->watch.stuck_context)) {
        crew->stuck_ns = imgz_clock_ns();
        close_line(crew);
    }
    if (crew->stuck_ns == 0)
        return false;
    waited_ns = imgz_clock_ns() - crew->stuck_ns;
    return waited_ns >=
           (crew->line == NULL || has_ended(crew, writer) ? GRACE_NS_MIN : GRACE_NS_MAX);
}

/* Joins those that have ended, and gives up the others. */
static struct imgz_crew_left part(struct crew *crew, uint32_t started_count,
                                  const struct hand *writer)
{
    struct imgz_crew_left left = {false, false};

    for (uint32_t i = 0; i < started_count; i++) {
        struct hand *hand = &crew->hands[i];

        if (has_ended(crew, hand)) {
            imgz_never_fails(pthread_join(hand->thread, NULL));
            continue;
        }
        imgz_never_fails(pthread_detach(hand->thread));
        left.any = true;
        left.drain = left.drain || hand == writer;
    }
    return left;
}

static void sum_up_usage(const struct crew *crew, struct imgz_crew_usage *usage)
{
    *usage = (struct imgz_crew_usage){
        .feed_cpu_ns = crew->hands[0].cpu_ns,
        .drain_cpu_ns = crew->hands[1].cpu_ns,
    };
    for (uint32_t i = 0; i < crew->plan.worker_count; i++)
        usage->work_cpu_ns += crew->hands[FEEDER_AND_DRAIN + i].cpu_ns;
}

/* Frees the crew, or leaves that to the last of those who still hold it. */
static void give_away(struct crew *crew, const struct imgz_crew_left *left)
{
    bool all_ended = !left->any;

    if (left->any) {
        *crew->watch.left = *left;
        imgz_mutex_lock(&crew->lock);
        crew->abandoned = true;
        all_ended = crew->running_count == 0;
        imgz_mutex_unlock(&crew->lock);
    }
    if (all_ended)
        destroy_crew(crew);
}

/* Starts the hands and watches until all have ended, or some are given up. The crew is gone then.
 */
static int run_crew(struct crew *crew, uint32_t hand_count, struct imgz_crew_usage *usage)
{
    const struct hand *writer = &crew->hands[crew->line != NULL ? 1 : 0];
    const uint32_t started_count = start_all(crew, hand_count);
    struct imgz_crew_left left;
    int rc;

    while (!wait_interval(crew)) {
        show_progress(crew);
        if (patience_ends(crew, writer))
            break;
    }
    left = part(crew, started_count, writer);
    rc = imgz_stop_error(crew->stop)->code;
    if (usage != NULL && !left.any)
        sum_up_usage(crew, usage);
    give_away(crew, &left);
    return rc;
}

int imgz_crew_run(const struct imgz_crew_plan *plan, struct imgz_line *line,
                  struct imgz_crew_usage *usage)
{
    const uint32_t hand_count = plan->worker_count + FEEDER_AND_DRAIN;
    struct crew *crew = NULL;
    int rc;

    IMGZ_ASSERT(plan->worker_count > 0);
    rc = create_crew(hand_count, &plan->watch, line->stop, &crew);
    if (rc < 0)
        return rc;
    crew->plan = *plan;
    crew->line = line;
    crew->hands[0].body = feeder_body;
    crew->hands[1].body = drain_body;
    for (uint32_t i = 0; i < plan->worker_count; i++) {
        crew->hands[FEEDER_AND_DRAIN + i].body = worker_body;
        crew->hands[FEEDER_AND_DRAIN + i].worker_index = i;
    }
    return run_crew(crew, hand_count, usage);
}

int imgz_crew_call(int (*body)(void *context), void *context, const struct imgz_crew_watch *watch,
                   struct imgz_stop *stop)
{
    struct crew *crew = NULL;
    int rc = create_crew(1, watch, stop, &crew);

    if (rc < 0)
        return rc;
    crew->call = body;
    crew->call_context = context;
    crew->hands[0].body = call_body;
    return run_crew(crew, 1, NULL);
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

int imgz_crew_call_deep(int (*body)(void *context), void *context)
{
    struct deep_call call = {.body = body, .context = context};
    pthread_t thread;
    int rc = start_thread(&thread, run_deep_call, &call);

    if (rc < 0)
        return rc;
    imgz_never_fails(pthread_join(thread, NULL));
    return call.rc;
}
