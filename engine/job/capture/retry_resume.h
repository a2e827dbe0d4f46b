/* SPDX-License-Identifier: MIT */
/*
 * What an interrupted retry has done: the beginning of the new image, IMAGE.partial, and
 * IMAGE.partial.map, which says what of that could not be read. What it did read is not read again:
 * a failing drive may not give it twice.
 *
 * A chunk that lacked nothing must be the old image's: both indexes are compared. A chunk that
 * lacked something need only match its own hash.
 *
 * Place: called by a retry before its threads start.
 *
 * Threads    the job's; threads of its own while it is found.
 * Errors     raised: -EEXIST if it is not a retry of this image; otherwise the system's.
 */
#ifndef IMGZ_RETRY_RESUME_H
#define IMGZ_RETRY_RESUME_H

#include "base/range_list.h"
#include "image/image.h"
#include "job/capture/known_bad.h"
#include "job/capture/valid_prefix.h"

struct imgz_retry_resume_config {
    struct imgz_latch *latch;
    const struct imgz_sink *output; /* left by an interrupted run */
    const char *disk;               /* what the image is of, for errors */
    const struct imgz_image *old;   /* loaded with its hashes */
    const struct imgz_range_list *missing;
};

/* All zero: it holds nothing. */
struct imgz_retry_resume {
    struct imgz_valid_prefix whole;
    struct imgz_known_bad known_bad; /* 'whole' may end before some of it */
    uint64_t regained_bytes;         /* of what was missing, what is there */
};

/* As imgz_valid_prefix_find(); job->unreadable, too, counts what is there. */
IMGZ_MUST_CHECK int imgz_retry_resume_find(struct imgz_retry_resume *earlier, struct imgz_job *job,
                                           const struct imgz_retry_resume_config *config);
void imgz_retry_resume_fini(struct imgz_retry_resume *earlier);

#endif /* IMGZ_RETRY_RESUME_H */
