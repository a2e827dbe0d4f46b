/* SPDX-License-Identifier: MIT */
/*
 * Measures how fast the reader of a capture reads a source. Its workers read what is left to them
 * and do nothing with it. It reads from the start until a slice of time is over or enough was read;
 * holes do not count.
 *
 * Threads    run() is called by one thread and starts the others.
 * Errors     as a job's: run() fills in 'error'.
 * Blocking   run(), about as long as the slice.
 */
#ifndef IMGZ_READ_RATE_H
#define IMGZ_READ_RATE_H

#include "io/source/source.h"
#include "job/common/job.h"

struct imgz_read_rate {
    struct imgz_source *source; /* a file or a device */
    uint64_t slice_ns;
    uint64_t bytes_max;

    /* Filled in by run(). */
    uint64_t read_bytes;
    uint64_t elapsed_ns; /* 0: there was nothing to read */
};

IMGZ_MUST_CHECK int imgz_read_rate_run(struct imgz_read_rate *rate,
                                       const struct imgz_options *options,
                                       struct imgz_error *error);

#endif /* IMGZ_READ_RATE_H */
