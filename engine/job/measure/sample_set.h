/* SPDX-License-Identifier: MIT */
/*
 * What the bench measures on: chunks of a file or device, spread evenly over everything but holes,
 * or of the built-in mix. They are in memory, raw and packed.
 *
 * Threads    made and loaded by one; then read by any. A chunk's packed form is written by the one
 *            that packs it.
 * Errors     raised.
 * Blocking   create and load read the source; they can be cancelled.
 * Memory     all in create(): at most 64 MiB of raw chunks, and as much of packed ones.
 */
#ifndef IMGZ_SAMPLE_SET_H
#define IMGZ_SAMPLE_SET_H

#include "image/chunk_decoder.h"
#include "image/chunk_encoder.h"
#include "io/source/source.h"
#include "job/common/job.h"

struct imgz_sample_set_chunk {
    uint64_t source_offset;
    uint64_t data_offset;  /* of data in it: where to look whether it is cached */
    uint32_t raw_bytes;    /* chunk_bytes, or less at the end of the source */
    uint32_t stored_bytes; /* of the packed form: note and segment */
    bool zero;             /* as packing found */
};

struct imgz_sample_set {
    uint32_t chunk_bytes;
    uint32_t chunk_count;
    uint32_t step;         /* from one chunk to the next, see imgz_sample_set_at() */
    uint64_t stored_room;  /* bytes for a chunk's packed form */
    uint64_t source_bytes; /* 0: the mix */
    uint64_t hole_bytes;   /* of the source */
    uint64_t raw_bytes;    /* of all chunks */
    uint64_t zero_bytes;   /* of them */
    struct imgz_sample_set_chunk *chunks;
    unsigned char *raw;
    unsigned char *stored;
};

/* Chooses chunks of 'source', or of the mix if it is NULL, and gets memory for them. 'samples' may
 * be uninitialized; call fini in any case. */
IMGZ_MUST_CHECK int imgz_sample_set_create(struct imgz_sample_set *samples,
                                           const struct imgz_source *source, uint32_t chunk_bytes,
                                           struct imgz_latch *latch);
void imgz_sample_set_fini(struct imgz_sample_set *samples);

/* Fills the raw chunks, and the room for packed ones with zeros. */
IMGZ_MUST_CHECK int imgz_sample_set_load(struct imgz_sample_set *samples,
                                         const struct imgz_source *source,
                                         struct imgz_latch *latch);

/* How much of the chosen data lies in the page cache, in percent; UINT32_MAX if it is not known. */
uint32_t imgz_sample_set_cached_percent(const struct imgz_sample_set *samples,
                                        const struct imgz_source *cached_source);

/* The chunk of the 'turn'-th turn: any chunk_count turns in a row see each once, and the first few
 * lie far apart. */
uint32_t imgz_sample_set_at(const struct imgz_sample_set *samples, uint64_t turn);

static inline unsigned char *imgz_sample_set_raw(const struct imgz_sample_set *samples,
                                                 uint32_t index)
{
    return samples->raw + (uint64_t)index * samples->chunk_bytes;
}

static inline unsigned char *imgz_sample_set_stored(const struct imgz_sample_set *samples,
                                                    uint32_t index)
{
    return samples->stored + index * samples->stored_room;
}

/* Packs a chunk into the slot's stored buffer, as a capture would; '*image_bytes' is what it costs
 * in an image. Returns what the worker of a capture would find wrong. */
enum imgz_fault imgz_sample_set_pack(const struct imgz_sample_set *samples, uint32_t index,
                                     const struct imgz_chunk_encoder *encoder,
                                     const struct imgz_slot *slot, uint64_t *image_bytes);

/* The same, and proves that the raw bytes come out of it again (IMGZ_FAULT_NONE). Keeps it as the
 * chunk's packed form if 'keep'. */
struct imgz_sample_set_proof {
    const struct imgz_chunk_encoder *encoder;
    const struct imgz_chunk_decoder *decoder;
    bool keep;
};
enum imgz_fault imgz_sample_set_prove(struct imgz_sample_set *samples, uint32_t index,
                                      const struct imgz_sample_set_proof *proof,
                                      const struct imgz_slot *slot, uint64_t *image_bytes);

/* Brings a chunk's packed form into the slot and inflates and checks it there, as the workers of
 * verify and restore do. */
void imgz_sample_set_unpack(const struct imgz_sample_set *samples, uint32_t index,
                            const struct imgz_chunk_decoder *decoder, struct imgz_slot *slot);

/* ---- Jobs on a sample set ----------------------------------------------------------------- */

/* Prepares a job whose slots hold one chunk each. Errors are raised. */
IMGZ_MUST_CHECK int imgz_sample_set_prepare_job(const struct imgz_sample_set *samples,
                                                struct imgz_job *job);

#endif /* IMGZ_SAMPLE_SET_H */
