/* SPDX-License-Identifier: MIT */
/*
 * Goes on from what an interrupted capture left, if that is of the disk that is captured now.
 *
 * Samples show whether the disk is the same (same_disk.h). A map says what could not be read
 * (known_bad.h).
 *
 * Threads    the job's; threads of its own while it runs.
 * Errors     raised: -EEXIST for another disk, or another chunk size; -EINVAL without the map that
 *            is needed; otherwise the system's.
 */
#ifndef IMGZ_RESUME_H
#define IMGZ_RESUME_H

#include "io/source/source.h"
#include "job/capture/known_bad.h"
#include "job/capture/valid_prefix.h"

struct imgz_resume_config {
    const struct imgz_sink *output; /* left by an interrupted run */
    const struct imgz_source *source;
    struct imgz_frame_header header;  /* what the image begins with */
    const struct imgz_name *map_name; /* of the map that was kept with it, or NULL */
};

/* All zero: there was nothing. */
struct imgz_resume {
    struct imgz_valid_prefix whole;
    struct imgz_known_bad known_bad; /* 'whole' may end before some of it */
};

/* True if a file with these first bytes is an image, or what a run left of one: for the output. */
bool imgz_resume_begins(const unsigned char *head, size_t bytes);

/* As imgz_valid_prefix_find(); job->unreadable, too, counts what is there. */
IMGZ_MUST_CHECK int imgz_resume_find(struct imgz_resume *leftover, struct imgz_job *job,
                                     const struct imgz_resume_config *config);
void imgz_resume_fini(struct imgz_resume *leftover);

#endif /* IMGZ_RESUME_H */
