/* SPDX-License-Identifier: MIT */
/*
 * Measures how fast disks are restored to a folder: chunks of a sample set are inflated, checked
 * and written to a temporary file by the writer of a restore, and flushed. The file is removed
 * again.
 *
 * Threads    run() is called by one thread and starts the others.
 * Errors     as a job's: run() fills in 'error'.
 * Blocking   run(), about as long as the slice and the flush.
 */
#ifndef IMGZ_WRITE_RATE_H
#define IMGZ_WRITE_RATE_H

#include "job/measure/sample_set.h"

struct imgz_write_rate {
    const struct imgz_sample_set *samples; /* packed */
    const char *folder;
    uint64_t slice_ns;
    uint64_t bytes_max; /* of the file; also no more than a quarter of what is free there */

    /* Filled in by run(). */
    uint64_t raw_bytes;  /* restored: as data, or as a hole where it is zeros */
    uint64_t elapsed_ns; /* with the flush */
};

IMGZ_MUST_CHECK int imgz_write_rate_run(struct imgz_write_rate *rate,
                                        const struct imgz_options *options,
                                        struct imgz_error *error);

#endif /* IMGZ_WRITE_RATE_H */
