/* SPDX-License-Identifier: MIT */
/*
 * Compares the disks in two images: imgz_verify() with an image as 'against'.
 *
 * The other image is decoded and checked as verify does. Its chunks are compared with the hashes of
 * the first (expected.h), of which only these are read.
 *
 * Threads    the caller's.
 * Errors     raised: the other image is bad, or its disk has another size. Chunks that differ are
 *            counted, as imgz_compare_stage_run() does. -EOPNOTSUPP with IMGZ_FLAG_PARANOID.
 */
#ifndef IMGZ_COMPARE_IMAGES_H
#define IMGZ_COMPARE_IMAGES_H

#include "image/image.h"
#include "job/common/job.h"

/* 'image' is loaded with its hashes. 'other' is open, and stays the caller's. Completes job->sum:
 * of the other's disk, in chunks of the size that 'image' has. */
IMGZ_MUST_CHECK int imgz_compare_images_run(struct imgz_job *job, const struct imgz_image *image,
                                            struct imgz_source *other);

#endif /* IMGZ_COMPARE_IMAGES_H */
