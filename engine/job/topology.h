/* SPDX-License-Identifier: MIT */
/*
 * What a job says of the machine and of its placement.
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
