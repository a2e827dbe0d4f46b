/* SPDX-License-Identifier: MIT */
/*
 * The parts of a source that could not be read, in order.
 *
 * Place: grown by capture's drain, for report and metadata.
 *
 * Threads    one.
 * Errors     -ENOMEM.
 * Memory     16 bytes per range; adjacent sectors make one range.
 */
#ifndef IMGZ_BADLIST_H
#define IMGZ_BADLIST_H

#include <imgz/imgz.h>

#include "base/base.h"
#include "flow/slot.h"

struct imgz_badlist {
    struct imgz_range *ranges; /* ascending, neither overlapping nor adjacent */
    size_t count;
    size_t capacity;
    uint64_t bytes; /* of all ranges */
};

void imgz_badlist_init(struct imgz_badlist *list);
void imgz_badlist_fini(struct imgz_badlist *list);

/* Adds a range behind those that are there. */
IMGZ_MUST_CHECK int imgz_badlist_add(struct imgz_badlist *list, uint64_t offset, uint64_t bytes);

/* Adds what is marked in slot->bad_map. */
IMGZ_MUST_CHECK int imgz_badlist_add_slot(struct imgz_badlist *list, const struct imgz_slot *slot);

#endif /* IMGZ_BADLIST_H */
