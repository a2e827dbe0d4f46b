/* SPDX-License-Identifier: MIT */
/*
 * Whether a source is the disk that an image, or the beginning of one, was made of.
 *
 * Samples decide: some chunks, spread evenly over the image, and some places of its zeros are read
 * again and compared. What cannot be read now, and what could not be read then, proves nothing
 * either way.
 *
 * Threads    the job's; reads in a thread of its own, which is left behind if the source hangs.
 * Errors     raised.
 */
#ifndef IMGZ_SAME_DISK_H
#define IMGZ_SAME_DISK_H

#include "format/index.h"
#include "io/source/source.h"
#include "job/common/job.h"

/* What it points to must outlive a thread that is left behind, as all that a job holds does. */
struct imgz_same_disk {
    const struct imgz_source *source;
    const struct imgz_index *index;          /* with its hashes */
    enum imgz_hash_kind hash;                /* which those are */
    uint64_t raw_bytes;                      /* of the disk, which the index covers */
    const struct imgz_range_list *known_bad; /* the image has zeros for it, or may have */
};

/* -EEXIST, not raised: it has other bytes, somewhere in the chunk at '*offset'. If that is
 * overridden (IMGZ_OVERRIDE_CHANGED), nothing is looked at. */
IMGZ_MUST_CHECK int imgz_same_disk_compare(const struct imgz_same_disk *samples,
                                           struct imgz_job *job, uint64_t *offset);

#endif /* IMGZ_SAME_DISK_H */
