/* SPDX-License-Identifier: MIT */
/*
 * Example: two workers and slots of 2 MiB. There are 12 slots in 24 MiB and 5 slots in 10 MiB; in 8
 * MiB there are 4 slots and one worker. More slots let reading, working and writing overlap; a
 * worker without a slot is idle, so it is dropped first.
 */
#include "job/common/budget.h"

#include <errno.h>

/* Slots in circulation, one line per holder. More would only be memory. */
#define SLOTS_FEEDER     4u /* being read: deep enough for a disk to stream */
#define SLOTS_DRAIN      4u /* being written, or waiting for their turn in disk order */
#define SLOTS_PER_WORKER 2u /* one worked on, one waiting in the queue */

/* With only these a job still runs, without overlap: one slot is read, two are with the drain,
 * which may hold back one, and one is in work with each worker. */
#define SLOTS_SPARE_MIN 3u

/* Slots take no more than this in all, unless the least is more: an image may have chunks of 16
 * MiB, and the machine a hundred processors. Slots of the default size get here with 240 workers.
 */
#define SLOTS_BYTES_MAX ((uint64_t)1 << 30)

uint32_t imgz_budget_slot_count(uint32_t worker_count)
{
    return SLOTS_FEEDER + SLOTS_DRAIN + SLOTS_PER_WORKER * worker_count;
}

/* The least for this many workers; a disk of few chunks needs no more slots than those. */
static uint64_t slots_min(const struct imgz_budget_needs *needs, uint32_t worker_count)
{
    return imgz_min(SLOTS_SPARE_MIN + worker_count,
                    imgz_max(needs->chunk_count, SLOTS_SPARE_MIN + 1));
}

static uint64_t slots_that_fit(const struct imgz_budget_needs *needs, uint64_t bytes)
{
    return needs->slot_bytes == 0 ? IMGZ_BUDGET_UNLIMITED : bytes / needs->slot_bytes;
}

/* How many slots there is room for beside this many workers. */
static uint64_t slots_beside(const struct imgz_budget_needs *needs, uint32_t worker_count,
                             uint64_t memory_bytes)
{
    const uint64_t other_bytes = needs->base_bytes + worker_count * needs->worker_bytes;

    return memory_bytes < other_bytes ? 0 : slots_that_fit(needs, memory_bytes - other_bytes);
}

int imgz_budget_make(const struct imgz_budget_needs *needs, uint64_t memory_bytes,
                     struct imgz_budget *result)
{
    uint32_t worker_count = needs->worker_count;
    uint64_t room;
    uint64_t least;

    IMGZ_ASSERT(needs->worker_count_min > 0);
    IMGZ_ASSERT(needs->worker_count >= needs->worker_count_min);
    for (;;) {
        room = slots_beside(needs, worker_count, memory_bytes);
        least = slots_min(needs, worker_count);
        if (room >= least)
            break;
        if (worker_count == needs->worker_count_min)
            return -ENOMEM;
        worker_count -= 1;
    }
    room = imgz_min(room, imgz_max(least, slots_that_fit(needs, SLOTS_BYTES_MAX)));
    room = imgz_min(room, imgz_max(least, needs->chunk_count));
    *result = (struct imgz_budget){
        .worker_count = worker_count,
        .slot_count = (uint32_t)imgz_min(room, imgz_budget_slot_count(worker_count)),
    };
    return 0;
}

uint64_t imgz_budget_bytes_min(const struct imgz_budget_needs *needs)
{
    const uint32_t worker_count = needs->worker_count_min;

    return needs->base_bytes + worker_count * needs->worker_bytes +
           slots_min(needs, worker_count) * needs->slot_bytes;
}
