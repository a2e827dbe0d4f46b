/* SPDX-License-Identifier: MIT */
/*
 * What an interrupted run could not read. The file that it left has zeros for it, and is marked
 * then (tempfile.h); only the map that was kept with it says where. Without that a marked file is
 * refused. With a map, nothing after the map's end is kept, marked or not: a mark may get lost when
 * the file is copied.
 *
 * Threads    the job's.
 * Ownership  owns the list.
 * Errors     raised: -EINVAL without the map that is needed, -EEXIST for one of a larger disk;
 *            otherwise the system's.
 */
#ifndef IMGZ_KNOWN_BAD_H
#define IMGZ_KNOWN_BAD_H

#include "base/range_list.h"
#include "io/sink/sink.h"
#include "job/common/job.h"

struct imgz_known_bad_config {
    const struct imgz_sink *output;   /* left by an interrupted run */
    const struct imgz_name *map_name; /* NULL, or not there: the file must not be marked */
    uint64_t size_bytes;              /* of the disk */
};

/* All zero: nothing is known. */
struct imgz_known_bad {
    struct imgz_range_list bad; /* all that the map has, even after end_bytes */
    uint64_t end_bytes;         /* of the disk: what follows must not be kept */
};

/* 'known_bad' may be uninitialized; call fini in any case. */
IMGZ_MUST_CHECK int imgz_known_bad_load(struct imgz_known_bad *known_bad, struct imgz_job *job,
                                        const struct imgz_known_bad_config *config);
void imgz_known_bad_fini(struct imgz_known_bad *known_bad);

/* Adds to job->unreadable what could not be read of the first 'bytes' of the disk. */
IMGZ_MUST_CHECK int imgz_known_bad_add(const struct imgz_known_bad *known_bad, struct imgz_job *job,
                                       uint64_t bytes);

#endif /* IMGZ_KNOWN_BAD_H */
