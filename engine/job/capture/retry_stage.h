/* SPDX-License-Identifier: MIT */
/*
 * The crew of mend: checks what an image has, reads again what it lacks, packs what has changed,
 * and writes the new image.
 *
 * Threads    prepare() and release() the job's; the bodies run in the crew.
 * Ownership  owns the image that is read, and what it makes; the rest is the job's.
 * Errors     raised.
 */
#ifndef IMGZ_RETRY_STAGE_H
#define IMGZ_RETRY_STAGE_H

#include <time.h>

#include "image/image_writer.h"
#include "io/ddmap/map_tracker.h"
#include "job/capture/retry_resume.h"
#include "job/common/decode_stage.h"
#include "job/common/recorded.h"

struct imgz_mender_hand; /* what a worker has of its own */
struct imgz_mender_was;  /* what a slot held as it came from the image */

struct imgz_mender {
    struct imgz_job *job;
    struct imgz_decode decode;        /* the image as it is */
    const struct imgz_source *source; /* its on_error is ZERO */
    const struct imgz_badlist *missing;
    struct imgz_output *output;               /* the image as it will be */
    struct imgz_earlier earlier;              /* as much of that as is there already */
    struct imgz_mapkeep *partial_map;         /* what it lacks as it grows */
    char recorded[IMGZ_RECORDED_NAMES_BYTES]; /* digests that the image as it is has */
    time_t start_time;

    /* Made by prepare(). */
    struct imgz_mender_hand *hands; /* one per worker */
    struct imgz_mender_was *was;    /* one per slot, of the slot's owner */
    unsigned char *was_raw;         /* a chunk for each slot, if digests are recorded */

    /* Owned by the drain. */
    struct imgz_tally *old_tally; /* over what the image held: proves it as a whole */
    struct imgz_image_writer writer;
    struct imgz_meta meta;
    uint64_t regained_bytes; /* so much could be read; 0: the output is not whole, nor needed */
};

/* For an image and a source that are open. */
IMGZ_MUST_CHECK int imgz_mender_prepare(struct imgz_mender *mender);
void imgz_mender_release(struct imgz_mender *mender);

/* Their context is the mender. */
extern const struct imgz_job_bodies imgz_mender_bodies;

#endif /* IMGZ_RETRY_STAGE_H */
