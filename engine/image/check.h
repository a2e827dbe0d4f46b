/* SPDX-License-Identifier: MIT */
/*
 * Checks and inflates one chunk of an image: the work of restore and verify.
 *
 * Place: queue -> [check] -> order.
 *
 * Threads    a worker's; the inflater is its own.
 * Errors     none: what is wrong is noted in slot->fault, to be told in disk order.
 */
#ifndef IMGZ_CHECK_H
#define IMGZ_CHECK_H

#include "codec/deflate.h"
#include "flow/slot.h"

/* The slot holds note and segment, and what index or stream order say of it. Afterwards the raw
 * bytes are in the raw buffer and proven (slot->checked), or slot->fault tells why not. */
void imgz_check_slot(struct imgz_inflate *inflate, struct imgz_slot *slot);

#endif /* IMGZ_CHECK_H */
