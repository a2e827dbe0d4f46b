/* SPDX-License-Identifier: MIT */
/*
 * How large a source is to be, by the word of whoever started the job (options->source_bytes). A
 * pipe that ends early looks like one that ends: only this tells them apart.
 *
 * Place: used by capture and retry.
 *
 * Threads    opened(): the job's; the others: the drain's.
 * Errors     raised on the first-error latch, and returned: -EBADMSG. All is well where nothing is
 *            expected.
 */
#ifndef IMGZ_SOURCE_SIZE_H
#define IMGZ_SOURCE_SIZE_H

#include "io/source/source.h"
#include "job/common/job.h"

/* Before anything is read: a file or device must have the size. */
IMGZ_MUST_CHECK int imgz_source_size_check_opened(const struct imgz_job *job,
                                                  const struct imgz_source *source);

/* So many bytes have been read: they must not be more. */
IMGZ_MUST_CHECK int imgz_source_size_check_grown(const struct imgz_job *job,
                                                 const struct imgz_source *source, uint64_t bytes);

/* It ended after so many: they must not be fewer. */
IMGZ_MUST_CHECK int imgz_source_size_check_ended(const struct imgz_job *job,
                                                 const struct imgz_source *source, uint64_t bytes);

#endif /* IMGZ_SOURCE_SIZE_H */
