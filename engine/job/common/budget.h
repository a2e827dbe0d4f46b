/* SPDX-License-Identifier: MIT */
/*
 * How many slots and workers a job gets: as many as keep each other busy, but no more slots than
 * the disk has chunks, and no more than the job's memory allows.
 *
 * Place: called by allot.c and job.c before a pipeline is made.
 *
 * Threads    any; no state.
 * Errors     -ENOMEM if not even the least fits.
 */
#ifndef IMGZ_BUDGET_H
#define IMGZ_BUDGET_H

#include "base/base.h"

#define IMGZ_BUDGET_UNLIMITED UINT64_MAX

struct imgz_budget_needs {
    uint32_t worker_count;     /* wanted, > 0 */
    uint32_t worker_count_min; /* > 0 */
    uint64_t chunk_count;      /* of the disk, or UNLIMITED if its size is not known */
    uint64_t slot_bytes;       /* of a slot's buffers; may be 0 */
    uint64_t worker_bytes;     /* of one worker, beside its slots */
    uint64_t base_bytes;       /* of all else */
};

struct imgz_budget {
    uint32_t worker_count;
    uint32_t slot_count;
};

/* How many slots this many workers get if memory is not short. */
uint32_t imgz_budget_slot_count(uint32_t worker_count);

/* 'memory_bytes' may be taken in all, or UNLIMITED. If that is short, there are fewer slots, then
 * fewer workers. */
IMGZ_MUST_CHECK int imgz_budget_make(const struct imgz_budget_needs *needs, uint64_t memory_bytes,
                                     struct imgz_budget *result);

/* What the least takes: with less, make() fails. */
uint64_t imgz_budget_bytes_min(const struct imgz_budget_needs *needs);

#endif /* IMGZ_BUDGET_H */
