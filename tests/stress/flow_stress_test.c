/* SPDX-License-Identifier: MIT */
/* Queue, order and line with many threads, over a grid of threads and capacities; abrupt ends. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../unit/sample.h"
#include "pipeline/threads.h"

#define THREADS_MAX 8u
#define ITEMS       3000u
#define CYCLES      2000u
#define ENDS        150u

static const uint32_t thread_counts[] = {1, 2, 3, 8};
static const uint32_t capacities[] = {1, 2, 7, 64};
static const uint32_t node_counts[] = {1, 2, 5};

/* ---- Queue -------------------------------------------------------------------------------------
 */

struct post {
    struct imgz_queue *queue;
    struct imgz_slot *slots; /* ITEMS of them */
    uint32_t node_count;
    atomic_uint next_given;
    atomic_uint next_taker;
    atomic_uint taken[ITEMS];
    atomic_uint taken_count;
};

static void *run_giver(void *argument)
{
    struct post *post = argument;

    for (;;) {
        const unsigned index = atomic_fetch_add(&post->next_given, 1);
        struct imgz_slot *slot;

        if (index >= ITEMS)
            return NULL;
        slot = &post->slots[index];
        slot->seq = index;
        slot->node_index = index / 3 % post->node_count;
        if (imgz_queue_give(post->queue, &slot) < 0)
            return NULL;
        IMGZ_ASSERT(slot == NULL);
    }
}

static void *run_taker(void *argument)
{
    struct post *post = argument;
    const uint32_t node = atomic_fetch_add(&post->next_taker, 1) % post->node_count;
    struct imgz_slot *slot = NULL;

    while (imgz_queue_take_near(post->queue, node, &slot) == 0) {
        IMGZ_ASSERT(atomic_fetch_add(&post->taken[slot - post->slots], 1) == 0);
        atomic_fetch_add(&post->taken_count, 1);
    }
    return NULL;
}

