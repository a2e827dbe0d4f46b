/* SPDX-License-Identifier: MIT */
/*
 * What restore and verify share: an image, its inflaters, and what its chunks must add up to.
 *
 * Threads    work() runs in the workers, feed() in the feeder, the rest in the caller's thread or
 *            the drain.
 * Errors     raised.
 */
#ifndef IMGZ_DECODE_STAGE_H
#define IMGZ_DECODE_STAGE_H

#include "image/chunk_decoder.h"
#include "image/image_feeder.h"
#include "job/common/job.h"

/* The private state of one worker. The buffers are lent to the slots that have none, see
 * decode_stage.c. */
struct imgz_decode_stage_worker {
    struct imgz_chunk_decoder decoder; /* empty to scrub */
    unsigned char *raw;
    unsigned char *stored;
    uint8_t *zero_map;
    unsigned char *piece; /* to read a target; see unchanged.h */
};

struct imgz_decode_stage {
    struct imgz_image image;
    bool raw_wanted; /* the raw bytes go on to the drain: to be written, or for digests */
    bool scrub;      /* nothing is inflated: only what is stored is checked */
    bool by_stored;  /* progress counts what is stored */
    bool continues;  /* the run before this one: see imgz_job_needs */

    /* retry: room in a slot's buffers for what is read and encoded again; 0: what the image
     * needs */
    uint64_t raw_bytes_min;
    uint64_t stored_bytes_min;
    uint64_t worker_bytes; /* retry: of what a worker has beside its decoder */

    /* restore: what it holds already is not written; may be NULL */
    const struct imgz_source *target;
    bool by_bytes; /* ... which is found by its bytes, not by hashes */

    uint32_t zero_cost; /* what zeros cost the target: see pipeline/meter.h; 0: next to nothing */

    /* Made by prepare(). */
    struct imgz_decode_stage_worker *workers;
    uint32_t worker_count;
    unsigned char *lent; /* all that is lent */
    uint64_t lent_bytes;
    unsigned char *pieces; /* the workers', or NULL */

    uint64_t hash_index; /* owned by the drain: of the next chunk, in the image's table of hashes */
};

/* For an image that is open: makes pipeline, totals and workers. */
IMGZ_MUST_CHECK int imgz_decode_stage_prepare(struct imgz_decode_stage *decode,
                                              struct imgz_job *job);
/* The work (pipeline/meter.h) in the first 'end_bytes' of the disk. An entry of the index must end
 * there. */
uint64_t imgz_decode_stage_weigh(const struct imgz_decode_stage *decode, const struct imgz_job *job,
                                 uint64_t end_bytes);

void imgz_decode_stage_release(struct imgz_decode_stage *decode);

/* The threads' bodies. */
IMGZ_MUST_CHECK int imgz_decode_stage_feed(struct imgz_decode_stage *decode, struct imgz_job *job);
void imgz_decode_stage_work(struct imgz_decode_stage *decode, uint32_t worker_index,
                            struct imgz_slot *slot);

/* For the drain, with every item in order: the table of hashes must say what the chunk's note says.
 * (A stream's table was compared as a whole by its feeder.) */
void imgz_decode_stage_check_table(struct imgz_decode_stage *decode, struct imgz_slot *slot);

/* After the last item, with job->sum complete: size, CRC-32 and root hash must be what the end
 * record says, and digests what the metadata says. Not in the drain: a stream's end record is known
 * once its feeder has ended. */
IMGZ_MUST_CHECK int imgz_decode_stage_check_sum(const struct imgz_decode_stage *decode,
                                                struct imgz_job *job);

/* The same for a sum that is not the job's. */
IMGZ_MUST_CHECK int imgz_decode_stage_check_total(const struct imgz_decode_stage *decode,
                                                  const struct imgz_job *job,
                                                  const struct imgz_totals_sum *sum);

#endif /* IMGZ_DECODE_STAGE_H */
