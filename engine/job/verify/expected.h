/* SPDX-License-Identifier: MIT */
/*
 * The hashes that the chunks of a disk must have, as an image says: a disk is compared with them
 * item by item.
 *
 * Place: the drain of a comparison, with a raw source (compare_stage.h) or with the disk in another
 * image (compare_images.h).
 *
 * Threads    one.
 * Errors     what differs is counted in job->report: bad_chunk_count, and bad_offset of the first.
 *            Another size is raised by the caller: -EBADMSG.
 */
#ifndef IMGZ_EXPECTED_H
#define IMGZ_EXPECTED_H

#include "image/image.h"
#include "job/common/job.h"

struct imgz_expected {
    struct imgz_job *job;
    const struct imgz_image *image;
    struct imgz_totals *totals; /* of the image's chunk size: it knows the hashes of zeros */
    struct imgz_index_cursor cursor;
    struct imgz_index_item item; /* of the image: the one that holds what was compared last */
};

/* The image's index, hashes and end are loaded, and outlive the comparison; so does 'totals'. */
void imgz_expected_begin(struct imgz_expected *expected, struct imgz_job *job,
                         const struct imgz_image *image, struct imgz_totals *totals);

/* Compares the next zeros, or the next chunk of data, which has the image's chunk size and its
 * hash. It lies within the image's disk. */
void imgz_expected_match(struct imgz_expected *expected, const struct imgz_slot *slot);

/* Counts 'count' chunks that differ, the first at 'offset'. */
void imgz_expected_count(struct imgz_expected *expected, uint64_t offset, uint32_t count);

/* Raises that 'source' holds a disk of 'disk_bytes' or more, which is not the image's size. */
int imgz_expected_raise_size(const struct imgz_expected *expected, const struct imgz_source *source,
                             uint64_t disk_bytes);

#endif /* IMGZ_EXPECTED_H */
