/* SPDX-License-Identifier: MIT */
#include "pipeline/queue.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "pipeline/slot.h"
#include "sample.h"

/* A thread is given this long to fall asleep where it should; too short only weakens the test. */
#define DOZE_US 20000u

static struct imgz_queue *create(uint32_t capacity_count)
{
    struct imgz_queue *queue = NULL;

    assert_int_equal(imgz_queue_create(capacity_count, &queue), 0);
    return queue;
}

static void give(struct imgz_queue *queue, struct imgz_slot *slot)
{
    struct imgz_slot *giving = slot;

    assert_int_equal(imgz_queue_give(queue, &giving), 0);
    assert_null(giving);
}

static void first_in_first_out(void **state)
{
    struct imgz_slot slots[7] = {0};

    (void)state;
    for (uint32_t capacity = 1; capacity <= IMGZ_COUNT_OF(slots); capacity++) {
        struct imgz_queue *queue = create(capacity);
        uint32_t given = 0;
        uint32_t taken = 0;

        /* Fill levels go up and down, so that the ring wraps around at every place. */
        for (uint32_t round = 0; round < 40; round++) {
            uint32_t wanted = round * 5 % (capacity + 1);
            struct imgz_slot *slot = NULL;

            while (given - taken < wanted) {
                give(queue, &slots[given % 7]);
                given += 1;
            }
            while (given - taken > wanted / 2) {
                assert_int_equal(imgz_queue_take(queue, &slot), 0);
                assert_ptr_equal(slot, &slots[taken % 7]);
                taken += 1;
            }
        }
        imgz_queue_close(queue);
        imgz_queue_destroy(queue);
    }
}

static void end_lets_takers_drain(void **state)
{
    struct imgz_slot slots[2] = {0};
    struct imgz_queue *queue = create(2);
    struct imgz_slot *slot = NULL;

    (void)state;
    give(queue, &slots[0]);
    give(queue, &slots[1]);
    imgz_queue_end(queue);
    assert_int_equal(imgz_queue_take(queue, &slot), 0);
    assert_ptr_equal(slot, &slots[0]);
    assert_int_equal(imgz_queue_take(queue, &slot), 0);
    assert_ptr_equal(slot, &slots[1]);
    assert_int_equal(imgz_queue_take(queue, &slot), -ENODATA);
    assert_int_equal(imgz_queue_take(queue, &slot), -ENODATA);
    assert_ptr_equal(slot, &slots[1]);
    imgz_queue_destroy(queue);
}

static void close_ends_at_once(void **state)
{
    struct imgz_slot slots[2] = {0};
    struct imgz_queue *queue = create(2);
    struct imgz_slot *slot = &slots[1];

    (void)state;
    give(queue, &slots[0]);
    imgz_queue_close(queue);
    assert_int_equal(imgz_queue_give(queue, &slot), -ECANCELED);
    assert_ptr_equal(slot, &slots[1]);
    assert_int_equal(imgz_queue_take(queue, &slot), -ECANCELED);
    assert_ptr_equal(slot, &slots[1]);
    imgz_queue_destroy(queue);
}

static void closed_goes_before_ended(void **state)
{
    struct imgz_queue *queue = create(1);
    struct imgz_slot *slot = NULL;

    (void)state;
    imgz_queue_end(queue);
    imgz_queue_close(queue);
    assert_int_equal(imgz_queue_take(queue, &slot), -ECANCELED);
    imgz_queue_destroy(queue);
    imgz_queue_destroy(NULL);
}

/* ---- Nodes -------------------------------------------------------------------------------------
 */

static struct imgz_queue *create_nodes(uint32_t capacity_count, uint32_t node_count)
{
    struct imgz_queue *queue = NULL;

    assert_int_equal(imgz_queue_create_nodes(capacity_count, node_count, &queue), 0);
    return queue;
}

static struct imgz_slot *take_near(struct imgz_queue *queue, uint32_t node_index)
{
    struct imgz_slot *slot = NULL;

    assert_int_equal(imgz_queue_take_near(queue, node_index, &slot), 0);
    return slot;
}

