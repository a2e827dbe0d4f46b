/* SPDX-License-Identifier: MIT */
/*
 * Puts slots back into disk order: workers finish in any order, the drain takes seq 0, 1, 2 ...
 *
 * Place: workers -> [order] -> drain. Its window has one place per slot, so every slot finds its
 * place free: seqs are given out in order and each slot holds one, so if the lowest outstanding seq
 * of n slots is s, the highest is below s + n.
 *
 * Threads    any number of givers, one taker; end() and close() from any thread.
 * Ownership  give takes the slot and clears the caller's pointer; take hands it over.
 * Errors     give: -ECANCELED once closed. take: -ECANCELED once closed, -ENODATA after the last
 *            slot; try_take: also -EAGAIN while the next one is not there.
 * Blocking   take only.
 * Memory     one allocation in create(); none afterwards.
 */
#ifndef IMGZ_ORDER_H
#define IMGZ_ORDER_H

#include "base/base.h"

struct imgz_order;
struct imgz_slot;

/* 'window_count' > 0: the number of slots in circulation. 0, or -ENOMEM. */
IMGZ_MUST_CHECK int imgz_order_create(uint32_t window_count, struct imgz_order **result);
void imgz_order_destroy(struct imgz_order *order); /* accepts NULL; nobody may be waiting */

IMGZ_MUST_CHECK int imgz_order_give(struct imgz_order *order, struct imgz_slot **slot);
IMGZ_MUST_CHECK int imgz_order_take(struct imgz_order *order, struct imgz_slot **result);
IMGZ_MUST_CHECK int imgz_order_try_take(struct imgz_order *order, struct imgz_slot **result);

/* There are 'item_count' items in all. */
void imgz_order_end(struct imgz_order *order, uint64_t item_count);

/* Ends all work at once. */
void imgz_order_close(struct imgz_order *order);

#endif /* IMGZ_ORDER_H */
