/* SPDX-License-Identifier: MIT */
/*
 * Compares a raw source with an image, chunk by chunk: source -> reader -> workers (zero test,
 * XXH3-128) -> comparison with the hashes in the image. With IMGZ_FLAG_PARANOID the workers inflate
 * the image's chunk as well, and compare bytes.
 *
 * Place: what verify --against and restore --read-back share.
 *
 * Threads    the caller's.
 * Errors     raised: the source cannot be read, or does not have the size of the disk in the image;
 *            the image's chunk is bad. Chunks that differ are counted in job->report:
 *            bad_chunk_count, and bad_offset of the first.
 */
#ifndef IMGZ_COMPARE_STAGE_H
#define IMGZ_COMPARE_STAGE_H

#include "image/image.h"
#include "io/source/overlay.h"
#include "job/common/job.h"

/* The image's index, hashes and end are loaded. Completes job->sum, of the source, which is taken
 * to have what is in 'overlay' (may be NULL). */
IMGZ_MUST_CHECK int imgz_compare_stage_run(struct imgz_job *job, const struct imgz_image *image,
                                           struct imgz_source *source,
                                           const struct imgz_overlay *overlay);

#endif /* IMGZ_COMPARE_STAGE_H */
