/* SPDX-License-Identifier: MIT */
#include "pipeline/slot.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SLOTS_MAX 8u
#define DOZE_US   20000u

static struct imgz_pool *create(uint32_t slots, uint64_t raw_bytes, uint64_t stored_bytes)
{
    const struct imgz_pool_config config = {slots, raw_bytes, stored_bytes};
    struct imgz_pool *pool = NULL;

    assert_int_equal(imgz_pool_create(&config, &pool), 0);
    assert_int_equal(imgz_pool_slot_count(pool), slots);
    return pool;
}

static bool within(const unsigned char *at, uint64_t bytes, const unsigned char *base,
                   uint64_t base_bytes)
{
    return at >= base && at + bytes <= base + base_bytes;
}

/* Every buffer is whole, aligned, inside the one mapping, and nobody else's: each is filled with
 * its own number, and afterwards still holds it. */
static void check_buffers(struct imgz_pool *pool, uint32_t slots, uint64_t raw_bytes,
                          uint64_t stored_bytes)
{
    struct imgz_slot *taken[SLOTS_MAX] = {NULL};
    unsigned char *base = NULL;
    uint64_t base_bytes = 0;

    imgz_pool_memory(pool, &base, &base_bytes);
    assert_int_equal((uintptr_t)base % IMGZ_BLOCK_BYTES, 0);
    for (uint32_t i = 0; i < slots; i++) {
        assert_int_equal(imgz_pool_take(pool, &taken[i]), 0);
        assert_int_equal(taken[i]->state, IMGZ_SLOT_FEED);
        assert_int_equal(taken[i]->slot_index, i);
        assert_true((taken[i]->raw == NULL) == (raw_bytes == 0));
        assert_true((taken[i]->stored == NULL) == (stored_bytes == 0));
        assert_int_equal((uintptr_t)taken[i]->raw % IMGZ_BLOCK_BYTES, 0);
        assert_int_equal((uintptr_t)taken[i]->stored % IMGZ_BLOCK_BYTES, 0);
        if (raw_bytes > 0) {
            assert_true(within(taken[i]->raw, raw_bytes, base, base_bytes));
            memset(taken[i]->raw, (int)i + 1, raw_bytes);
            memset(taken[i]->zero_map, (int)i + 1, imgz_div_up(raw_bytes, IMGZ_BLOCK_BYTES));
        }
        if (stored_bytes > 0) {
            assert_true(within(taken[i]->stored, stored_bytes, base, base_bytes));
            memset(taken[i]->stored, (int)i + 101, stored_bytes);
        }
    }
    for (uint32_t i = 0; i < slots; i++) {
        for (uint64_t at = 0; at < raw_bytes; at++)
            assert_int_equal(taken[i]->raw[at], i + 1);
        for (uint64_t at = 0; at < imgz_div_up(raw_bytes, IMGZ_BLOCK_BYTES); at++)
            assert_int_equal(taken[i]->zero_map[at], i + 1);
        for (uint64_t at = 0; at < stored_bytes; at++)
            assert_int_equal(taken[i]->stored[at], i + 101);
        imgz_pool_give(pool, &taken[i]);
        assert_null(taken[i]);
    }
}

static void buffers_are_apart_and_aligned(void **state)
{
    static const struct {
        uint32_t slots;
        uint64_t raw_bytes;
        uint64_t stored_bytes;
    } cases[] = {
        {1, 1, 1}, {1, 4096, 0}, {3, 0, 4096}, {2, 4097, 500}, {8, 65536, 70001}, {4, 12288, 0},
    };

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        struct imgz_pool *pool = create(cases[i].slots, cases[i].raw_bytes, cases[i].stored_bytes);

        check_buffers(pool, cases[i].slots, cases[i].raw_bytes, cases[i].stored_bytes);
        imgz_pool_destroy(pool);
    }
    imgz_pool_destroy(NULL);
}

/* What the last user left behind is gone. */
static void taken_slots_are_clean(void **state)
{
    struct imgz_pool *pool = create(1, 4096, 0);
    struct imgz_slot *slot = NULL;

    (void)state;
    assert_int_equal(imgz_pool_take(pool, &slot), 0);
    slot->fault = IMGZ_FAULT_RAW;
    slot->checked = true;
    slot->is_stored = true;
    slot->stored_bytes = 77;
    imgz_pool_give(pool, &slot);
    assert_int_equal(imgz_pool_take(pool, &slot), 0);
    assert_int_equal(slot->fault, IMGZ_FAULT_NONE);
    assert_false(slot->checked);
    assert_false(slot->is_stored);
    assert_int_equal(slot->stored_bytes, 0);
    assert_int_equal(slot->pending_count, 0);
    imgz_pool_give(pool, &slot);
    imgz_pool_destroy(pool);
}

