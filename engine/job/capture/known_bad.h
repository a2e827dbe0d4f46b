/* SPDX-License-Identifier: MIT */
/*
 * What an interrupted run could not read. Zeros stand for it in the file that it left, which is
 * marked then (tempfile.h); only the map that was kept with it knows where. Without that the file
 * is refused. With a map, what lies behind its end is not to be taken over, marked or not: a mark
 * may get lost when the file is copied.
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
    const struct imgz_sink *output;   /* was taken over */
    const struct imgz_name *map_name; /* NULL, or not there: the file must not be marked */
    uint64_t size_bytes;              /* of the disk */
};

/* Zero, nothing is known of. */
struct imgz_known_bad {
    struct imgz_range_list bad; /* all that the map has; behind end_bytes, too */
    uint64_t end_bytes;         /* of the disk: what lies behind must not be taken over */
};

/* 'unread' may be uninitialized; in any case to be ended by fini. */
IMGZ_MUST_CHECK int imgz_known_bad_load(struct imgz_known_bad *known_bad, struct imgz_job *job,
                                        const struct imgz_known_bad_config *config);
void imgz_known_bad_fini(struct imgz_known_bad *known_bad);

/* Adds to job->unreadable what could not be read of the first 'bytes' of the disk. */
IMGZ_MUST_CHECK int imgz_known_bad_add(const struct imgz_known_bad *known_bad, struct imgz_job *job,
                                       uint64_t bytes);

#endif /* IMGZ_KNOWN_BAD_H */
