/* SPDX-License-Identifier: MIT */
/*
 * A chunk's segment as a damaged or made-up image may hold it. Input: two bytes for the raw length,
 * then the segment. What zlib finds to be whole blocks of exactly so many bytes, none of them
 * final, comes out as zlib has it, and nothing else does; in every variant of the decoder. Nothing
 * is written beyond that length.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "codec/deflate.h"
#include "codec/inflate_run.h"
#include "oracle.h"

#define HEAD_BYTES   2u
#define VARIANTS_MAX 4u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void *copy_of(const void *data, size_t bytes, size_t room_bytes)
{
    unsigned char *copy = calloc(1, imgz_max(bytes + room_bytes, 1));

    IMGZ_ASSERT(copy != NULL);
    if (bytes > 0)
        memcpy(copy, data, bytes);
    return copy;
}

/* A decoder of each variant that can be used here; the others are NULL. */
static struct imgz_inflate **make_decoders(void)
{
    static struct imgz_inflate *decoders[VARIANTS_MAX];
    size_t count;
    const struct imgz_inflate_variant *variants = imgz_inflate_variants(&count);

    IMGZ_ASSERT(count <= VARIANTS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (variants[i].usable() && decoders[i] == NULL)
            IMGZ_ASSERT(imgz_inflate_create_variant(&variants[i], &decoders[i]) == 0);
    }
    return decoders;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct imgz_inflate **decoders = make_decoders();
    const size_t segment_bytes = bytes - imgz_min(bytes, HEAD_BYTES);
    size_t raw_bytes;
    unsigned char *segment, *raw, *wanted;
    bool right;

    if (segment_bytes == 0)
        return 0;
    raw_bytes = ((size_t)data[0] | (size_t)data[1] << 8) + 1;
    segment = copy_of(data + HEAD_BYTES, segment_bytes, 0);
    wanted = copy_of(NULL, 0, raw_bytes + 1);
    right = imgz_oracle_inflates(segment, segment_bytes, wanted, raw_bytes);
    for (size_t i = 0; i < VARIANTS_MAX && decoders[i] != NULL; i++) {
        raw = copy_of(NULL, 0, raw_bytes);
        IMGZ_ASSERT(imgz_inflate_segment(decoders[i], segment, segment_bytes, raw, raw_bytes) ==
                    (right ? 0 : -EBADMSG));
        IMGZ_ASSERT(!right || memcmp(raw, wanted, raw_bytes) == 0);
        free(raw);
    }
    free(segment);
    free(wanted);
    return 0;
}