static void slot_used_last_is_taken_first(void **state)
{
    struct imgz_pool *pool = create(3, 4096, 0);
    struct imgz_slot *slots[3] = {NULL};
    struct imgz_slot *again = NULL;
    const struct imgz_slot *last;

    (void)state;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(imgz_pool_try_take(pool, &slots[i]), 0);
    assert_int_equal(imgz_pool_try_take(pool, &again), -EAGAIN);
    imgz_pool_give(pool, &slots[0]);
    last = slots[2];
    imgz_pool_give(pool, &slots[2]);
    assert_int_equal(imgz_pool_try_take(pool, &again), 0);
    assert_ptr_equal(again, last);
    imgz_pool_close(pool);
    imgz_pool_destroy(pool);
}

static void moves_go_from_state_to_state(void **state)
{
    struct imgz_slot slot = {.state = IMGZ_SLOT_FREE};

    (void)state;
    imgz_slot_move(&slot, IMGZ_SLOT_FREE, IMGZ_SLOT_FEED);
    imgz_slot_move(&slot, IMGZ_SLOT_FEED, IMGZ_SLOT_WORK);
    imgz_slot_move(&slot, IMGZ_SLOT_WORK, IMGZ_SLOT_DRAIN);
    assert_int_equal(slot.state, IMGZ_SLOT_DRAIN);
}

static void close_ends_taking(void **state)
{
    struct imgz_pool *pool = create(2, 4096, 0);
    struct imgz_slot *slot = NULL;
    struct imgz_slot *other = NULL;

    (void)state;
    assert_int_equal(imgz_pool_take(pool, &slot), 0);
    imgz_pool_close(pool);
    assert_int_equal(imgz_pool_take(pool, &other), -ECANCELED);
    assert_int_equal(imgz_pool_try_take(pool, &other), -ECANCELED);
    assert_null(other);
    /* With a slot abroad: closed pools forgive that. */
    imgz_pool_destroy(pool);
}

struct taker {
    struct imgz_pool *pool;
    struct imgz_slot *slot;
    int rc;
    atomic_bool done;
};

static void *run_taker(void *argument)
{
    struct taker *taker = argument;

    taker->rc = imgz_pool_take(taker->pool, &taker->slot);
    atomic_store(&taker->done, true);
    return NULL;
}

static void take_waits_for_give_or_close(void **state)
{
    (void)state;
    for (int closing = 0; closing < 2; closing++) {
        struct taker taker = {.pool = create(1, 4096, 0)};
        struct imgz_slot *slot = NULL;
        pthread_t thread;

        assert_int_equal(imgz_pool_take(taker.pool, &slot), 0);
        assert_int_equal(pthread_create(&thread, NULL, run_taker, &taker), 0);
        usleep(DOZE_US);
        assert_false(atomic_load(&taker.done));
        if (closing)
            imgz_pool_close(taker.pool);
        else
            imgz_pool_give(taker.pool, &slot);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(taker.rc, closing ? -ECANCELED : 0);
        if (!closing)
            imgz_pool_give(taker.pool, &taker.slot);
        imgz_pool_destroy(taker.pool);
    }
}

/* What the kernel has noted of the mapping at 'memory': "dd" is among it if core dumps leave it
 * out.
 */
static bool left_out_of_dumps(const unsigned char *memory)
{
    FILE *file = fopen("/proc/self/smaps", "re");
    bool found = false;
    bool here = false;
    char line[512];

    assert_non_null(file);
    while (!found && fgets(line, sizeof(line), file) != NULL) {
        char *end;
        const unsigned long long from = strtoull(line, &end, 16);

        if (*end == '-')
            here = from <= (uintptr_t)memory && (uintptr_t)memory < strtoull(end + 1, NULL, 16);
        else if (here && strncmp(line, "VmFlags:", 8) == 0)
            found = strstr(line, " dd") != NULL;
    }
    assert_int_equal(fclose(file), 0);
    return found;
}

static void slots_are_left_out_of_core_dumps(void **state)
{
    const struct imgz_pool_config config = {3, 8 * IMGZ_BLOCK_BYTES, 8 * IMGZ_BLOCK_BYTES};
    struct imgz_pool *pool = NULL;
    unsigned char *memory;
    uint64_t bytes;

    (void)state;
    assert_int_equal(imgz_pool_create(&config, &pool), 0);
    imgz_pool_memory(pool, &memory, &bytes);
    assert_true(left_out_of_dumps(memory));
    assert_true(left_out_of_dumps(memory + bytes - 1));
    imgz_pool_destroy(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_are_left_out_of_core_dumps),
        cmocka_unit_test(buffers_are_apart_and_aligned),
        cmocka_unit_test(taken_slots_are_clean),
        cmocka_unit_test(slot_used_last_is_taken_first),
        cmocka_unit_test(moves_go_from_state_to_state),
        cmocka_unit_test(close_ends_taking),
        cmocka_unit_test(take_waits_for_give_or_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
