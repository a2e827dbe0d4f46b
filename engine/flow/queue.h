/* SPDX-License-Identifier: MIT */
/*
 * A bounded first-in first-out of chunk slots, from one stage to the next.
 *
 * Place: feeder -> [queue] -> workers.
 *
 * Threads    any number of givers and takers; end() and close() from any thread.
 * Ownership  give takes the slot and clears the caller's pointer; take hands it over.
 * Errors     give: -ECANCELED once closed. take: -ECANCELED once closed; -ENODATA when ended and
 *            empty.
 * Blocking   give while full, take while empty. end() and close() wake everybody.
 * Memory     one allocation in create(); none afterwards.
 */
#ifndef IMGZ_QUEUE_H
#define IMGZ_QUEUE_H

#include "base/base.h"

struct imgz_queue;
struct imgz_slot;

/* A queue for 'capacity_count' > 0 slots. 0, or -ENOMEM. */
IMGZ_MUST_CHECK int imgz_queue_create(uint32_t capacity_count, struct imgz_queue **result);

/* Accepts NULL. Nobody may be waiting on it; slots left in a closed queue are forgotten: the pool
 * owns their memory. */
void imgz_queue_destroy(struct imgz_queue *queue);

IMGZ_MUST_CHECK int imgz_queue_give(struct imgz_queue *queue, struct imgz_slot **slot);
IMGZ_MUST_CHECK int imgz_queue_take(struct imgz_queue *queue, struct imgz_slot **result);

/* No more will be given: takers drain what is there. */
void imgz_queue_end(struct imgz_queue *queue);

/* Work is over at once. */
void imgz_queue_close(struct imgz_queue *queue);

#endif /* IMGZ_QUEUE_H */
