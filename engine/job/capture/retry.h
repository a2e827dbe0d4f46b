/* SPDX-License-Identifier: MIT */
/*
 * Retries a capture: reads again, from the source, what an image lacks and nothing else.
 *
 *     image -> feeder -> workers (check, read again, encode) -> image writer -> image
 *
 * Everything that is not read again comes from the image, each chunk checked by its hash; chunks
 * that do not change are copied as they are stored. Samples show whether the source is the disk
 * that the image was made of (same_disk.h). The map on disk always describes the image on disk: it
 * is saved after the new image has replaced the old one.
 *
 * Threads    the caller's.
 * Errors     as imgz_capture().
 */
#ifndef IMGZ_RETRY_H
#define IMGZ_RETRY_H

#include "job/common/job.h"

/* True if a capture to 'image' is a retry: image and map exist, and no option says to replace
 * them. */
bool imgz_retry_wanted(const char *image, const struct imgz_job_request *request);

/* As imgz_capture(). */
IMGZ_MUST_CHECK int imgz_retry(const char *source, const char *image,
                               const struct imgz_job_request *request);

#endif /* IMGZ_RETRY_H */
