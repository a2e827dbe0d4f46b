/* SPDX-License-Identifier: MIT */
/*
 * What an interrupted capture left in its temporary file: how much of it is whole, and whether it
 * is of the disk that is captured now.
 *
 * Nothing in it is trusted. Every item is inflated and held against its hashes, as verify does; the
 * first that is not right ends what is taken over. That the disk is the same is checked by samples:
 * some chunks, evenly from all that is there, are read from the source again. Where zeros stand for
 * what could not be read, the file is marked, and only the map that was kept with it knows: without
 * it the file is refused, and what lies behind the map's end is not taken over.
 *
 * Threads    the job's; a crew of its own while it runs.
 * Errors     raised: -EEXIST for another disk, or another chunk size; -EINVAL without the map that
 * is needed; otherwise the system's.
 */
#ifndef IMGZ_LEFTOVER_H
#define IMGZ_LEFTOVER_H

#include "image/frame.h"
#include "image/index.h"
#include "io/output.h"
#include "io/source.h"
#include "job/job.h"

struct imgz_leftover_config {
    const struct imgz_output *output; /* was taken over */
    const struct imgz_source *source;
    struct imgz_frame_header header; /* what the image will say first */
    const char *map_path;            /* of the map that was kept with it, or NULL */
};

struct imgz_leftover {
    struct imgz_index index; /* of the items; empty, with nothing else set, if there is nothing */
    uint64_t raw_bytes;      /* of the disk, from its start: whole chunks, or all of it */
    uint64_t image_bytes;    /* of the file, with the header */
};

/* job->tally, job->unreadable and the job's figures afterwards count what is there, for a run that
 * continues this one. 'leftover' may be uninitialized; in any case to be ended by fini. */
IMGZ_MUST_CHECK int imgz_leftover_check(struct imgz_job *job,
                                        const struct imgz_leftover_config *config,
                                        struct imgz_leftover *leftover);
void imgz_leftover_fini(struct imgz_leftover *leftover);

#endif /* IMGZ_LEFTOVER_H */
