/* SPDX-License-Identifier: MIT */
/*
 * Makes the checks of an image's header, notes and tail fit what they say, so that a search is not
 * stopped by them: what lies behind is reached by images that lie.
 */
#ifndef FUZZ_REPAIR_H
#define FUZZ_REPAIR_H

#include "base/bytes.h"
#include "codec/checksum.h"
#include "image/carrier.h"
#include "image/frame.h"
#include "image/note.h"

#define HEADER_CHECK_AT 30u
#define NOTE_CHECK_AT   46u
#define NOTE_HASH_AT    22u
#define NOTE_PAYLOAD_AT 2u
#define NOTE_KIND_AT    1u

/* Makes the check of the note at 'carrier' fit, and its payload's hash if that is in the file.
 * Returns how long note and payload are, 0 if there is no note. */
static inline size_t fuzz_repair_note(unsigned char *carrier, size_t bytes)
{
    unsigned char record[IMGZ_NOTE_RECORD_BYTES];
    unsigned char payload[4096];
    uint64_t behind_bytes;

    if (bytes < IMGZ_NOTE_CARRIER_BYTES || imgz_carrier_decode(carrier, sizeof(record), record) < 0)
        return 0;
    behind_bytes = imgz_get_le32(record + NOTE_PAYLOAD_AT);
    if (record[NOTE_KIND_AT] > IMGZ_NOTE_ZERO) {
        const uint32_t payload_bytes = (uint32_t)behind_bytes;

        behind_bytes = imgz_carrier_bytes(payload_bytes);
        if (payload_bytes <= sizeof(payload) && behind_bytes <= bytes - IMGZ_NOTE_CARRIER_BYTES &&
            imgz_carrier_decode(carrier + IMGZ_NOTE_CARRIER_BYTES, payload_bytes, payload) == 0)
            imgz_put_le64(record + NOTE_HASH_AT, imgz_xxh3_64(payload, payload_bytes));
    } else if (behind_bytes <= bytes - IMGZ_NOTE_CARRIER_BYTES) {
        imgz_put_le64(record + NOTE_HASH_AT,
                      imgz_xxh3_64(carrier + IMGZ_NOTE_CARRIER_BYTES, behind_bytes));
    }
    imgz_put_le32(record + NOTE_CHECK_AT, (uint32_t)imgz_xxh3_64(record, NOTE_CHECK_AT));
    imgz_carrier_encode(record, sizeof(record), carrier);
    return IMGZ_NOTE_CARRIER_BYTES + (size_t)imgz_min(behind_bytes, bytes);
}

static inline void fuzz_repair(unsigned char *image, size_t bytes)
{
    size_t at = IMGZ_FRAME_HEADER_BYTES;

    if (bytes < at)
        return;
    imgz_put_le32(image + HEADER_CHECK_AT, (uint32_t)imgz_xxh3_64(image, HEADER_CHECK_AT));
    while (at < bytes) {
        const size_t step = fuzz_repair_note(image + at, bytes - at);

        if (step == 0)
            break;
        at += step;
    }
    if (bytes >= IMGZ_FRAME_HEADER_BYTES + IMGZ_FRAME_TAIL_BYTES)
        (void)fuzz_repair_note(image + bytes - IMGZ_FRAME_TAIL_BYTES, IMGZ_FRAME_TAIL_BYTES);
}

#endif /* FUZZ_REPAIR_H */
