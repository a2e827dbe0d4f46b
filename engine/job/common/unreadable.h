/* SPDX-License-Identifier: MIT */
/*
 * What an image lacks of its disk: by a map of the disk, and by its own word.
 *
 * Place: found by a retry before it starts; asked by its feeder and workers. What an image says
 * itself is in the report of every job that reads all of it.
 *
 * Threads    found by one; asked by any.
 * Errors     -ENOMEM; -EBADMSG where the image's word cannot be understood.
 */
#ifndef IMGZ_UNREADABLE_H
#define IMGZ_UNREADABLE_H

#include "image/image.h"
#include "io/ddmap/mapfile.h"
#include "job/common/job.h"

/* An image's own word. */
struct imgz_unreadable_record {
    struct imgz_range_list listed; /* the first ranges, at least those of IMGZ_UNREADABLE_MAX */
    uint64_t unlisted_bytes;       /* in ranges behind them */
    uint64_t unlisted_count;       /* so many */
};

/* Reads it from the metadata of a disk of 'size_bytes'. On success 'listed' is to be ended. */
IMGZ_MUST_CHECK int imgz_unreadable_read(const struct imgz_meta *meta, uint64_t size_bytes,
                                         struct imgz_unreadable_record *record);

/* Fills it in for the job's report, once the image was read to its end. A word that cannot be
 * understood is left out and logged: it says nothing of the disk that is there. -ENOMEM is raised.
 */
IMGZ_MUST_CHECK int imgz_unreadable_tell(const struct imgz_image *image, struct imgz_job *job);

/* Fills an empty list: whole sectors of all that the map has not as finished, and of all that the
 * metadata names as unreadable. Either may be wrong; what both have is not lost. Of more ranges
 * than an image lists it knows how many bytes they are: without a map that has these, all behind
 * the listed ones is missing. */
IMGZ_MUST_CHECK int imgz_unreadable_find(const struct imgz_mapfile *map,
                                         const struct imgz_meta *meta, uint64_t size_bytes,
                                         struct imgz_range_list *list);

#endif /* IMGZ_UNREADABLE_H */
