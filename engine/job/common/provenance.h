/* SPDX-License-Identifier: MIT */
/*
 * What an image says of where it comes from: the metadata of a capture, or of a mended image.
 *
 * Place: the drain of capture and retry, once everything was read.
 *
 * Threads    the drain's.
 * Errors     -ENOMEM; see renew().
 */
#ifndef IMGZ_PROVENANCE_H
#define IMGZ_PROVENANCE_H

#include <time.h>

#include "format/meta.h"
#include "io/source/source.h"
#include "job/common/job.h"

/* So many unreadable ranges are listed in the metadata: 160 KB at most. What a capture leaves
 * unread beyond them is counted. */
#define IMGZ_PROVENANCE_RANGES_MAX 4096u

struct imgz_provenance {
    const struct imgz_job *job; /* its sum is complete */
    const struct imgz_source *source;
    time_t start_time;
};

/* Adds digests and unreadable ranges, and what there is to say of tool, machine and time unless the
 * image is to be reproducible. 'meta' is empty. */
IMGZ_MUST_CHECK int imgz_provenance_add(const struct imgz_provenance *provenance,
                                        struct imgz_meta *meta);

/* The same for an image that is made of another and its source, read again in places: what 'before'
 * says holds, but digests and unreadable ranges are those of now. -E2BIG: it says far more than any
 * capture does. */
IMGZ_MUST_CHECK int imgz_provenance_renew(const struct imgz_provenance *provenance,
                                          const struct imgz_meta *before, struct imgz_meta *meta);

#endif /* IMGZ_PROVENANCE_H */
