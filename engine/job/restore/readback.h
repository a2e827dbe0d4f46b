/* SPDX-License-Identifier: MIT */
/*
 * Reads back what a restore wrote, not from the page cache but from the drive, and compares it with
 * the hashes in the image. That detects a drive that does not keep what it acknowledged
 * (counterfeit flash, a cache that lies, worn cells) before the job ends.
 *
 * Place: restore, after the flush and before the commit.
 *
 * Threads    the caller's.
 * Errors     raised; -EBADMSG where chunks differ, with the offset of the first.
 */
#ifndef IMGZ_READBACK_H
#define IMGZ_READBACK_H

#include "image/image.h"
#include "io/sink/sink.h"
#include "job/common/job.h"

/* 'output' is a file or device, flushed; the image is loaded, or was read to its end. */
IMGZ_MUST_CHECK int imgz_readback_run(struct imgz_job *job, const struct imgz_image *image,
                                      const struct imgz_sink *output);

#endif /* IMGZ_READBACK_H */
