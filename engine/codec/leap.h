/* SPDX-License-Identifier: MIT */
/*
 * Walks one DEFLATE block from several places at once.
 *
 * Place: behind the seam.
 *
 * Threads    any number; no state outside the arguments.
 * Errors     none: it stops before what is not valid.
 * Memory     8 KiB of stack.
 */
#ifndef IMGZ_LEAP_H
#define IMGZ_LEAP_H

#include "codec/skiptable.h"

/* A place between two symbols of a block. */
struct imgz_leap_place {
    uint64_t bit_index;
    enum imgz_skiptable_next next; /* what stands there: never a header */
};

struct imgz_leap_stream {
    const unsigned char *data;
    uint64_t stream_bytes;
};

/* Moves '*place' on along the block whose tables these are: to the end-of-block symbol or what is
 * not a symbol, or as far as can be done without reading outside the stream; perhaps not at all. */
void imgz_leap_walk(const struct imgz_skiptable *table, const struct imgz_leap_stream *stream,
                    struct imgz_leap_place *place);

#endif /* IMGZ_LEAP_H */
