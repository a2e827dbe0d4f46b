/* SPDX-License-Identifier: MIT */
/*
 * What the seam promises to agree with: zlib's inflate. It is given a full window, because the seam
 * keeps none and lets every distance pass.
 */
#ifndef IMGZ_ORACLE_H
#define IMGZ_ORACLE_H

#include <zlib.h>

#include "base/base.h"

/* True if the bytes are one complete raw DEFLATE stream and nothing more. */
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

#endif /* IMGZ_ORACLE_H */