/* Givers and takers until all is given, or until somebody closes the queue in the middle. */
static void run_post(uint32_t givers, uint32_t takers, uint32_t capacity, uint32_t nodes,
                     unsigned close_after_us)
{
    pthread_t threads[2 * THREADS_MAX];
    struct post *post = calloc(1, sizeof(*post));

    assert_non_null(post);
    post->slots = calloc(ITEMS, sizeof(post->slots[0]));
    assert_non_null(post->slots);
    post->node_count = nodes;
    assert_int_equal(imgz_queue_create_nodes(capacity, nodes, &post->queue), 0);
    for (uint32_t i = 0; i < givers + takers; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, i < givers ? run_giver : run_taker, post), 0);
    if (close_after_us > 0) {
        usleep(close_after_us);
        imgz_queue_close(post->queue);
    }
    for (uint32_t i = 0; i < givers; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    imgz_queue_end(post->queue);
    for (uint32_t i = givers; i < givers + takers; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    if (close_after_us == 0)
        assert_int_equal(atomic_load(&post->taken_count), ITEMS);
    imgz_queue_destroy(post->queue);
    free(post->slots);
    free(post);
}

static void queue_grid(void **state)
{
    (void)state;
    for (size_t g = 0; g < IMGZ_COUNT_OF(thread_counts); g++) {
        for (size_t t = 0; t < IMGZ_COUNT_OF(thread_counts); t++) {
            for (size_t c = 0; c < IMGZ_COUNT_OF(capacities); c++)
                run_post(thread_counts[g], thread_counts[t], capacities[c],
                         node_counts[(g + t + c) % IMGZ_COUNT_OF(node_counts)], 0);
        }
    }
}

static void queue_closed_abruptly(void **state)
{
    uint64_t random = 17;

    (void)state;
    for (uint32_t i = 0; i < ENDS; i++)
        run_post(thread_counts[i % 4], thread_counts[i / 4 % 4], capacities[i / 16 % 4],
                 node_counts[i % IMGZ_COUNT_OF(node_counts)],
                 1 + (unsigned)(imgz_sample_random(&random) % 1500));
}

/* ---- Line: all of it, with threads --------------------------------------------------------------
 */

struct belt {
    struct imgz_latch *latch;
    uint64_t item_count;
    uint64_t fail_at;
    enum {
        FAIL_NOBODY,
        FAIL_FEEDER,
        FAIL_WORKER,
        FAIL_DRAIN,
        FAIL_WATCHER,
        FAIL_COUNT,
    } who;
    uint64_t drained_count; /* of the drain */
    uint64_t watched_count; /* of the caller's thread */
};

static int give_up(const struct belt *belt)
{
    const struct imgz_location nowhere = {IMGZ_STAGE_SETUP, NULL, IMGZ_OFFSET_NONE};

    return imgz_latch_raise(belt->latch, -EIO, nowhere, "given up");
}

static int feed(void *context, struct imgz_pipeline *pipeline)
{
    const struct belt *belt = context;

    for (uint64_t i = 0; i < belt->item_count; i++) {
        struct imgz_slot *slot = NULL;
        int rc = i % 3 == 0 ? imgz_pipeline_try_take_free(pipeline, &slot) : -EAGAIN;

        if (belt->who == FAIL_FEEDER && i == belt->fail_at) {
            if (slot != NULL)
                imgz_pipeline_untake(pipeline, &slot);
            return give_up(belt);
        }
        if (rc == -EAGAIN)
            rc = imgz_pipeline_take_free(pipeline, &slot);
        if (rc < 0)
            return rc;
        IMGZ_ASSERT(slot->seq == i);
        memset(slot->raw, (int)(i & 0xff), 64);
        rc = imgz_pipeline_feed(pipeline, &slot);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int work(void *context, uint32_t worker_index, struct imgz_slot *slot)
{
    const struct belt *belt = context;

    (void)worker_index;
    if (belt->who == FAIL_WORKER && slot->seq == belt->fail_at)
        return give_up(belt);
    for (int i = 0; i < 64; i++)
        slot->raw[i] ^= 0x5a;
    return 0;
}

static int drain(void *context, struct imgz_pipeline *pipeline)
{
    struct belt *belt = context;
    struct imgz_slot *slot = NULL;

    for (;;) {
        int rc = belt->drained_count % 2 == 0 ? imgz_pipeline_try_take(pipeline, &slot) : -EAGAIN;

        if (rc == -EAGAIN)
            rc = imgz_pipeline_take(pipeline, &slot);
        if (rc < 0)
            return rc == -ENODATA ? 0 : rc;
        IMGZ_ASSERT(slot->seq == belt->drained_count);
        for (int i = 0; i < 64; i++)
            IMGZ_ASSERT(slot->raw[i] == ((slot->seq & 0xff) ^ 0x5a));
        if (belt->who == FAIL_DRAIN && slot->seq == belt->fail_at)
            return give_up(belt);
        belt->drained_count += 1;
        imgz_pipeline_give_back(pipeline, &slot);
    }
}

static int watch(const struct imgz_progress *progress, void *context)
{
    struct belt *belt = context;

    (void)progress;
    belt->watched_count += 1;
    return belt->who == FAIL_WATCHER && belt->watched_count > belt->fail_at;
}

static void run_belt(struct belt *belt, const struct imgz_machine *machine, uint32_t workers,
                     uint32_t slots)
{
    const struct imgz_placement_config config = {workers, slots, 0, 1};
    const struct imgz_pool_config pool = {slots, IMGZ_BLOCK_BYTES, 0};
    const struct imgz_threads_plan plan = {
        .job = belt,
        .worker_count = workers,
        .feed = feed,
        .work = work,
        .drain = drain,
        .watch = {.caller = {.progress = watch, .context = belt}, .progress_interval_ms = 1},
    };
    struct imgz_placement *placement = NULL;
    struct imgz_threads_usage usage;
    struct imgz_pipeline *pipeline = NULL;
    struct imgz_log log;
    int rc;

    imgz_log_init(&log, NULL, NULL);
    assert_int_equal(imgz_latch_create(&belt->latch), 0);
    if (machine != NULL)
        assert_int_equal(imgz_placement_create(machine, &config, &placement), 0);
    assert_int_equal(imgz_pipeline_create_placed(&pool, placement, belt->latch, &log, &pipeline),
                     0);
    rc = imgz_threads_run(&plan, pipeline, &usage);
    switch (belt->who) {
    case FAIL_NOBODY:
        assert_int_equal(rc, 0);
        assert_int_equal(belt->drained_count, belt->item_count);
        break;
    case FAIL_WATCHER:
        assert_int_equal(rc, -ECANCELED);
        break;
    case FAIL_FEEDER:
    case FAIL_WORKER:
    case FAIL_DRAIN:
    case FAIL_COUNT:
        assert_int_equal(rc, -EIO);
        assert_true(belt->drained_count <= belt->fail_at);
        break;
    }
    imgz_pipeline_destroy(pipeline);
    imgz_placement_destroy(placement);
    imgz_latch_destroy(belt->latch);
    imgz_log_fini(&log);
}

/* A machine of several nodes, of other sizes than one another. */
static struct imgz_machine *load_machine(void)
{
    const struct imgz_machine_config config = {.synthetic = "node:4 core:2 pu:2",
                                               .allowed = "0-5,8"};
    struct imgz_machine *machine = NULL;

    assert_int_equal(imgz_machine_load(&config, &machine), 0);
    assert_int_equal(machine->allowed.node_count, 3);
    return machine;
}

static void line_grid(void **state)
{
    struct imgz_machine *machine = load_machine();

    (void)state;
    for (size_t t = 0; t < IMGZ_COUNT_OF(thread_counts); t++) {
        for (size_t c = 0; c < IMGZ_COUNT_OF(capacities); c++) {
            struct belt belt = {.item_count = ITEMS};
            struct belt placed = {.item_count = ITEMS};

            run_belt(&belt, NULL, thread_counts[t], capacities[c]);
            run_belt(&placed, machine, thread_counts[t], capacities[c]);
        }
    }
    imgz_machine_destroy(machine);
}

static void line_ended_by_anybody(void **state)
{
    struct imgz_machine *machine = load_machine();
    uint64_t random = 23;

    (void)state;
    for (uint32_t i = 0; i < ENDS; i++) {
        struct belt belt = {.item_count = ITEMS, .who = 1 + i % (FAIL_COUNT - 1)};

        belt.fail_at = imgz_sample_random(&random) % ITEMS;
        if (belt.who == FAIL_WATCHER) {
            belt.item_count = UINT64_MAX;
            belt.fail_at %= 4;
        }
        run_belt(&belt, i % 2 == 0 ? NULL : machine, thread_counts[i % 4], capacities[i / 4 % 4]);
    }
    imgz_machine_destroy(machine);
}

/* ---- Made and unmade ---------------------------------------------------------------------------
 */

static void made_and_unmade_many_times(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < CYCLES; i++) {
        struct belt belt = {.item_count = i % 5};

        run_belt(&belt, NULL, 1 + i % 3, 1 + i % 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queue_grid),
        cmocka_unit_test(queue_closed_abruptly),
        cmocka_unit_test(line_grid),
        cmocka_unit_test(line_ended_by_anybody),
        cmocka_unit_test(made_and_unmade_many_times),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
