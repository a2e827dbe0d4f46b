/* SPDX-License-Identifier: MIT */
/*
 * A job that may open no more than it needs (machine/confine.h): if an image or a disk takes over
 * the process, it can reach nothing else.
 *
 * Place: called by a job with IMGZ_FLAG_CONFINE, once all that it reads and writes is open.
 *
 * Threads    the caller's, and those that it starts from then on, permanently.
 * Errors     none: if the kernel cannot do that, the job goes on and the log says so.
 */
#ifndef IMGZ_CONFINED_H
#define IMGZ_CONFINED_H

#include "io/sink/sink.h"
#include "io/source/source.h"
#include "job/common/job.h"

/* What can still be opened. Each may be NULL. */
struct imgz_confined {
    const struct imgz_source *source; /* again, to read it */
    const struct imgz_source *other;
    const struct imgz_sink *output; /* a device again; of a file, its whole folder */
    const struct imgz_name *map;    /* its whole folder */
};

void imgz_confined_begin(struct imgz_job *job, const struct imgz_confined *kept);

#endif /* IMGZ_CONFINED_H */
