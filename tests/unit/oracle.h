/* SPDX-License-Identifier: MIT */
/*
 * What the seam and the decoder promise to agree with: zlib's inflate.
 */
#ifndef IMGZ_ORACLE_H
#define IMGZ_ORACLE_H

#include <zlib.h>

#include "base/base.h"

/* True if the bytes are one complete raw DEFLATE stream and nothing more. zlib is given a full
 * window, because the seam keeps none and lets every distance pass. */
static inline bool imgz_oracle_accepts(const unsigned char *stream, size_t stream_bytes)
{
    static const unsigned char window[32768];
    unsigned char out[65536];
    z_stream zlib = {0};
    int status = Z_OK;

    IMGZ_ASSERT(inflateInit2(&zlib, -15) == Z_OK);
    IMGZ_ASSERT(inflateSetDictionary(&zlib, window, sizeof(window)) == Z_OK);
    zlib.next_in = (Bytef *)(uintptr_t)stream; /* only read, though not declared const */
    zlib.avail_in = (uInt)stream_bytes;
    do {
        zlib.next_out = out;
        zlib.avail_out = sizeof(out);
        status = inflate(&zlib, Z_NO_FLUSH);
    } while (status == Z_OK);
    IMGZ_ASSERT(inflateEnd(&zlib) == Z_OK);
    return status == Z_STREAM_END && zlib.avail_in == 0;
}

/* True if the bytes are one complete stream of no output, in the form that inflateInit2() calls
 * 'window_bits', and nothing more. */
static inline bool imgz_oracle_inflates_to_nothing(const unsigned char *stream, size_t stream_bytes,
                                                   int window_bits)
{
    unsigned char out[1];
    z_stream zlib = {0};
    int status;

    IMGZ_ASSERT(inflateInit2(&zlib, window_bits) == Z_OK);
    zlib.next_in = (Bytef *)(uintptr_t)stream;
    zlib.avail_in = (uInt)stream_bytes;
    zlib.next_out = out;
    zlib.avail_out = sizeof(out);
    status = inflate(&zlib, Z_FINISH);
    IMGZ_ASSERT(inflateEnd(&zlib) == Z_OK);
    return status == Z_STREAM_END && zlib.avail_in == 0 && zlib.total_out == 0;
}

/* Bits of zlib's data_type after a block (inflate(), Z_BLOCK). */
#define IMGZ_ORACLE_BITS_LEFT  63
#define IMGZ_ORACLE_LAST_BLOCK 64
#define IMGZ_ORACLE_BLOCK_END  128

/* True if the segment is what FORMAT.md says: whole blocks, none of them final, that end with the
 * segment's last byte and inflate to 'raw_bytes'. 'raw' has room for one byte more. */
static inline bool imgz_oracle_inflates(const unsigned char *segment, size_t segment_bytes,
                                        unsigned char *raw, size_t raw_bytes)
{
    z_stream zlib = {
        .next_in = (Bytef *)(uintptr_t)segment,
        .avail_in = (uInt)segment_bytes,
        .next_out = raw,
        .avail_out = (uInt)raw_bytes + 1,
    };
    int status = inflateInit2(&zlib, -15);

    IMGZ_ASSERT(status == Z_OK);
    while (status == Z_OK && zlib.avail_in > 0 && zlib.avail_out > 0) {
        status = inflate(&zlib, Z_BLOCK);
        if ((zlib.data_type & IMGZ_ORACLE_LAST_BLOCK) != 0)
            status = Z_STREAM_END;
    }
    IMGZ_ASSERT(inflateEnd(&zlib) == Z_OK);
    return status == Z_OK && zlib.avail_in == 0 && zlib.total_out == raw_bytes &&
           (zlib.data_type & IMGZ_ORACLE_BLOCK_END) != 0 &&
           (zlib.data_type & IMGZ_ORACLE_BITS_LEFT) == 0;
}

#endif /* IMGZ_ORACLE_H */
