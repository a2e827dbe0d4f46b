/* SPDX-License-Identifier: MIT */
/*
 * A slot's item in a message: a chunk or a run of zeros that another host has read and encoded.
 *
 * Place: for the two ends of READ_ENCODED (protocol.h).
 *
 * Threads    any number; no state.
 * Errors     get: -EPROTO if the item is not one that may come next. The slot means nothing then.
 */
#ifndef IMGZ_ITEM_H
#define IMGZ_ITEM_H

#include "io/remote/wire.h"
#include "pipeline/slot.h"

/* The item that may come next. */
struct imgz_item_limits {
    uint64_t offset; /* it begins there */
    uint64_t end;    /* ... and ends there at most */
    uint64_t chunk_bytes;
    uint64_t zero_bytes_max;
    uint64_t stored_bytes_max; /* of the slot's buffer; 0: there is no segment */
};

/* Puts all of it but the segment, whose bytes are the tail. */
void imgz_item_put(struct imgz_wire_message *message, const struct imgz_slot *slot);

/* Takes it into a slot that is with the feeder; the tail is still to be taken, into slot->stored:
 * slot->stored_bytes of it. */
IMGZ_MUST_CHECK int imgz_item_get(struct imgz_wire_message *message,
                                  const struct imgz_item_limits *limits, struct imgz_slot *slot);

#endif /* IMGZ_ITEM_H */
