/* SPDX-License-Identifier: MIT */
/*
 * Warnings: what does not stop a job, but should be known. They go into the report, and to
 * options->warning at once.
 *
 * Threads    the job's own.
 * Errors     none. Warnings that do not fit in the report still go to options->warning.
 */
#ifndef IMGZ_WARN_H
#define IMGZ_WARN_H

#include "job/common/job.h"

/* 'code' is for programs: "source-mounted". The format makes one line. */
void imgz_warn(struct imgz_job *job, const char *code, const char *format, ...) IMGZ_PRINTF(3, 4);

#endif /* IMGZ_WARN_H */
