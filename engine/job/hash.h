/* SPDX-License-Identifier: MIT */
/*
 * Hashing a raw disk: the reader and the work of imgz_hash() and of comparing.
 *
 * Threads    as the crew.
 * Errors     raised.
 */
#ifndef IMGZ_HASH_JOB_H
#define IMGZ_HASH_JOB_H

#include "io/source.h"
#include "job/job.h"

/* Line and tally for hashing 'size_bytes' of a source. */
IMGZ_MUST_CHECK int imgz_hash_prepare(struct imgz_job *job, uint32_t chunk_bytes,
                                      uint64_t size_bytes);

/* The crew's bodies. */
IMGZ_MUST_CHECK int imgz_hash_feed(struct imgz_job *job, struct imgz_source *source,
                                   uint64_t size_bytes);
void imgz_hash_work(struct imgz_slot *slot);

#endif /* IMGZ_HASH_JOB_H */
