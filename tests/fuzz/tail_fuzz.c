/* SPDX-License-Identifier: MIT */
/*
 * The tail of an image, twice: the input as its last bytes, and as the end record within a tail
 * whose checks fit. What is accepted is written again to the very same bytes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "codec/checksum.h"
#include "image/carrier.h"
#include "image/frame.h"
#include "image/note.h"

#define RECORD_BYTES 40u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check_tail(const unsigned char *tail)
{
    unsigned char again[IMGZ_FRAME_TAIL_BYTES];
    struct imgz_frame_end end;
    int rc = imgz_frame_decode_tail(tail, &end);

    IMGZ_ASSERT(rc == 0 || rc == -EBADMSG || rc == -EPROTO);
    if (rc < 0)
        return;
    imgz_frame_encode_tail(&end, again);
    IMGZ_ASSERT(memcmp(again, tail, sizeof(again)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    unsigned char *tail = calloc(1, IMGZ_FRAME_TAIL_BYTES);
    unsigned char record[RECORD_BYTES] = {0};
    struct imgz_frame_end end = {.raw_bytes = bytes};
    struct imgz_note note = {.kind = IMGZ_NOTE_END, .payload_bytes = RECORD_BYTES};

    IMGZ_ASSERT(tail != NULL);
    if (bytes > 0)
        memcpy(tail, data, imgz_min(bytes, IMGZ_FRAME_TAIL_BYTES));
    check_tail(tail);
    if (bytes > 0)
        memcpy(record, data, imgz_min(bytes, sizeof(record)));
    imgz_frame_encode_tail(&end, tail);
    note.raw_offset = end.raw_bytes;
    note.payload_xxh3 = imgz_xxh3_64(record, sizeof(record));
    imgz_note_encode(&note, tail);
    imgz_carrier_encode(record, sizeof(record), tail + IMGZ_NOTE_CARRIER_BYTES);
    check_tail(tail);
    free(tail);
    return 0;
}
