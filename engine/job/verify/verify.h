/* SPDX-License-Identifier: MIT */
/*
 * Verifies an image within a job that has begun: what imgz_verify() does without 'against', and
 * imgz_hash() with an image.
 *
 * Threads    the caller's.
 * Errors     raised; -EBADMSG for a bad image, after the whole of it was looked at where possible.
 */
#ifndef IMGZ_VERIFY_H
#define IMGZ_VERIFY_H

#include "io/source/source.h"
#include "job/common/job.h"

/* Takes 'source', which is open. The job's sum is complete on success. */
IMGZ_MUST_CHECK int imgz_verify_image(struct imgz_job *job, struct imgz_source **source);

#endif /* IMGZ_VERIFY_H */
