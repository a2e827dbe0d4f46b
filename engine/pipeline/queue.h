/* SPDX-License-Identifier: MIT */
/*
 * A bounded first-in first-out queue of chunk slots, from one stage to the next. On a machine of
 * several NUMA nodes there is one for each node, so that a taker gets slots of its own node while
 * there are any.
 *
 * Place: feeder -> [queue] -> workers.
 *
 * Nobody starves: a taker whose node has no slot gets the lowest seq of the others, and sleeps only
 * while there is no slot at all. No slot is left behind: slots are few, and those of a node are
 * taken in the order they came.
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

/* The same for 'node_count' > 0 nodes; every slot's node_index must be below that. */
IMGZ_MUST_CHECK int imgz_queue_create_nodes(uint32_t capacity_count, uint32_t node_count,
                                            struct imgz_queue **result);

/* Accepts NULL. Nobody may be waiting on it; slots left in a closed queue are forgotten: the pool
 * owns their memory. */
void imgz_queue_destroy(struct imgz_queue *queue);

IMGZ_MUST_CHECK int imgz_queue_give(struct imgz_queue *queue, struct imgz_slot **slot);
IMGZ_MUST_CHECK int imgz_queue_take(struct imgz_queue *queue, struct imgz_slot **result);

/* Takes for node 'node_index'; imgz_queue_take() does for node 0. */
IMGZ_MUST_CHECK int imgz_queue_take_near(struct imgz_queue *queue, uint32_t node_index,
                                         struct imgz_slot **result);

/* No more will be given: takers drain what is there. */
void imgz_queue_end(struct imgz_queue *queue);

/* Ends all work at once. */
void imgz_queue_close(struct imgz_queue *queue);

#endif /* IMGZ_QUEUE_H */
