/* SPDX-License-Identifier: MIT */
#include "pipeline/order.h"

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

#define WINDOW_MAX 9u
#define DOZE_US    20000u

static struct imgz_order *create(uint32_t window_count)
{
    struct imgz_order *order = NULL;

    assert_int_equal(imgz_order_create(window_count, &order), 0);
    return order;
}

static void give(struct imgz_order *order, struct imgz_slot *slot, uint64_t seq)
{
    struct imgz_slot *giving = slot;

    slot->seq = seq;
    assert_int_equal(imgz_order_give(order, &giving), 0);
    assert_null(giving);
}

static void shuffle(uint32_t *places, uint32_t count, uint64_t *random)
{
    for (uint32_t i = 0; i < count; i++)
        places[i] = i;
    for (uint32_t i = count; i > 1; i--) {
        uint32_t other = (uint32_t)(imgz_sample_random(random) % i);
        uint32_t kept = places[i - 1];

        places[i - 1] = places[other];
        places[other] = kept;
    }
}

/* Whole windows given in every kind of order come out counted up; the next one is there exactly
 * when the model says so. */
static void any_order_in_disk_order_out(void **state)
{
    struct imgz_slot slots[WINDOW_MAX] = {0};
    uint64_t random = 42;

    (void)state;
    for (uint32_t window = 1; window <= WINDOW_MAX; window++) {
        struct imgz_order *order = create(window);
        uint64_t next = 0;

        for (uint32_t round = 0; round < 50; round++) {
            const uint64_t base = next;
            uint32_t places[WINDOW_MAX];
            bool given[WINDOW_MAX] = {false};

            shuffle(places, window, &random);
            for (uint32_t i = 0; i < window; i++) {
                struct imgz_slot *slot = NULL;

                give(order, &slots[places[i]], base + places[i]);
                given[places[i]] = true;
                while (next < base + window && given[next - base]) {
                    assert_int_equal(imgz_order_try_take(order, &slot), 0);
                    assert_int_equal(slot->seq, next);
                    next += 1;
                }
                assert_int_equal(imgz_order_try_take(order, &slot), -EAGAIN);
            }
        }
        imgz_order_end(order, next);
        assert_int_equal(imgz_order_take(order, &(struct imgz_slot *){NULL}), -ENODATA);
        imgz_order_destroy(order);
    }
}

/* The taker goes on while a late one is missing: the window moves with it. */
static void window_slides(void **state)
{
    struct imgz_order *order = create(3);
    struct imgz_slot slots[4] = {0};
    struct imgz_slot *slot = NULL;

    (void)state;
    give(order, &slots[0], 0);
    assert_int_equal(imgz_order_take(order, &slot), 0);
    give(order, &slots[3], 3);
    give(order, &slots[2], 2);
    assert_int_equal(imgz_order_try_take(order, &slot), -EAGAIN);
    give(order, &slots[1], 1);
    for (uint64_t seq = 1; seq <= 3; seq++) {
        assert_int_equal(imgz_order_take(order, &slot), 0);
        assert_int_equal(slot->seq, seq);
    }
    imgz_order_destroy(order);
}

static void end_comes_after_the_last(void **state)
{
    struct imgz_order *order = create(2);
    struct imgz_slot slots[2] = {0};
    struct imgz_slot *slot = NULL;

    (void)state;
    imgz_order_end(order, 2);
    give(order, &slots[1], 1);
    assert_int_equal(imgz_order_try_take(order, &slot), -EAGAIN);
    give(order, &slots[0], 0);
    assert_int_equal(imgz_order_take(order, &slot), 0);
    assert_int_equal(imgz_order_take(order, &slot), 0);
    assert_int_equal(imgz_order_take(order, &slot), -ENODATA);
    assert_int_equal(imgz_order_try_take(order, &slot), -ENODATA);
    imgz_order_destroy(order);
}

static void close_ends_at_once(void **state)
{
    struct imgz_order *order = create(2);
    struct imgz_slot slots[2] = {0};
    struct imgz_slot *slot = &slots[1];

    (void)state;
    give(order, &slots[0], 0);
    imgz_order_close(order);
    slots[1].seq = 1;
    assert_int_equal(imgz_order_give(order, &slot), -ECANCELED);
    assert_ptr_equal(slot, &slots[1]);
    assert_int_equal(imgz_order_take(order, &slot), -ECANCELED);
    assert_int_equal(imgz_order_try_take(order, &slot), -ECANCELED);
    assert_ptr_equal(slot, &slots[1]);
    imgz_order_destroy(order);
    imgz_order_destroy(NULL);
}

/* ---- A taker that waits ------------------------------------------------------------------------
 */

struct taker {
    struct imgz_order *order;
    struct imgz_slot *slot;
    int rc;
    atomic_bool done;
    pthread_t thread;
};

static void *run_taker(void *argument)
{
    struct taker *taker = argument;

    taker->rc = imgz_order_take(taker->order, &taker->slot);
    atomic_store(&taker->done, true);
    return NULL;
}

static void start_taker(struct taker *taker)
{
    assert_int_equal(pthread_create(&taker->thread, NULL, run_taker, taker), 0);
    usleep(DOZE_US);
    assert_false(atomic_load(&taker->done));
}

static void the_right_one_wakes_the_taker(void **state)
{
    struct taker taker = {.order = create(2)};
    struct imgz_slot slots[2] = {0};
    struct imgz_slot *slot = NULL;

    (void)state;
    start_taker(&taker);
    give(taker.order, &slots[1], 1);
    usleep(DOZE_US);
    assert_false(atomic_load(&taker.done));
    give(taker.order, &slots[0], 0);
    assert_int_equal(pthread_join(taker.thread, NULL), 0);
    assert_int_equal(taker.rc, 0);
    assert_ptr_equal(taker.slot, &slots[0]);
    assert_int_equal(imgz_order_take(taker.order, &slot), 0);
    imgz_order_destroy(taker.order);
}

static void end_here(struct imgz_order *order)
{
    imgz_order_end(order, 0);
}

static void end_and_close_wake_the_taker(void **state)
{
    static const struct {
        void (*act)(struct imgz_order *order);
        int rc;
    } cases[] = {{end_here, -ENODATA}, {imgz_order_close, -ECANCELED}};

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        struct taker taker = {.order = create(2)};

        start_taker(&taker);
        cases[i].act(taker.order);
        assert_int_equal(pthread_join(taker.thread, NULL), 0);
        assert_int_equal(taker.rc, cases[i].rc);
        imgz_order_destroy(taker.order);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_in_disk_order_out),
        cmocka_unit_test(window_slides),
        cmocka_unit_test(end_comes_after_the_last),
        cmocka_unit_test(close_ends_at_once),
        cmocka_unit_test(the_right_one_wakes_the_taker),
        cmocka_unit_test(end_and_close_wake_the_taker),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
