/* SPDX-License-Identifier: MIT */
/*
 * Finds the last block of a DEFLATE stream from its end, by means of the bytes it was made of.
 *
 * Place: used by deflate_reopen.c.
 *
 * Threads    any number; no state outside the arguments.
 * Errors     none: what is not found must be found in another way.
 * Memory     none but the stack (under 32 KiB).
 */
#ifndef IMGZ_LAST_BLOCK_H
#define IMGZ_LAST_BLOCK_H

#include "base/base.h"

struct imgz_last_block_stream {
    const unsigned char *data; /* a whole stream, its last block final */
    size_t stream_bytes;
    const unsigned char *raw; /* what it inflates to */
    size_t raw_bytes;
};

struct imgz_last_block {
    uint64_t header_bit_index; /* of BFINAL */
    uint64_t end_bit_index;    /* after the code that ends it */
};

/* False if it was not found: it is long, or short, not of dynamic codes, or too regular to be
 * identified for sure. */
bool imgz_last_block_find(const struct imgz_last_block_stream *stream,
                          struct imgz_last_block *last);

#endif /* IMGZ_LAST_BLOCK_H */
