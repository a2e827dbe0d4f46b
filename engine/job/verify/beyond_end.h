/* SPDX-License-Identifier: MIT */
/*
 * What a device has after the end of the disk that is compared with it.
 *
 * Place: verify --against, when the disk itself was found equal.
 *
 * Threads    the job's; reads in a thread of its own, so that it can be cancelled.
 * Errors     raised: -ENOMEM and -ECANCELED. What cannot be read is not known, and logged.
 * Blocking   while it reads as much as the disk has, or 1 GiB if that is more.
 */
#ifndef IMGZ_BEYOND_END_H
#define IMGZ_BEYOND_END_H

#include "io/source/source.h"
#include "job/common/job.h"

/* Fills in the job's figures of the rest, after the first 'disk_bytes' of the source, a device. */
IMGZ_MUST_CHECK int imgz_beyond_end_look(struct imgz_job *job, const struct imgz_source *source,
                                         uint64_t disk_bytes);

#endif /* IMGZ_BEYOND_END_H */
