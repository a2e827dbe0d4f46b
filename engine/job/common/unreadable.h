/* SPDX-License-Identifier: MIT */
/*
 * What an image lacks of its disk: according to a map of the disk, and to the image's metadata.
 *
 * Place: a retry calls find() before it starts. Every job that reads all of an image calls tell(),
 * for its report.
 *
 * Threads    any; no state.
 * Errors     -ENOMEM; -EBADMSG if the metadata cannot be understood.
 */
#ifndef IMGZ_UNREADABLE_H
#define IMGZ_UNREADABLE_H

#include "image/image.h"
#include "io/ddmap/mapfile.h"
#include "job/common/job.h"

/* What an image's metadata says. */
struct imgz_unreadable_record {
    struct imgz_range_list listed; /* the first ranges, at least those of IMGZ_UNREADABLE_MAX */
    uint64_t unlisted_bytes;       /* in further ranges */
    uint64_t unlisted_count;       /* ... how many */
};

/* Reads it from the metadata of a disk of 'size_bytes'. On success the caller ends 'listed'. */
IMGZ_MUST_CHECK int imgz_unreadable_read(const struct imgz_meta *meta, uint64_t size_bytes,
                                         struct imgz_unreadable_record *record);

/* Fills it in for the job's report, once the image was read to its end. What cannot be understood
 * is left out and logged, as the disk may be fine. -ENOMEM is raised.
 */
IMGZ_MUST_CHECK int imgz_unreadable_tell(const struct imgz_image *image, struct imgz_job *job);

/* Fills an empty list with whole sectors of all that the map does not call finished, and of all
 * that the metadata calls unreadable, as either may be wrong. Of ranges that an image does not list
 * only the number of bytes is known. Unless the map has as many, everything after the listed ones
 * is missing. */
IMGZ_MUST_CHECK int imgz_unreadable_find(const struct imgz_mapfile *map,
                                         const struct imgz_meta *meta, uint64_t size_bytes,
                                         struct imgz_range_list *list);

#endif /* IMGZ_UNREADABLE_H */
