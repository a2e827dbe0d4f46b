/* SPDX-License-Identifier: MIT */
/*
 * Allots slots and workers to a job by the memory there is: fewer if it is short, and an error if
 * it is too short for any. Otherwise the system would kill the process half-way, or the machine
 * would stall.
 *
 * Place: called by imgz_job_prepare().
 *
 * Threads    the caller's.
 * Errors     raised: -ENOMEM.
 */
#ifndef IMGZ_ALLOT_H
#define IMGZ_ALLOT_H

#include "job/common/job.h"

/* Decides pool->slot_count and job->slot_count; the first time also job->options.thread_count. */
IMGZ_MUST_CHECK int imgz_allot(struct imgz_job *job, const struct imgz_job_needs *needs,
                               struct imgz_pool_config *pool);

#endif /* IMGZ_ALLOT_H */
