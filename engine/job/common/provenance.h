/* SPDX-License-Identifier: MIT */
/*
 * Where an image comes from: the metadata of a capture, or of a retry.
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

/* The most unreadable ranges that are listed in the metadata: 160 KB. Further ones are only
 * counted. */
#define IMGZ_PROVENANCE_RANGES_MAX 4096u

struct imgz_provenance {
    const struct imgz_job *job; /* its sum is complete */
    const struct imgz_source *source;
    time_t start_time;
};

/* Adds digests and unreadable ranges and, unless the image must be reproducible, tool, machine and
 * time. 'meta' is empty. */
IMGZ_MUST_CHECK int imgz_provenance_add(const struct imgz_provenance *provenance,
                                        struct imgz_meta *meta);

/* The same for the new image of a retry: it keeps what 'before', the old one's, says, except for
 * digests and unreadable ranges. -E2BIG: that is far more than any capture says. */
IMGZ_MUST_CHECK int imgz_provenance_renew(const struct imgz_provenance *provenance,
                                          const struct imgz_meta *before, struct imgz_meta *meta);

#endif /* IMGZ_PROVENANCE_H */
