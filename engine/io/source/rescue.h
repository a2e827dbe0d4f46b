/* SPDX-License-Identifier: MIT */
/*
 * Reads again what could not be read, and narrows the failure down to single sectors.
 *
 * A failed request says little: the kernel merges neighbouring requests, and all of them fail with
 * the one that was bad; readahead makes it worse. So everything that failed is read again alone,
 * in pieces that shrink where reading fails and grow where it does not.
 *
 * Place: a worker's slow path, called by source_rescue.c.
 *
 * Threads    any; no state outside the arguments.
 * Ownership  the buffer is the caller's.
 * Errors     see imgz_rescue_run().
 * Blocking   as long as the medium takes to fail.
 */
#ifndef IMGZ_RESCUE_H
#define IMGZ_RESCUE_H

#include "base/base.h"

/* Reads at most this much at a time. */
#define IMGZ_RESCUE_STEP_BYTES ((size_t)64 << 10)

struct imgz_rescue {
    /* As pread(2): whole sectors at offsets of whole sectors. Bytes read, 0 at the end of the
     * source, or a negative errno. */
    int64_t (*read)(void *context, uint64_t offset, unsigned char *buffer, size_t bytes);

    /* Called for each stretch of sectors that cannot be read, in order, cut to what was asked for;
     * the buffer holds zeros there. 'rc' is why. A negative return ends the rescue with it. */
    int (*bad)(void *context, uint64_t offset, size_t bytes, int rc);

    void *context;
    uint32_t sector_bytes; /* a power of two, at most IMGZ_RESCUE_STEP_BYTES */
    uint32_t retry_count;  /* how often a sector that failed alone is tried again */
    unsigned char *bounce; /* IMGZ_RESCUE_STEP_BYTES, aligned to IMGZ_BLOCK_BYTES */
};

/* True for an error that belongs to a place on the medium: what lies beside it may be fine. Others
 * (the device is gone, out of memory) would come again at any place. */
bool imgz_rescue_worthwhile(int rc);

/* Fills 'buffer' with the 'bytes' at 'offset', any alignment. '*done_bytes' receives how many of
 * them are settled, read or found bad. 0: all, or fewer because the source ends there. Otherwise
 * what bad() returned, or an error that is not worthwhile. */
IMGZ_MUST_CHECK int imgz_rescue_run(const struct imgz_rescue *rescue, uint64_t offset,
                                    unsigned char *buffer, size_t bytes, size_t *done_bytes);

#endif /* IMGZ_RESCUE_H */
