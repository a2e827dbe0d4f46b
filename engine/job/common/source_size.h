/* SPDX-License-Identifier: MIT */
/*
 * Checks that a source has the size it must have (options->source_bytes). A pipe that is cut short
 * looks like one that ends: only this tells them apart.
 *
 * Place: used by capture and retry.
 *
 * Threads    check_opened(): the job's; the others: the drain's.
 * Errors     raised on the first-error latch, and returned: -EBADMSG. Without an expected size
 *            nothing fails.
 */
#ifndef IMGZ_SOURCE_SIZE_H
#define IMGZ_SOURCE_SIZE_H

#include "io/source/source.h"
#include "job/common/job.h"

/* Before anything is read: a file or device must have the size. */
IMGZ_MUST_CHECK int imgz_source_size_check_opened(const struct imgz_job *job,
                                                  const struct imgz_source *source);

/* 'bytes' have been read: they must not be too many. */
IMGZ_MUST_CHECK int imgz_source_size_check_grown(const struct imgz_job *job,
                                                 const struct imgz_source *source, uint64_t bytes);

/* It ended after 'bytes': they must not be too few. */
IMGZ_MUST_CHECK int imgz_source_size_check_ended(const struct imgz_job *job,
                                                 const struct imgz_source *source, uint64_t bytes);

#endif /* IMGZ_SOURCE_SIZE_H */
