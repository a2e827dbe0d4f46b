/* SPDX-License-Identifier: MIT */
/*
 * A chunk's segment as a damaged image may hold it. Input: two bytes for the raw length, then the
 * segment. Nothing is written beyond that length, and what zlib finds to be whole blocks of exactly
 * so many bytes, none of them final, comes out as zlib has it. (libdeflate also lets pass a few
 * codes that zlib does not; the raw hash decides then.)
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "codec/deflate.h"

#define HEAD_BYTES 2u

/* Of zlib's data_type behind a block (inflate(), Z_BLOCK). */
#define BITS_LEFT  63
#define LAST_BLOCK 64
#define BLOCK_END  128

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void *copy_of(const void *data, size_t bytes, size_t room_bytes)
{
    unsigned char *copy = calloc(1, imgz_max(bytes + room_bytes, 1));

    IMGZ_ASSERT(copy != NULL);
    if (bytes > 0)
        memcpy(copy, data, bytes);
    return copy;
}

/* True if the segment is what FORMAT.md says; 'raw' has room for one byte more than 'raw_bytes'. */
static bool zlib_inflates(unsigned char *segment, size_t segment_bytes, unsigned char *raw,
                          size_t raw_bytes)
{
    z_stream stream = {
        .next_in = segment,
        .avail_in = (uInt)segment_bytes,
        .next_out = raw,
        .avail_out = (uInt)raw_bytes + 1,
    };
    int rc = inflateInit2(&stream, -15);

    IMGZ_ASSERT(rc == Z_OK);
    while (rc == Z_OK && stream.avail_in > 0 && stream.avail_out > 0) {
        rc = inflate(&stream, Z_BLOCK);
        if ((stream.data_type & LAST_BLOCK) != 0)
            rc = Z_STREAM_END;
    }
    inflateEnd(&stream);
    return rc == Z_OK && stream.total_out == raw_bytes && (stream.data_type & BLOCK_END) != 0 &&
           (stream.data_type & BITS_LEFT) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct imgz_inflate *inflate;
    const size_t segment_bytes = bytes - imgz_min(bytes, HEAD_BYTES);
    size_t raw_bytes;
    unsigned char *segment;
    unsigned char *raw;
    unsigned char *wanted;
    int rc;

    if (segment_bytes == 0)
        return 0;
    if (inflate == NULL)
        IMGZ_ASSERT(imgz_inflate_create(&inflate) == 0);
    raw_bytes = ((size_t)data[0] | (size_t)data[1] << 8) + 1;
    segment = copy_of(data + HEAD_BYTES, segment_bytes, IMGZ_INFLATE_TAIL_BYTES);
    raw = copy_of(NULL, 0, raw_bytes);
    wanted = copy_of(NULL, 0, raw_bytes + 1);
    rc = imgz_inflate_segment(inflate, segment, segment_bytes, raw, raw_bytes);
    IMGZ_ASSERT(rc == 0 || rc == -EBADMSG);
    if (zlib_inflates(segment, segment_bytes, wanted, raw_bytes)) {
        IMGZ_ASSERT(rc == 0);
        IMGZ_ASSERT(memcmp(raw, wanted, raw_bytes) == 0);
    }
    free(segment);
    free(raw);
    free(wanted);
    return 0;
}
