/* SPDX-License-Identifier: MIT */
/*
 * Compares a raw disk, or the disk in another image, with an image: imgz_verify() with 'against'.
 *
 * Threads    the caller's.
 * Errors     raised; -EBADMSG if they differ, after the whole disk was read.
 */
#ifndef IMGZ_COMPARE_H
#define IMGZ_COMPARE_H

#include "job/common/job.h"

IMGZ_MUST_CHECK int imgz_compare_image(struct imgz_job *job, const char *image,
                                       const char *against);

#endif /* IMGZ_COMPARE_H */
