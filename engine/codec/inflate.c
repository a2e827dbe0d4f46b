/* SPDX-License-Identifier: MIT */
#include "codec/deflate.h"

#include <errno.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/*
 * The tail makes a stream of a segment: TAIL_BLOCKS empty stored blocks and an empty final block
 * with fixed codes (03 00). A segment with a final block of its own ends the stream before the
 * tail, one that is cut short runs into it: either way not all input is consumed, or not the right
 * length comes out. Except for one made by malice: if its last block is stored, final, and says
 * that it reaches to the end of the tail, then the tail is its data, and the whole is a stream that
 * other decoders, which have no tail, see differently. So the tail must not be foreseen: the
 * padding of its stored blocks (RFC 1951 section 3.2.4: any bits) holds 40 random bits, which such
 * a segment would have to match by the hash of its raw bytes.
 */
#define TAIL_BLOCKS 8u
#define BLOCK_BYTES 5u

_Static_assert(IMGZ_INFLATE_TAIL_BYTES == TAIL_BLOCKS * BLOCK_BYTES + 2, "blocks and 03 00");

struct imgz_inflate {
    struct libdeflate_decompressor *decompressor;
    unsigned char tail[IMGZ_INFLATE_TAIL_BYTES];
};

static int make_tail(unsigned char *tail)
{
    static const unsigned char empty_final[2] = {0x03, 0x00};
    unsigned char secret[TAIL_BLOCKS];

    if (getrandom(secret, sizeof(secret), 0) != (ssize_t)sizeof(secret))
        return -EIO;
    for (size_t i = 0; i < TAIL_BLOCKS; i++) {
        const unsigned char block[BLOCK_BYTES] = {(unsigned char)(secret[i] << 3), 0x00, 0x00, 0xff,
                                                  0xff};

        memcpy(tail + i * BLOCK_BYTES, block, sizeof(block));
    }
    memcpy(tail + TAIL_BLOCKS * BLOCK_BYTES, empty_final, sizeof(empty_final));
    return 0;
}

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
    rc = make_tail(inflate->tail);
    if (rc < 0)
        goto out;
    *result = inflate;
    inflate = NULL;
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

int imgz_inflate_segment(struct imgz_inflate *inflate, unsigned char *segment, size_t segment_bytes,
                         unsigned char *raw, size_t raw_bytes)
{
    size_t stream_bytes = segment_bytes + IMGZ_INFLATE_TAIL_BYTES;
    size_t used_bytes = 0;
    enum libdeflate_result result;

    memcpy(segment + segment_bytes, inflate->tail, sizeof(inflate->tail));
    /* Without a place for the actual output length, anything but 'raw_bytes' is an error. */
    result = libdeflate_deflate_decompress_ex(inflate->decompressor, segment, stream_bytes, raw,
                                              raw_bytes, &used_bytes, NULL);
    if (result != LIBDEFLATE_SUCCESS || used_bytes != stream_bytes)
        return -EBADMSG;
    return 0;
}
