/* SPDX-License-Identifier: MIT */
/*
 * Mends an image: goes back to its source for what it lacks, and for nothing else.
 *
 *     image -> feeder -> workers (check, read again, pack) -> image writer -> image
 *
 * Everything that is not read again comes from the image, each chunk checked by its hash; chunks
 * that do not change are copied as they are stored. That the source is the disk the image was made
 * of is checked by samples (same_disk.h). The map on disk always tells of the image on disk: it is
 * saved after the new image has replaced the old one.
 *
 * Threads    the caller's.
 * Errors     as imgz_capture().
 */
#ifndef IMGZ_RETRY_H
#define IMGZ_RETRY_H

#include "job/common/job.h"

/* True if a capture to 'image' is to mend it: both it and a map are there, and nothing says that
 * they are to be replaced. */
bool imgz_retry_wanted(const char *image, const struct imgz_job_request *request);

/* As imgz_capture(). */
IMGZ_MUST_CHECK int imgz_retry(const char *source, const char *image,
                               const struct imgz_job_request *request);

#endif /* IMGZ_RETRY_H */
