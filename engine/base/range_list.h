/* SPDX-License-Identifier: MIT */
/*
 * The parts of a source that could not be read, in order.
 *
 * Place: filled by a drain, for report and metadata; made by a retry: what an image lacks.
 *
 * Threads    one adds; any may ask.
 * Errors     -ENOMEM.
 * Memory     16 bytes per range; adjacent sectors make one range.
 */
#ifndef IMGZ_RANGE_LIST_H
#define IMGZ_RANGE_LIST_H

#include <imgz/imgz.h>

#include "base/base.h"

struct imgz_range_list {
    struct imgz_range *ranges; /* ascending, neither overlapping nor adjacent */
    size_t count;
    size_t capacity;
    uint64_t bytes; /* of all ranges */
};

void imgz_range_list_init(struct imgz_range_list *list);
void imgz_range_list_fini(struct imgz_range_list *list);

/* Adds a range after all others. */
IMGZ_MUST_CHECK int imgz_range_list_add(struct imgz_range_list *list, uint64_t offset,
                                        uint64_t bytes);

/* ---- Asking ------------------------------------------------------------------------------- */

/* The index of the first range that ends after 'offset', or list->count. */
size_t imgz_range_list_index(const struct imgz_range_list *list, uint64_t offset);

/* The part of range 'i' that lies within the 'bytes' at 'offset'; false if there is none. From
 * imgz_range_list_index() on, the first false means that no later range has a part, either. */
bool imgz_range_list_part(const struct imgz_range_list *list, size_t i, uint64_t offset,
                          uint64_t bytes, struct imgz_range *part);

/* Whether any of the 'bytes' at 'offset' are in the list; and how many. */
bool imgz_range_list_within(const struct imgz_range_list *list, uint64_t offset, uint64_t bytes);
uint64_t imgz_range_list_bytes(const struct imgz_range_list *list, uint64_t offset, uint64_t bytes);

#endif /* IMGZ_RANGE_LIST_H */
