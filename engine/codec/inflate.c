/* SPDX-License-Identifier: MIT */
#include "codec/deflate.h"

#include <errno.h>
#include <libdeflate.h>
#include <stdlib.h>

struct imgz_inflate {
    struct libdeflate_decompressor *decompressor;
};

int imgz_inflate_create(struct imgz_inflate **result)
{
    struct imgz_inflate *inflate;
    int rc = -ENOMEM;

    inflate = calloc(1, sizeof(*inflate));
    if (inflate == NULL)
        goto out;
    inflate->decompressor = libdeflate_alloc_decompressor();
    if (inflate->decompressor == NULL)
        goto out;
    *result = inflate;
    inflate = NULL;
    rc = 0;
out:
    imgz_inflate_destroy(inflate);
    return rc;
}

void imgz_inflate_destroy(struct imgz_inflate *inflate)
{
    if (inflate == NULL)
        return;
    libdeflate_free_decompressor(inflate->decompressor);
    free(inflate);
}

/*
 * The tail is an empty final block with fixed codes: 1 (BFINAL), 10 (BTYPE 01), 0000000 (end of
 * block), least significant bit first: 03 00. A segment with a final block of its own ends the
 * stream before the tail, one that is cut short runs into it: either way not all input is
 * consumed, or not the right length comes out.
 */
int imgz_inflate_segment(struct imgz_inflate *inflate, unsigned char *segment, size_t segment_bytes,
                         unsigned char *raw, size_t raw_bytes)
{
    size_t stream_bytes = segment_bytes + IMGZ_INFLATE_TAIL_BYTES;
    size_t used_bytes = 0;
    enum libdeflate_result result;

    segment[segment_bytes] = 0x03;
    segment[segment_bytes + 1] = 0x00;
    /* Without a place for the actual output length, anything but 'raw_bytes' is an error. */
    result = libdeflate_deflate_decompress_ex(inflate->decompressor, segment, stream_bytes, raw,
                                              raw_bytes, &used_bytes, NULL);
    if (result != LIBDEFLATE_SUCCESS || used_bytes != stream_bytes)
        return -EBADMSG;
    return 0;
}
