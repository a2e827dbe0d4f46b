/* SPDX-License-Identifier: MIT */
/*
 * What hash and compare share: reading a raw disk and hashing its chunks.
 *
 * Threads    as the crew: work() runs in the workers, feed() in the feeder.
 * Errors     raised.
 */
#ifndef IMGZ_SCAN_H
#define IMGZ_SCAN_H

#include "io/source.h"
#include "job/job.h"

/* Line and tally for 'size_bytes' of a source, in chunks of 'chunk_bytes'. */
IMGZ_MUST_CHECK int imgz_scan_prepare(struct imgz_job *job, uint32_t chunk_bytes,
                                      uint64_t size_bytes);

/* The crew's bodies. */
IMGZ_MUST_CHECK int imgz_scan_feed(struct imgz_job *job, struct imgz_source *source,
                                   uint64_t size_bytes);
void imgz_scan_work(struct imgz_slot *slot);

#endif /* IMGZ_SCAN_H */
