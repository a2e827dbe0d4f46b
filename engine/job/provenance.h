/* SPDX-License-Identifier: MIT */
/*
 * What an image says of where it comes from: the metadata of a capture.
 *
 * Place: capture's drain, once everything was read.
 *
 * Threads    the drain's.
 * Errors     -ENOMEM.
 */
#ifndef IMGZ_PROVENANCE_H
#define IMGZ_PROVENANCE_H

#include <time.h>

#include "image/meta.h"
#include "io/source.h"
#include "job/job.h"

struct imgz_provenance {
    const struct imgz_job *job; /* its sum is complete */
    const struct imgz_source *source;
    time_t start_time;
};

/* Adds digests and unreadable ranges, and what there is to say of tool, machine and time unless the
 * image is to be reproducible. 'meta' is empty. */
IMGZ_MUST_CHECK int imgz_provenance_add(const struct imgz_provenance *provenance,
                                        struct imgz_meta *meta);

#endif /* IMGZ_PROVENANCE_H */
