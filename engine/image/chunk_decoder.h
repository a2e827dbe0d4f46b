/* SPDX-License-Identifier: MIT */
/*
 * Checks and inflates one chunk of an image: the work of restore and verify. Or checks only that
 * it is stored as it was written: the work of a scrub.
 *
 * Place: queue -> [chunk decoder] -> order.
 *
 * Threads    a worker's; the decoder is its own.
 * Errors     none: what is wrong is noted in slot->fault, to be reported in disk order.
 */
#ifndef IMGZ_CHUNK_DECODER_H
#define IMGZ_CHUNK_DECODER_H

#include "checksum/hasher.h"
#include "codec/deflate.h"
#include "pipeline/slot.h"

/* What a worker checks with: its own. */
struct imgz_chunk_decoder {
    struct imgz_inflate *inflate;
    struct imgz_hasher *hasher;
};

/* 'hash' is the image's. 0, or -ENOMEM. Call fini in any case. */
IMGZ_MUST_CHECK int imgz_chunk_decoder_init(struct imgz_chunk_decoder *decoder,
                                            enum imgz_hash_kind hash);
void imgz_chunk_decoder_fini(struct imgz_chunk_decoder *decoder);

/* How much room a slot's stored buffer needs for note and segment. */
uint64_t imgz_chunk_stored_bytes(uint64_t segment_bytes);

/* The slot holds note and segment, and what index or stream order say of it. Afterwards the raw
 * bytes are in the raw buffer and proven (slot->checked), or slot->fault tells why not. */
void imgz_chunk_decode(const struct imgz_chunk_decoder *decoder, struct imgz_slot *slot);

/* The same, but nothing is inflated: the note is right and the segment is the one it was written
 * for. Whether raw_hash and raw_crc32 are right is not checked. */
void imgz_chunk_check_stored(struct imgz_slot *slot);

#endif /* IMGZ_CHUNK_DECODER_H */
