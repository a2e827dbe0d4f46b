/* SPDX-License-Identifier: MIT */
#include "image/check.h"

#include <string.h>

#include "codec/checksum.h"
#include "codec/zero.h"
#include "codec/zerorun.h"
#include "image/note.h"

/* True if the note says of the slot what its index entry, or the stream before it, said. */
static bool note_fits(const struct imgz_note *note, const struct imgz_slot *slot)
{
    const enum imgz_note_kind kind =
        slot->kind == IMGZ_SLOT_ZERO ? IMGZ_NOTE_ZERO : IMGZ_NOTE_CHUNK;

    return note->kind == kind && note->raw_offset == slot->raw_offset &&
           note->raw_bytes == slot->raw_bytes &&
           note->payload_bytes == slot->stored_bytes - IMGZ_NOTE_CARRIER_BYTES;
}

/* A run of zeros is proven by its segment alone: it is the only one that stands for so many. */
static enum imgz_fault check_zeros(const struct imgz_note *note, const unsigned char *segment)
{
    static const struct imgz_hash no_hash;

    if (!imgz_zerorun_match(note->raw_bytes, segment, note->payload_bytes) ||
        note->raw_crc32 != imgz_crc32_zeros(note->raw_bytes) ||
        !imgz_hash_equal(&note->raw_hash, &no_hash))
        return IMGZ_FAULT_ZERO;
    return IMGZ_FAULT_NONE;
}

static enum imgz_fault check_data(struct imgz_inflate *inflate, const struct imgz_note *note,
                                  unsigned char *segment, struct imgz_slot *slot)
{
    const size_t raw_bytes = (size_t)slot->raw_bytes;
    struct imgz_hash hash;

    if (imgz_inflate_segment(inflate, segment, note->payload_bytes, slot->raw, raw_bytes) < 0)
        return IMGZ_FAULT_INFLATE;
    hash = imgz_xxh3_128(slot->raw, raw_bytes);
    slot->raw_hash = hash;
    slot->raw_crc32 = imgz_crc32(slot->raw, raw_bytes);
    if (!imgz_hash_equal(&hash, &note->raw_hash) || slot->raw_crc32 != note->raw_crc32)
        return IMGZ_FAULT_RAW;
    imgz_zero_map(slot->raw, raw_bytes, slot->zero_map);
    return IMGZ_FAULT_NONE;
}

void imgz_check_slot(struct imgz_inflate *inflate, struct imgz_slot *slot)
{
    unsigned char *segment = slot->stored + IMGZ_NOTE_CARRIER_BYTES;
    struct imgz_note note;

    if (imgz_note_decode(slot->stored, &note) < 0 || !note_fits(&note, slot))
        slot->fault = IMGZ_FAULT_NOTE;
    else if (imgz_xxh3_64(segment, note.payload_bytes) != note.payload_xxh3)
        slot->fault = IMGZ_FAULT_PAYLOAD;
    else if (slot->kind == IMGZ_SLOT_ZERO)
        slot->fault = check_zeros(&note, segment);
    else
        slot->fault = check_data(inflate, &note, segment, slot);
    slot->checked = slot->fault == IMGZ_FAULT_NONE;
}
