/* SPDX-License-Identifier: MIT */
/*
 * Bytes hidden in a DEFLATE stream: five bits each in the padding of an empty stored block, which
 * every decoder ignores (RFC 1951 section 3.2.4). Eight file bytes carry one.
 *
 * Place: notes, index and metadata of an image.
 *
 * Threads    any number; no state.
 * Errors     decode: -EBADMSG if these are not carrier blocks.
 */
#ifndef IMGZ_CARRIER_H
#define IMGZ_CARRIER_H

#include "base/base.h"

/* File bytes that carry 'bytes' bytes: ceil(8 * bytes / 5) blocks of 5. Exactly 8 * bytes where
 * bytes is a multiple of 5. */
static inline uint64_t imgz_carrier_bytes(uint64_t bytes)
{
    return imgz_div_up(bytes * 8, 5) * 5;
}

/* 'out' has room for imgz_carrier_bytes(bytes). */
void imgz_carrier_encode(const unsigned char *data, size_t bytes, unsigned char *out);

/* Reads 'bytes' back from imgz_carrier_bytes(bytes) at 'carrier'. Strict: every bit that carries
 * nothing must be as encode writes it. */
IMGZ_MUST_CHECK int imgz_carrier_decode(const unsigned char *carrier, size_t bytes,
                                        unsigned char *data);

#endif /* IMGZ_CARRIER_H */
