/* SPDX-License-Identifier: MIT */
/*
 * The header of a file that may be an image. What is taken for an image's header is written again
 * to the very same bytes; everything else has no header filled in.
 */
#include <stdlib.h>
#include <string.h>

#include "format/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct imgz_frame_header header = {.chunk_bytes = 7, .raw_bytes = 7};
    unsigned char again[IMGZ_FRAME_HEADER_BYTES];

    if (imgz_frame_decode_header(data, bytes, &header) == IMGZ_FRAME_IMAGE) {
        IMGZ_ASSERT(bytes >= sizeof(again));
        imgz_frame_encode_header(&header, again);
        IMGZ_ASSERT(memcmp(again, data, sizeof(again)) == 0);
    } else {
        IMGZ_ASSERT(header.chunk_bytes == 7 && header.raw_bytes == 7);
    }
    return 0;
}
