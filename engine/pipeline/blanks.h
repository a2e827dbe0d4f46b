/* SPDX-License-Identifier: MIT */
/*
 * Estimates how much of the data still to be read is blank: nothing but zeros. Only the display
 * uses it.
 *
 * File systems say how much of a disk is free, and roughly where (io/fs). They do not say whether
 * free space is blank. It is on a drive that was never full, and on one that discards. Otherwise it
 * holds deleted files. So the share is learned: the free space ahead is expected to be like the
 * free space read so far. The same holds for everything that is not free.
 *
 * Place: in the meter of a pipeline. The feeder adds regions before it feeds the first slot. The
 * drain passes every item that was read.
 *
 * Threads    one at a time: first the feeder, then the drain.
 * Errors     none: impossible regions are ignored or cut.
 * Memory     part of the meter, 32 KiB.
 */
#ifndef IMGZ_BLANKS_H
#define IMGZ_BLANKS_H

#include "pipeline/slot.h"

/* More regions than this are merged in pairs. On 4 TB, 1024 regions are 4 GB each: a thousandth of
 * the time that is forecast. */
#define IMGZ_BLANKS_REGIONS_MAX 1024u

/* A stretch of the disk, and how much of it is free. */
struct imgz_free_region {
    uint64_t offset;
    uint64_t bytes;
    uint64_t free_bytes;
    uint64_t hole_bytes; /* never read: they count as neither free nor used */
};

struct imgz_blanks_sum {
    uint64_t read_bytes;
    uint64_t blank_bytes; /* of these */
};

struct imgz_blanks {
    struct imgz_free_region regions[IMGZ_BLANKS_REGIONS_MAX]; /* in disk order, disjoint */
    uint32_t region_count;
    uint32_t region_index;         /* the first that has not been passed */
    uint64_t free_bytes;           /* in all regions */
    uint64_t free_bytes_ahead;     /* in those from region_index on */
    struct imgz_blanks_sum all;    /* passed so far */
    struct imgz_blanks_sum region; /* ... of the region at region_index */
    struct imgz_blanks_sum free;   /* ... of the free space of the regions before it */
};

/* Adds the next region. It is ignored if it is empty or begins before the last one's end. No more
 * of it is free than it has bytes. */
void imgz_blanks_add(struct imgz_blanks *blanks, const struct imgz_free_region *region);

/* These bytes will not be read. A hole is most likely free space, so the region has less of it. */
void imgz_blanks_add_hole(struct imgz_blanks *blanks, uint64_t offset, uint64_t bytes);

/* Reading begins at 'offset'. Regions before it are dropped, and one around it is cut in
 * proportion. Call it after all regions and holes were added. */
void imgz_blanks_start(struct imgz_blanks *blanks, uint64_t offset);

/* Counts an item that was read. In disk order. */
void imgz_blanks_pass(struct imgz_blanks *blanks, const struct imgz_slot *slot);

/* How many of the 'bytes' still to be read are blank, as far as is known now. */
uint64_t imgz_blanks_estimate(const struct imgz_blanks *blanks, uint64_t bytes);

#endif /* IMGZ_BLANKS_H */
