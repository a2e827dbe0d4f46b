/* SPDX-License-Identifier: MIT */
/*
 * Whether a job's options make sense: each by itself, for this job, and together. What can only be
 * known when source and target are open is checked by the job.
 *
 * Place: the first thing that a job does. The program has no other rules.
 */
#ifndef IMGZ_OPTIONS_CHECK_H
#define IMGZ_OPTIONS_CHECK_H

#include "job/common/job.h"

/* 0, or -EINVAL, raised: which option, and why. */
IMGZ_MUST_CHECK int imgz_options_check(struct imgz_job *job);

#endif /* IMGZ_OPTIONS_CHECK_H */
