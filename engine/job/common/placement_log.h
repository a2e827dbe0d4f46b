/* SPDX-License-Identifier: MIT */
/*
 * Logs what machine a job runs on and where its threads and slots are.
 *
 * Threads    the job's own.
 * Errors     none.
 */
#ifndef IMGZ_PLACEMENT_LOG_H
#define IMGZ_PLACEMENT_LOG_H

#include "job/common/job.h"

/* Two lines for the log of a job that is prepared. */
void imgz_placement_log(struct imgz_job *job);

#endif /* IMGZ_PLACEMENT_LOG_H */