static void own_node_goes_first_then_disk_order(void **state)
{
    static const struct {
        uint32_t taker;
        uint64_t seq;
    } takes[] = {{1, 11}, {1, 13}, {1, 10}, {2, 12}, {2, 14}, {0, 15}, {0, 16}};
    struct imgz_slot slots[] = {
        {.seq = 10, .node_index = 0}, {.seq = 11, .node_index = 1}, {.seq = 12, .node_index = 2},
        {.seq = 13, .node_index = 1}, {.seq = 15, .node_index = 0}, {.seq = 14, .node_index = 2},
        {.seq = 16, .node_index = 2},
    };
    struct imgz_queue *queue = create_nodes(IMGZ_COUNT_OF(slots), 3);

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(slots); i++)
        give(queue, &slots[i]);
    for (size_t i = 0; i < IMGZ_COUNT_OF(takes); i++)
        assert_int_equal(take_near(queue, takes[i].taker)->seq, takes[i].seq);
    imgz_queue_destroy(queue);
}

/* Beside a list in the order of giving, through every state of filling. */
static void nodes_beside_a_model(void **state)
{
    enum { NODES = 3, SLOTS = 9 };
    struct imgz_slot slots[SLOTS] = {0};
    struct imgz_slot *waiting[SLOTS];
    struct imgz_slot *idle[SLOTS];
    struct imgz_queue *queue = create_nodes(SLOTS, NODES);
    uint64_t random = 5;
    size_t used = 0;

    (void)state;
    for (size_t i = 0; i < SLOTS; i++) {
        slots[i].node_index = i < 5 ? 0 : (uint32_t)i % NODES;
        idle[i] = &slots[i];
    }
    for (uint64_t step = 0; step < 20000; step++) {
        const size_t unused = SLOTS - used;
        size_t at = 0;

        if (unused > 0 && (used == 0 || imgz_sample_random(&random) % 2 == 0)) {
            const size_t chosen = imgz_sample_random(&random) % unused;
            struct imgz_slot *slot = idle[chosen];

            idle[chosen] = idle[unused - 1];
            slot->seq = step ^ 3; /* not quite in the order of giving */
            give(queue, slot);
            waiting[used++] = slot;
        } else {
            const uint32_t node = (uint32_t)(imgz_sample_random(&random) % NODES);

            while (at < used && waiting[at]->node_index != node)
                at += 1;
            if (at == used) { /* none of its own: of the first of each node the lowest */
                bool seen[NODES] = {false};

                at = 0;
                for (size_t i = 0; i < used; i++) {
                    if (!seen[waiting[i]->node_index] && waiting[i]->seq < waiting[at]->seq)
                        at = i;
                    seen[waiting[i]->node_index] = true;
                }
            }
            assert_ptr_equal(take_near(queue, node), waiting[at]);
            idle[unused] = waiting[at];
            memmove(&waiting[at], &waiting[at + 1], (used - at - 1) * sizeof(waiting[0]));
            used -= 1;
        }
    }
    imgz_queue_close(queue);
    imgz_queue_destroy(queue);
}

/* All slots of one node, and only a taker of the other. */
static void no_node_is_left_behind(void **state)
{
    struct imgz_slot slots[4] = {0};
    struct imgz_queue *queue = create_nodes(4, 2);
    struct imgz_slot *slot = NULL;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        slots[i].seq = i;
        slots[i].node_index = 1;
        give(queue, &slots[i]);
    }
    imgz_queue_end(queue);
    for (size_t i = 0; i < 4; i++)
        assert_ptr_equal(take_near(queue, 0), &slots[i]);
    assert_int_equal(imgz_queue_take_near(queue, 0, &slot), -ENODATA);
    imgz_queue_destroy(queue);
}

/* ---- Who waits, and who is woken ---------------------------------------------------------------
 */

struct waiter {
    struct imgz_queue *queue;
    struct imgz_slot slot;
    struct imgz_slot *holding; /* given, or taken */
    int (*wait)(struct imgz_queue *queue, struct imgz_slot **slot);
    int rc;
    atomic_bool done;
    pthread_t thread;
};

