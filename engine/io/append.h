/* SPDX-License-Identifier: MIT */
/*
 * An output written from front to back: the sink of images, and of disks that go to a pipe.
 *
 * Place: image writer -> [append] -> file or stream. Files are written by several requests under
 * way at their offsets, streams by one write after the other.
 *
 * Threads    the drain's.
 * Ownership  append_slot takes the slot and gives it back to the line once its bytes are written.
 * Errors     raised.
 */
#ifndef IMGZ_APPEND_H
#define IMGZ_APPEND_H

#include "io/output.h"
#include "io/pump.h"

struct imgz_append {
    struct imgz_output *output;
    struct imgz_line *line;
    struct imgz_pump pump; /* pump.io is NULL for a stream */
    uint64_t offset;       /* bytes taken so far: where the next go */
    uint64_t pushed_bytes; /* up to here writeback was started */
};

/* 'append' may be uninitialized; it must stay at its place until fini. */
IMGZ_MUST_CHECK int imgz_append_init(struct imgz_append *append, struct imgz_output *output,
                                     struct imgz_line *line);

/* Waits for requests under way. */
void imgz_append_fini(struct imgz_append *append);

/* The next slot of the line in order, as imgz_pump_take(). */
IMGZ_MUST_CHECK int imgz_append_take(struct imgz_append *append, struct imgz_slot **result);

/* Writes 'bytes' at 'data', which lies in the slot's buffers. */
IMGZ_MUST_CHECK int imgz_append_slot(struct imgz_append *append, unsigned char *data,
                                     uint64_t bytes, struct imgz_slot **slot);

/* Writes a copy; for small things. */
IMGZ_MUST_CHECK int imgz_append_bytes(struct imgz_append *append, const void *data, size_t bytes);

/* Until all is written; then flushes the output. */
IMGZ_MUST_CHECK int imgz_append_finish(struct imgz_append *append);

#endif /* IMGZ_APPEND_H */
