/* SPDX-License-Identifier: MIT */
/*
 * The inner loop of the decoder: symbols of one block at full speed, while the ends of input and
 * output are far away. The rest is decoded with every bound checked (inflate.c).
 *
 * Place: called by inflate.c. There is one for each kind of processor; all do the same.
 *
 * Threads    any number; no state outside the arguments.
 */
#ifndef IMGZ_INFLATE_RUN_H
#define IMGZ_INFLATE_RUN_H

#include "codec/block_header.h"
#include "codec/inflate_table.h"

/* Input and output of a segment. */
struct imgz_inflate_stream {
    struct imgz_bits bits;
    unsigned char *raw; /* begins here */
    unsigned char *out; /* of it, what comes next */
    unsigned char *raw_end;
};

/* How a run ended. */
enum imgz_inflate_end {
    IMGZ_INFLATE_RUN_MARGIN, /* an end is near: go on with care */
    IMGZ_INFLATE_RUN_BLOCK,  /* after the code that ends the block */
    IMGZ_INFLATE_RUN_BAD,    /* not a symbol, or a match that reaches back before the start */
};

/* Neither reads nor takes a bit beyond the stream, nor writes beyond raw_end, nor reads output that
 * no symbol has made yet. */
typedef enum imgz_inflate_end (*imgz_inflate_run_fn)(const struct imgz_inflate_tables *tables,
                                                     struct imgz_inflate_stream *stream);

struct imgz_inflate_variant {
    const char *name;
    bool (*usable)(void); /* on this processor */
    imgz_inflate_run_fn run;
};

/* All variants built in, the portable one first, the best one last; '*count' receives how many. */
const struct imgz_inflate_variant *imgz_inflate_variants(size_t *count);

/* A decoder that runs this variant, which must be usable; else like imgz_inflate_create(). */
struct imgz_inflate;
IMGZ_MUST_CHECK int imgz_inflate_create_variant(const struct imgz_inflate_variant *variant,
                                                struct imgz_inflate **result);

#endif /* IMGZ_INFLATE_RUN_H */
