/* SPDX-License-Identifier: MIT */
/*
 * What hash and compare share: reading a raw disk and hashing its chunks.
 *
 * Threads    feed() runs in the feeder, work() in the workers, accept() in the drain; the rest in
 *            the caller's thread.
 * Errors     raised.
 */
#ifndef IMGZ_HASH_STAGE_H
#define IMGZ_HASH_STAGE_H

#include "checksum/hasher.h"
#include "io/source/overlay.h"
#include "io/source/source.h"
#include "job/common/job.h"

/* The private state of one worker. */
struct imgz_hash_stage_worker {
    struct imgz_hasher *hasher;
    unsigned char *piece; /* see hash_stage.c */
};

struct imgz_hash_stage {
    struct imgz_job *job;
    struct imgz_source *source;
    const struct imgz_overlay *overlay; /* replaces some of what it has; NULL: nothing */
    uint64_t size_bytes; /* to read: the source's, or less; IMGZ_SIZE_UNKNOWN for a stream */
    bool raw_wanted;     /* the raw bytes are left in the slot */

    /* Made by prepare(). */
    enum imgz_hash_kind hash;
    struct imgz_hash_stage_worker *workers;
    unsigned char *pieces; /* the workers' */
    uint32_t worker_count;
};

/* Makes pipeline and totals for the source, in chunks of 'chunk_bytes'. Release it in any case. */
IMGZ_MUST_CHECK int imgz_hash_stage_prepare(struct imgz_hash_stage *scan, uint32_t chunk_bytes,
                                            enum imgz_hash_kind hash);
void imgz_hash_stage_release(struct imgz_hash_stage *scan);

/* The threads' bodies. */
IMGZ_MUST_CHECK int imgz_hash_stage_feed(struct imgz_hash_stage *scan);
void imgz_hash_stage_work(struct imgz_hash_stage *scan, uint32_t worker_index,
                          struct imgz_slot *slot);

/* For the drain: counts an item, or tells why it could not be read. */
IMGZ_MUST_CHECK int imgz_hash_stage_accept(struct imgz_hash_stage *scan,
                                           const struct imgz_slot *slot);

#endif /* IMGZ_HASH_STAGE_H */
