/* SPDX-License-Identifier: MIT */
/*
 * The tail of an image, twice: the input as its last bytes, and as the end record within a tail
 * whose checks fit. What is accepted is written again to the very same bytes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "checksum/checksum.h"
#include "format/carrier.h"
#include "format/frame.h"
#include "format/note.h"

#define RECORD_BYTES     40u
#define RECORD_BYTES_MAX 72u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check_tail(enum imgz_hash_kind hash, const unsigned char *tail)
{
    unsigned char again[IMGZ_FRAME_TAIL_BYTES_MAX];
    struct imgz_frame_end end;
    int rc = imgz_frame_decode_tail(hash, tail, &end);

    IMGZ_ASSERT(rc == 0 || rc == -EBADMSG || rc == -EPROTO);
    if (rc < 0)
        return;
    imgz_frame_encode_tail(&end, again);
    IMGZ_ASSERT(memcmp(again, tail, imgz_frame_tail_bytes(hash)) == 0);
}

static void check_both(enum imgz_hash_kind hash, uint32_t record_bytes, const uint8_t *data,
                       size_t bytes)
{
    const uint32_t tail_bytes = imgz_frame_tail_bytes(hash);
    unsigned char *tail = calloc(1, tail_bytes);
    unsigned char record[RECORD_BYTES_MAX] = {0};
    struct imgz_frame_end end = {.hash = hash, .raw_bytes = bytes};
    struct imgz_note note = {.kind = IMGZ_NOTE_END, .payload_bytes = record_bytes};

    IMGZ_ASSERT(tail != NULL);
    if (bytes > 0)
        memcpy(tail, data, imgz_min(bytes, tail_bytes));
    check_tail(hash, tail);
    if (bytes > 0)
        memcpy(record, data, imgz_min(bytes, record_bytes));
    imgz_frame_encode_tail(&end, tail);
    note.raw_offset = end.raw_bytes;
    note.payload_xxh3 = imgz_xxh3_64(record, record_bytes);
    imgz_note_encode(&note, tail);
    imgz_carrier_encode(record, record_bytes, tail + IMGZ_NOTE_CARRIER_BYTES);
    check_tail(hash, tail);
    free(tail);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    check_both(IMGZ_HASH_XXH3, RECORD_BYTES, data, bytes);
    check_both(IMGZ_HASH_SHA256, RECORD_BYTES_MAX, data, bytes);
    return 0;
}
