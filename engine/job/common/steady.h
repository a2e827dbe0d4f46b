/* SPDX-License-Identifier: MIT */
/*
 * Whether a source changes while it is read. The image may then have old pages beside new ones.
 * imgz cannot prevent that, so it warns.
 *
 * Place: capture, retry, hash and compare, around what they read.
 *
 * Threads    the job's own.
 * Errors     none: what is not known is not reported. The beginning looks for who may write, the
 *            end for what was written.
 */
#ifndef IMGZ_STEADY_H
#define IMGZ_STEADY_H

#include "io/sink/sink.h"
#include "io/source/source.h"
#include "job/common/job.h"

struct imgz_steady {
    const struct imgz_source *source; /* NULL: not begun */
    uint64_t written_bytes;           /* to the device since the system started */
    bool written_known;
};

/* With the source open. 'output': what is written meanwhile; NULL: nothing. */
void imgz_steady_begin(struct imgz_steady *steady, struct imgz_job *job,
                       const struct imgz_source *source, const struct imgz_sink *output);

/* With the source still open. */
void imgz_steady_end(struct imgz_steady *steady, struct imgz_job *job);

#endif /* IMGZ_STEADY_H */
