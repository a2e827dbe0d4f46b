/* SPDX-License-Identifier: MIT */
/*
 * Notes, twice: the input as the 400 bytes of a carrier, and as the record in one, with a check
 * made to fit, so that the search is not stopped by the check. What is accepted is written again to
 * the very same bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "checksum/checksum.h"
#include "format/carrier.h"
#include "format/note.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check_carrier(const unsigned char *carrier)
{
    unsigned char again[IMGZ_NOTE_CARRIER_BYTES];
    struct imgz_note note;

    if (imgz_note_decode(carrier, &note) < 0)
        return;
    IMGZ_ASSERT(note.kind >= IMGZ_NOTE_CHUNK && note.kind <= IMGZ_NOTE_END);
    imgz_note_encode(&note, again);
    IMGZ_ASSERT(memcmp(again, carrier, sizeof(again)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    unsigned char record[IMGZ_NOTE_RECORD_BYTES] = {0};
    unsigned char *carrier = calloc(1, IMGZ_NOTE_CARRIER_BYTES);

    IMGZ_ASSERT(carrier != NULL);
    if (bytes > 0)
        memcpy(carrier, data, imgz_min(bytes, IMGZ_NOTE_CARRIER_BYTES));
    check_carrier(carrier);
    if (bytes > 0)
        memcpy(record, data, imgz_min(bytes, sizeof(record)));
    imgz_put_le32(record + 46, (uint32_t)imgz_xxh3_64(record, 46));
    imgz_carrier_encode(record, sizeof(record), carrier);
    check_carrier(carrier);
    free(carrier);
    return 0;
}
