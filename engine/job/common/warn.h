/* SPDX-License-Identifier: MIT */
/*
 * What a job finds that does not stop it, but that people should know: in the report, and to
 * options->warning at once.
 *
 * Threads    the job's own.
 * Errors     none. What is too much for the report is still told.
 */
#ifndef IMGZ_WARN_H
#define IMGZ_WARN_H

#include "job/common/job.h"

/* 'code' is for programs: "source-mounted". The format makes one line. */
void imgz_warn(struct imgz_job *job, const char *code, const char *format, ...) IMGZ_PRINTF(3, 4);

#endif /* IMGZ_WARN_H */
