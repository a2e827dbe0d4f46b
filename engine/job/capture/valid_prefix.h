/* SPDX-License-Identifier: MIT */
/*
 * How much of the image that an interrupted run left is valid.
 *
 * Nothing in it is trusted. Every item is inflated and checked by its hashes, as verify does. The
 * first that is bad or incomplete ends what counts.
 *
 * Threads    the job's; threads of its own while it runs.
 * Errors     raised: -EEXIST for another size of disk or chunk; otherwise the system's.
 */
#ifndef IMGZ_VALID_PREFIX_H
#define IMGZ_VALID_PREFIX_H

#include "format/frame.h"
#include "format/index.h"
#include "io/sink/sink.h"
#include "job/common/job.h"

struct imgz_valid_prefix_config {
    const struct imgz_sink *output;  /* left by an interrupted run */
    const char *disk;                /* what the image is of, for errors */
    struct imgz_frame_header header; /* what the image begins with */
    uint64_t end_bytes;              /* of the disk: what follows does not count */
};

struct imgz_valid_prefix {
    struct imgz_index index; /* of the items; empty, with nothing else set, if there is nothing */
    uint64_t raw_bytes;      /* of the disk, from its start: whole chunks, or all of it */
    uint64_t image_bytes;    /* of the file, with the header */
};

/* job->totals and the job's figures afterwards count what is there, for a run that continues this
 * one. 'whole' may be uninitialized; call fini in any case. */
IMGZ_MUST_CHECK int imgz_valid_prefix_find(struct imgz_job *job,
                                           const struct imgz_valid_prefix_config *config,
                                           struct imgz_valid_prefix *whole);
void imgz_valid_prefix_fini(struct imgz_valid_prefix *whole);

#endif /* IMGZ_VALID_PREFIX_H */
