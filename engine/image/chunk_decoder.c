/* SPDX-License-Identifier: MIT */
#include "image/chunk_decoder.h"

#include <string.h>

#include "base/zero.h"
#include "checksum/checksum.h"
#include "codec/zero_run.h"
#include "format/note.h"

int imgz_chunk_decoder_init(struct imgz_chunk_decoder *decoder, enum imgz_hash_kind hash)
{
    int rc;

    *decoder = (struct imgz_chunk_decoder){0};
    rc = imgz_inflate_create(&decoder->inflate);
    return rc < 0 ? rc : imgz_hasher_create(hash, &decoder->hasher);
}

void imgz_chunk_decoder_fini(struct imgz_chunk_decoder *decoder)
{
    imgz_inflate_destroy(decoder->inflate);
    imgz_hasher_destroy(decoder->hasher);
}

uint64_t imgz_chunk_stored_bytes(uint64_t segment_bytes)
{
    return IMGZ_NOTE_CARRIER_BYTES + segment_bytes;
}

/* True if the note agrees with the index entry of the slot, or with the stream before it. */
static bool note_fits(const struct imgz_note *note, const struct imgz_slot *slot)
{
    const enum imgz_note_kind kind =
        slot->kind == IMGZ_SLOT_ZERO ? IMGZ_NOTE_ZERO : IMGZ_NOTE_CHUNK;

    return note->kind == kind && note->raw_offset == slot->raw_offset &&
           note->raw_bytes == slot->raw_bytes &&
           note->payload_bytes == slot->stored_bytes - IMGZ_NOTE_CARRIER_BYTES;
}

/* A run of zeros is proven by its segment alone, which is the only one for that length. */
static enum imgz_fault check_zeros(const struct imgz_note *note, const unsigned char *segment)
{
    static const struct imgz_hash no_hash;

    if (!imgz_zero_run_match(note->raw_bytes, segment, note->payload_bytes) ||
        note->raw_crc32 != imgz_crc32_zeros(note->raw_bytes) ||
        !imgz_hash_equal(&note->raw_hash, &no_hash))
        return IMGZ_FAULT_ZERO;
    return IMGZ_FAULT_NONE;
}

/* What can be checked without inflating the slot. */
static enum imgz_fault check_stored(const struct imgz_slot *slot, struct imgz_note *note)
{
    const unsigned char *segment = slot->stored + IMGZ_NOTE_CARRIER_BYTES;

    if (imgz_note_decode(slot->stored, note) < 0 || !note_fits(note, slot))
        return IMGZ_FAULT_NOTE;
    if (imgz_xxh3_64(segment, note->payload_bytes) != note->payload_xxh3)
        return IMGZ_FAULT_PAYLOAD;
    return slot->kind == IMGZ_SLOT_ZERO ? check_zeros(note, segment) : IMGZ_FAULT_NONE;
}

static enum imgz_fault check_data(const struct imgz_chunk_decoder *decoder,
                                  const struct imgz_note *note, struct imgz_slot *slot)
{
    const size_t raw_bytes = (size_t)slot->raw_bytes;
    struct imgz_hasher_sums sums;

    if (imgz_inflate_segment(decoder->inflate, slot->stored + IMGZ_NOTE_CARRIER_BYTES,
                             note->payload_bytes, slot->raw, raw_bytes) < 0)
        return IMGZ_FAULT_INFLATE;
    sums = imgz_hasher_sum(decoder->hasher, slot->raw, raw_bytes);
    slot->raw_hash = sums.hash;
    slot->raw_sha256 = sums.sha256;
    slot->raw_crc32 = sums.crc32;
    if (!imgz_hash_equal(&sums.hash, &note->raw_hash) || sums.crc32 != note->raw_crc32)
        return IMGZ_FAULT_RAW;
    imgz_zero_map(slot->raw, raw_bytes, slot->zero_map);
    return IMGZ_FAULT_NONE;
}

void imgz_chunk_decode(const struct imgz_chunk_decoder *decoder, struct imgz_slot *slot)
{
    struct imgz_note note;

    slot->fault = check_stored(slot, &note);
    if (slot->fault == IMGZ_FAULT_NONE && slot->kind == IMGZ_SLOT_DATA)
        slot->fault = check_data(decoder, &note, slot);
    slot->checked = slot->fault == IMGZ_FAULT_NONE;
}

void imgz_chunk_check_stored(struct imgz_slot *slot)
{
    struct imgz_note note;

    slot->fault = check_stored(slot, &note);
    if (slot->fault != IMGZ_FAULT_NONE)
        return;
    slot->raw_hash = note.raw_hash;
    slot->raw_crc32 = note.raw_crc32;
}
