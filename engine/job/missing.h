/* SPDX-License-Identifier: MIT */
/*
 * What an image lacks of its disk: by a map of the disk, and by its own word.
 *
 * Place: found by mend before it starts; asked by its feeder and workers.
 *
 * Threads    found by one; asked by any.
 * Errors     -ENOMEM; -EBADMSG where the image's word cannot be understood.
 */
#ifndef IMGZ_MISSING_H
#define IMGZ_MISSING_H

#include "image/meta.h"
#include "io/mapfile.h"

/* Fills an empty list: whole sectors of all that the map has not as finished, and of all that the
 * metadata names as unreadable. Either may be wrong; what both have is not lost. */
IMGZ_MUST_CHECK int imgz_missing_find(const struct imgz_mapfile *map, const struct imgz_meta *meta,
                                      uint64_t size_bytes, struct imgz_badlist *list);

/* The first range that ends behind 'offset': its index, or list->count. */
size_t imgz_missing_index(const struct imgz_badlist *list, uint64_t offset);

/* The part of range 'i' that lies within the 'bytes' at 'offset'; false if there is none: with i
 * from imgz_missing_index() on, neither is there of those behind it. */
bool imgz_missing_part(const struct imgz_badlist *list, size_t i, uint64_t offset, uint64_t bytes,
                       struct imgz_range *part);

/* True if some of the 'bytes' at 'offset' are missing. */
bool imgz_missing_within(const struct imgz_badlist *list, uint64_t offset, uint64_t bytes);

#endif /* IMGZ_MISSING_H */
