/* SPDX-License-Identifier: MIT */
/*
 * The threads of a retry: they check what an image has, read again what it lacks, encode what has
 * changed, and write the new image.
 *
 * Threads    prepare() and release() the job's; the bodies run in the threads.
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

struct imgz_retry_worker;    /* the private state of one worker */
struct imgz_retry_stage_was; /* what a slot held as it came from the image */

struct imgz_retry_stage {
    struct imgz_job *job;
    struct imgz_decode_stage decode;  /* the old image */
    const struct imgz_source *source; /* its on_error is ZERO */
    const struct imgz_range_list *missing;
    struct imgz_sink *output;                 /* the new image */
    struct imgz_retry_resume earlier;         /* what of that is there already */
    struct imgz_map_tracker *partial_map;     /* what the new image lacks as it grows */
    char recorded[IMGZ_RECORDED_NAMES_BYTES]; /* digests that the old image has */
    time_t start_time;

    /* Made by prepare(). */
    struct imgz_retry_worker *workers; /* one per worker */
    struct imgz_retry_stage_was *was;  /* one per slot, of the slot's owner */
    unsigned char *was_raw;            /* a chunk for each slot, if digests are recorded */

    /* Owned by the drain. */
    struct imgz_totals *old_tally; /* over what the image held: proves it as a whole */
    struct imgz_image_writer writer;
    struct imgz_meta meta;
    uint64_t regained_bytes; /* could be read now; 0: the output is not complete, nor needed */
};

/* For an image and a source that are open. */
IMGZ_MUST_CHECK int imgz_retry_stage_prepare(struct imgz_retry_stage *stage);
void imgz_retry_stage_release(struct imgz_retry_stage *stage);

/* Their context is the retry stage. */
extern const struct imgz_job_bodies imgz_retry_stage_bodies;

#endif /* IMGZ_RETRY_STAGE_H */
