/* SPDX-License-Identifier: MIT */
#include "flow/crew.h"

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
};

struct crew {
    /* Set before any thread starts. */
    const struct imgz_crew_plan *plan;
    struct imgz_line *line;
    uint64_t start_ns;

    /* Guarded by lock. */
    struct imgz_mutex lock;
    pthread_cond_t all_ended; /* waited on by the caller's thread only */
    uint32_t running_count;

    struct hand hands[]; /* feeder, drain, workers */
};

#define FEEDER_AND_DRAIN 2u

static int feeder_body(struct hand *hand)
{
    const struct crew *crew = hand->crew;
    int rc = crew->plan->feed(crew->plan->job, crew->line);

    if (rc == 0)
        imgz_line_end(crew->line);
    return rc;
}

static int drain_body(struct hand *hand)
{
    return hand->crew->plan->drain(hand->crew->plan->job, hand->crew->line);
}

static int worker_body(struct hand *hand)
{
    const struct imgz_crew_plan *plan = hand->crew->plan;
    struct imgz_line *line = hand->crew->line;
    struct imgz_slot *slot = NULL;
    int rc;

    while ((rc = imgz_queue_take(line->queue, &slot)) == 0) {
        rc = plan->work(plan->job, hand->worker_index, slot);
        if (rc < 0)
            return rc;
        rc = imgz_order_give(line->order, &slot);
        if (rc < 0)
            return rc;
    }
    return rc == -ENODATA ? 0 : rc;
}

static void *run_hand(void *argument)
{
    struct hand *hand = argument;
    struct crew *crew = hand->crew;

    if (hand->body(hand) < 0)
        imgz_line_close(crew->line);
    imgz_mutex_lock(&crew->lock);
    crew->running_count -= 1;
    if (crew->running_count == 0)
        pthread_cond_signal(&crew->all_ended);
    imgz_mutex_unlock(&crew->lock);
    return NULL;
}

/* Starts a thread for which every signal is blocked: they belong to the caller's threads. */
static int start_hand(struct hand *hand)
{
    sigset_t all;
    sigset_t before;
    int rc;

    sigfillset(&all);
    IMGZ_ASSERT(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    rc = -pthread_create(&hand->thread, NULL, run_hand, hand);
    IMGZ_ASSERT(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    return rc;
}

static void show_progress(struct crew *crew)
{
    const struct imgz_crew_plan *plan = crew->plan;
    struct imgz_meter *meter = &crew->line->meter;
    const struct imgz_progress progress = {
        .phase = (enum imgz_phase)atomic_load_explicit(&meter->phase, memory_order_relaxed),
        .raw_bytes_done = atomic_load_explicit(&meter->raw_bytes_done, memory_order_relaxed),
        .raw_bytes_total = plan->raw_bytes_total,
        .zero_bytes_done = atomic_load_explicit(&meter->zero_bytes_done, memory_order_relaxed),
        .image_bytes_done = atomic_load_explicit(&meter->image_bytes_done, memory_order_relaxed),
        .elapsed_ns = imgz_clock_ns() - crew->start_ns,
    };
    const struct imgz_place nowhere = {IMGZ_STAGE_SETUP, NULL, IMGZ_OFFSET_NONE};

    if (plan->progress == NULL || plan->progress(&progress, plan->progress_context) == 0)
        return;
    imgz_stop_raise(crew->line->stop, -ECANCELED, nowhere, "stopped as asked");
    imgz_line_close(crew->line);
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
    add_ms(&deadline, crew->plan->progress_interval_ms);
    imgz_mutex_lock(&crew->lock);
    while (crew->running_count > 0 && timed_out == 0)
        timed_out = pthread_cond_timedwait(&crew->all_ended, &crew->lock.handle, &deadline);
    ended = crew->running_count == 0;
    imgz_mutex_unlock(&crew->lock);
    return ended;
}

static int create_crew(const struct imgz_crew_plan *plan, struct imgz_line *line,
                       struct crew **result)
{
    const uint32_t hand_count = plan->worker_count + FEEDER_AND_DRAIN;
    struct crew *crew = calloc(1, sizeof(*crew) + hand_count * sizeof(crew->hands[0]));
    pthread_condattr_t attributes;

    if (crew == NULL)
        return -ENOMEM;
    crew->plan = plan;
    crew->line = line;
    crew->start_ns = imgz_clock_ns();
    imgz_mutex_init(&crew->lock);
    IMGZ_ASSERT(pthread_condattr_init(&attributes) == 0);
    IMGZ_ASSERT(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    IMGZ_ASSERT(pthread_cond_init(&crew->all_ended, &attributes) == 0);
    IMGZ_ASSERT(pthread_condattr_destroy(&attributes) == 0);
    for (uint32_t i = 0; i < hand_count; i++) {
        crew->hands[i].crew = crew;
        crew->hands[i].body = i == 0 ? feeder_body : i == 1 ? drain_body : worker_body;
        crew->hands[i].worker_index = i < FEEDER_AND_DRAIN ? 0 : i - FEEDER_AND_DRAIN;
    }
    *result = crew;
    return 0;
}

static void destroy_crew(struct crew *crew)
{
    IMGZ_ASSERT(pthread_cond_destroy(&crew->all_ended) == 0);
    imgz_mutex_fini(&crew->lock);
    free(crew);
}

/* Starts every hand, or closes the line and tells why; returns how many run. */
static uint32_t start_all(struct crew *crew, uint32_t hand_count)
{
    const struct imgz_place nowhere = {IMGZ_STAGE_SETUP, NULL, IMGZ_OFFSET_NONE};

    crew->running_count = hand_count;
    for (uint32_t i = 0; i < hand_count; i++) {
        int rc = start_hand(&crew->hands[i]);

        if (rc == 0)
            continue;
        imgz_stop_raise(crew->line->stop, rc, nowhere,
                        "starting thread %u of %u failed: %s; try fewer with --threads", i + 1,
                        hand_count, strerrordesc_np(-rc));
        imgz_line_close(crew->line);
        imgz_mutex_lock(&crew->lock);
        crew->running_count -= hand_count - i;
        imgz_mutex_unlock(&crew->lock);
        return i;
    }
    return hand_count;
}

int imgz_crew_run(const struct imgz_crew_plan *plan, struct imgz_line *line)
{
    struct crew *crew = NULL;
    uint32_t started_count;
    int rc;

    IMGZ_ASSERT(plan->worker_count > 0);
    IMGZ_ASSERT(plan->progress_interval_ms > 0);
    rc = create_crew(plan, line, &crew);
    if (rc < 0)
        return rc;
    started_count = start_all(crew, plan->worker_count + FEEDER_AND_DRAIN);
    while (!wait_interval(crew))
        show_progress(crew);
    for (uint32_t i = 0; i < started_count; i++)
        IMGZ_ASSERT(pthread_join(crew->hands[i].thread, NULL) == 0);
    destroy_crew(crew);
    return imgz_stop_error(line->stop)->code;
}
