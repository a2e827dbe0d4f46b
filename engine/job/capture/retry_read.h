/* SPDX-License-Identifier: MIT */
/*
 * Reads again, from the source, what an image lacks of one chunk.
 *
 * Place: a retry's worker, between decoding and encoding.
 *
 * Threads    a worker's; the scratch is its own.
 * Errors     none: what is wrong is noted in the slot.
 */
#ifndef IMGZ_RETRY_READ_H
#define IMGZ_RETRY_READ_H

#include "base/range_list.h"
#include "io/source/source.h"

struct imgz_retry_read {
    const struct imgz_source *source; /* its on_error is ZERO */
    const struct imgz_range_list *missing;
    unsigned char *scratch; /* as large as a slot's raw buffer */
};

/* The slot holds a chunk's raw bytes, as the image has them. Missing sectors that can be read now
 * replace those; what cannot be read stays as it is, and is marked in slot->unreadable_map. Returns
 * how many bytes were read. A source that fails otherwise leaves the slot with IMGZ_FAULT_READ. */
uint64_t imgz_retry_read_slot(const struct imgz_retry_read *reread, struct imgz_slot *slot);

#endif /* IMGZ_RETRY_READ_H */
