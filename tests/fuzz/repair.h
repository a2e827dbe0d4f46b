/* SPDX-License-Identifier: MIT */
/*
 * Most changes to an image are caught by a check before they reach what is behind it. A repaired
 * image says the same, but its checks fit: of the header, of every note, of what follows each, and
 * of the tail.
 */
#ifndef IMGZ_REPAIR_H
#define IMGZ_REPAIR_H

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "checksum/checksum.h"
#include "format/carrier.h"
#include "format/frame.h"
#include "format/note.h"

#define IMGZ_REPAIR_HEADER_CHECK_AT 30u
#define IMGZ_REPAIR_NOTE_CHECK_AT   46u
#define IMGZ_REPAIR_NOTE_HASH_AT    22u
#define IMGZ_REPAIR_NOTE_PAYLOAD_AT 2u
#define IMGZ_REPAIR_NOTE_KIND_AT    1u

/* Makes the check of the note at 'carrier' fit, and its payload's hash if that is in the file.
 * Returns how long note and payload are, 0 if there is no note. */
static inline size_t imgz_repair_note(unsigned char *carrier, size_t bytes)
{
    unsigned char record[IMGZ_NOTE_RECORD_BYTES];
    unsigned char payload[4096];
    uint64_t behind_bytes;

    if (bytes < IMGZ_NOTE_CARRIER_BYTES || imgz_carrier_decode(carrier, sizeof(record), record) < 0)
        return 0;
    behind_bytes = imgz_get_le32(record + IMGZ_REPAIR_NOTE_PAYLOAD_AT);
    if (record[IMGZ_REPAIR_NOTE_KIND_AT] > IMGZ_NOTE_ZERO) {
        const uint32_t payload_bytes = (uint32_t)behind_bytes;

        behind_bytes = imgz_carrier_bytes(payload_bytes);
        if (payload_bytes <= sizeof(payload) && behind_bytes <= bytes - IMGZ_NOTE_CARRIER_BYTES &&
            imgz_carrier_decode(carrier + IMGZ_NOTE_CARRIER_BYTES, payload_bytes, payload) == 0)
            imgz_put_le64(record + IMGZ_REPAIR_NOTE_HASH_AT, imgz_xxh3_64(payload, payload_bytes));
    } else if (behind_bytes <= bytes - IMGZ_NOTE_CARRIER_BYTES) {
        imgz_put_le64(record + IMGZ_REPAIR_NOTE_HASH_AT,
                      imgz_xxh3_64(carrier + IMGZ_NOTE_CARRIER_BYTES, behind_bytes));
    }
    imgz_put_le32(record + IMGZ_REPAIR_NOTE_CHECK_AT,
                  (uint32_t)imgz_xxh3_64(record, IMGZ_REPAIR_NOTE_CHECK_AT));
    imgz_carrier_encode(record, sizeof(record), carrier);
    return IMGZ_NOTE_CARRIER_BYTES + (size_t)imgz_min(behind_bytes, bytes);
}

static inline void imgz_repair_image(unsigned char *image, size_t bytes)
{
    size_t at = IMGZ_FRAME_HEADER_BYTES;
    size_t tail_bytes;

    if (bytes < at)
        return;
    tail_bytes = imgz_frame_tail_bytes(image[16] == 2 ? IMGZ_HASH_SHA256 : IMGZ_HASH_XXH3);
    imgz_put_le32(image + IMGZ_REPAIR_HEADER_CHECK_AT,
                  (uint32_t)imgz_xxh3_64(image, IMGZ_REPAIR_HEADER_CHECK_AT));
    while (at < bytes) {
        const size_t step = imgz_repair_note(image + at, bytes - at);

        if (step == 0)
            break;
        at += step;
    }
    if (bytes >= IMGZ_FRAME_HEADER_BYTES + tail_bytes)
        (void)imgz_repair_note(image + bytes - tail_bytes, tail_bytes);
}

/* Hands a copy of the input to 'check', and, if that makes a difference, a repaired one. */
static inline void imgz_repair_and_check(const unsigned char *data, size_t bytes,
                                         void (*check)(const unsigned char *data, size_t bytes))
{
    unsigned char *image = malloc(bytes);

    IMGZ_ASSERT(image != NULL);
    memcpy(image, data, bytes);
    check(image, bytes);
    imgz_repair_image(image, bytes);
    if (memcmp(image, data, bytes) != 0)
        check(image, bytes);
    free(image);
}

#endif /* IMGZ_REPAIR_H */
