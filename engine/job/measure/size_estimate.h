/* SPDX-License-Identifier: MIT */
/*
 * Estimates the size of a sample at each level, when slow levels see only some of its chunks. All
 * chunks are taken to shrink, from the level before, as much as those that both levels saw.
 * Neighbouring levels gain on the same chunks, so this is much closer than the ratio of what was
 * seen.
 *
 *     chunk           0     1     2     3      all
 *     level fast    100   300   100   300      800
 *     level 1        90   270    90   270      720
 *     level 12       80     -    80     -      720 * (80 + 80) / (90 + 90) = 640
 *
 * Threads    one.
 * Memory     all in init().
 */
#ifndef IMGZ_SIZE_ESTIMATE_H
#define IMGZ_SIZE_ESTIMATE_H

#include "base/base.h"

struct imgz_size_estimate {
    uint32_t chunk_count;

    /* What each chunk costs at the current level, and at the one before it; 0: it was not seen. */
    uint64_t *level_bytes; /* to be filled in by the caller */
    uint64_t *before_bytes;
    double before_all; /* all chunks at the level before */
};

/* 0, or -ENOMEM. Call fini in any case. */
IMGZ_MUST_CHECK int imgz_size_estimate_init(struct imgz_size_estimate *estimate,
                                            uint32_t chunk_count);
void imgz_size_estimate_fini(struct imgz_size_estimate *estimate);

/* Forgets what was seen at the current level. */
void imgz_size_estimate_clear(struct imgz_size_estimate *estimate);

/* What all chunks cost at the current level; for the first, of which every chunk must have been
 * seen, their sum. 0: none was seen. */
double imgz_size_estimate_all(const struct imgz_size_estimate *estimate);

/* The current level becomes the one before, for the next. */
void imgz_size_estimate_advance(struct imgz_size_estimate *estimate);

#endif /* IMGZ_SIZE_ESTIMATE_H */
