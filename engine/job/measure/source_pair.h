/* SPDX-License-Identifier: MIT */
/*
 * A file or block device opened in both ways: past the page cache, and through it.
 *
 * Threads    one at a time.
 * Errors     raised on the job's latch.
 */
#ifndef IMGZ_SOURCE_PAIR_H
#define IMGZ_SOURCE_PAIR_H

#include "io/source/source.h"
#include "job/common/job.h"

/* Each is open, or NULL. */
struct imgz_source_pair {
    struct imgz_source *direct;
    struct imgz_source *cached;
};

/* Opens what the job's options ask for: AUTO opens a device directly, and a file in both ways if
 * its file system can. Close 'pair' in any case. */
IMGZ_MUST_CHECK int imgz_source_pair_open(struct imgz_source_pair *pair, const char *path,
                                          struct imgz_job *job);
void imgz_source_pair_close(struct imgz_source_pair *pair);

/* The direct one, or the other; NULL if none is open. */
struct imgz_source *imgz_source_pair_best(struct imgz_source_pair *pair);

#endif /* IMGZ_SOURCE_PAIR_H */
