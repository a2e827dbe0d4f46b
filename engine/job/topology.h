/* SPDX-License-Identifier: MIT */
/*
 * What a job says of the machine and of its placement. The public functions are imgz_topology_...
 * of imgz.h.
 *
 * Threads    the job's own.
 * Errors     none.
 */
#ifndef IMGZ_TOPOLOGY_H
#define IMGZ_TOPOLOGY_H

#include "job/job.h"

/* Two lines for the log of a job that is prepared. */
void imgz_topology_log(struct imgz_job *job);

#endif /* IMGZ_TOPOLOGY_H */