static void *run_waiter(void *argument)
{
    struct waiter *waiter = argument;

    waiter->rc = waiter->wait(waiter->queue, &waiter->holding);
    atomic_store(&waiter->done, true);
    return NULL;
}

static void start_waiters(struct waiter *waiters, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(pthread_create(&waiters[i].thread, NULL, run_waiter, &waiters[i]), 0);
    usleep(DOZE_US);
    for (size_t i = 0; i < count; i++)
        assert_false(atomic_load(&waiters[i].done));
}

static void join_waiters(struct waiter *waiters, size_t count, int rc)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(pthread_join(waiters[i].thread, NULL), 0);
        assert_int_equal(waiters[i].rc, rc);
    }
}

static void take_waits_for_a_slot(void **state)
{
    struct waiter waiter = {.queue = create(1), .wait = imgz_queue_take};
    struct imgz_slot slot = {0};

    (void)state;
    start_waiters(&waiter, 1);
    give(waiter.queue, &slot);
    join_waiters(&waiter, 1, 0);
    assert_ptr_equal(waiter.holding, &slot);
    imgz_queue_destroy(waiter.queue);
}

static void take_waits_for_a_slot_of_any_node(void **state)
{
    struct waiter waiter = {.queue = create_nodes(2, 2), .wait = imgz_queue_take};
    struct imgz_slot slot = {.node_index = 1};

    (void)state;
    start_waiters(&waiter, 1);
    give(waiter.queue, &slot);
    join_waiters(&waiter, 1, 0);
    assert_ptr_equal(waiter.holding, &slot);
    imgz_queue_destroy(waiter.queue);
}

static void give_waits_for_room(void **state)
{
    struct waiter waiter = {.queue = create(1), .wait = imgz_queue_give};
    struct imgz_slot first = {0};
    struct imgz_slot *slot = NULL;

    (void)state;
    waiter.holding = &waiter.slot;
    give(waiter.queue, &first);
    start_waiters(&waiter, 1);
    assert_int_equal(imgz_queue_take(waiter.queue, &slot), 0);
    join_waiters(&waiter, 1, 0);
    assert_null(waiter.holding);
    assert_int_equal(imgz_queue_take(waiter.queue, &slot), 0);
    assert_ptr_equal(slot, &waiter.slot);
    imgz_queue_destroy(waiter.queue);
}

static void end_and_close_wake_everybody(void **state)
{
    static const struct {
        void (*act)(struct imgz_queue *queue);
        int (*wait)(struct imgz_queue *queue, struct imgz_slot **slot);
        int rc;
    } cases[] = {
        {imgz_queue_end, imgz_queue_take, -ENODATA},
        {imgz_queue_close, imgz_queue_take, -ECANCELED},
        {imgz_queue_close, imgz_queue_give, -ECANCELED},
    };

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        struct imgz_queue *queue = create(1);
        struct waiter waiters[3] = {0};
        struct imgz_slot first = {0};

        if (cases[i].wait == imgz_queue_give)
            give(queue, &first);
        for (size_t w = 0; w < IMGZ_COUNT_OF(waiters); w++) {
            waiters[w].queue = queue;
            waiters[w].wait = cases[i].wait;
            waiters[w].holding = cases[i].wait == imgz_queue_give ? &waiters[w].slot : NULL;
        }
        start_waiters(waiters, IMGZ_COUNT_OF(waiters));
        cases[i].act(queue);
        join_waiters(waiters, IMGZ_COUNT_OF(waiters), cases[i].rc);
        imgz_queue_destroy(queue);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_in_first_out),
        cmocka_unit_test(end_lets_takers_drain),
        cmocka_unit_test(close_ends_at_once),
        cmocka_unit_test(closed_goes_before_ended),
        cmocka_unit_test(own_node_goes_first_then_disk_order),
        cmocka_unit_test(nodes_beside_a_model),
        cmocka_unit_test(no_node_is_left_behind),
        cmocka_unit_test(take_waits_for_a_slot),
        cmocka_unit_test(take_waits_for_a_slot_of_any_node),
        cmocka_unit_test(give_waits_for_room),
        cmocka_unit_test(end_and_close_wake_everybody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
