/* SPDX-License-Identifier: MIT */
/*
 * Makes note and segment of one chunk of a disk: the work of capture.
 *
 * Place: queue -> [chunk encoder] -> order.
 *
 * Threads    a worker's; the encoder is its own.
 * Errors     none: what is wrong is noted in slot->fault, to be reported in disk order.
 */
#ifndef IMGZ_CHUNK_ENCODER_H
#define IMGZ_CHUNK_ENCODER_H

#include "checksum/hasher.h"
#include "codec/deflate.h"
#include "image/chunk_decoder.h"
#include "io/source/source.h"
#include "pipeline/slot.h"

/* What a worker encodes with: its own. */
struct imgz_chunk_encoder {
    struct imgz_deflate *deflate;
    struct imgz_hasher *hasher;
    struct imgz_chunk_decoder decoder; /* for what comes encoded, if raw bytes are wanted */
};

/* About how much memory one takes. */
uint64_t imgz_chunk_encoder_bytes(int level);

/* 0, or -ENOMEM. 'level' must be valid; 'hash' is the image's. Call fini in any case. */
IMGZ_MUST_CHECK int imgz_chunk_encoder_init(struct imgz_chunk_encoder *encoder, int level,
                                            enum imgz_hash_kind hash);
/* Of what comes encoded, the raw bytes are wanted, too. 0, or -ENOMEM. */
IMGZ_MUST_CHECK int imgz_chunk_encoder_want_raw(struct imgz_chunk_encoder *encoder,
                                                enum imgz_hash_kind hash);
void imgz_chunk_encoder_fini(struct imgz_chunk_encoder *encoder);

/* The slot holds raw bytes, or is of kind ZERO already; or a source has encoded it, and then it is
 * checked (IMGZ_FAULT_NOTE and so on). Afterwards it is of kind ZERO if all of
 * them are zero; otherwise note and segment are in the stored buffer, which has room for
 * IMGZ_NOTE_CARRIER_BYTES + imgz_deflate_bound(raw_bytes), or slot->fault is set. */
void imgz_chunk_encode_slot(const struct imgz_chunk_encoder *encoder, struct imgz_slot *slot);

/* The same without note and segment: raw_hash alone. */
void imgz_chunk_hash_slot(struct imgz_hasher *hasher, struct imgz_slot *slot);

/* Makes note and segment of a run of zeros, slot->raw_bytes of them, in the stored buffer. */
void imgz_chunk_encode_zeros(struct imgz_slot *slot);

/* For the drain: raises the error of a slot with IMGZ_FAULT_CODEC, whose raw bytes are of 'source'.
 */
int imgz_chunk_encode_raise(struct imgz_latch *latch, const struct imgz_source *source, int level,
                            const struct imgz_slot *slot);

#endif /* IMGZ_CHUNK_ENCODER_H */
