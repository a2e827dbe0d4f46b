/* SPDX-License-Identifier: MIT */
/*
 * An output written from front to back: the sink of images, and of disks that go to a pipe.
 *
 * What is appended to a file is gathered in buffers of whole blocks, each written when it is full,
 * several under way at once: directly where the file system can, so that no dirty pages pile up
 * that the flush at the end would have to wait for. A stream gets one write after the other.
 *
 * Place: image writer -> [append] -> file or stream.
 *
 * Threads    the drain's.
 * Ownership  the caller's bytes are copied, or written, before append returns.
 * Errors     raised.
 * Blocking   append, while all buffers are under way, or the stream is full.
 * Memory     all in init(): APPEND_BUFFERS of 1 MiB for a file, none for a stream.
 */
#ifndef IMGZ_APPEND_H
#define IMGZ_APPEND_H

#include "io/aio/aio.h"
#include "io/sink/output.h"

/* Enough that the device never waits for the next one to be filled. */
#define IMGZ_APPEND_BUFFERS 8u

struct imgz_append_buffer {
    unsigned char *data;
    bool under_way;
};

struct imgz_append {
    struct imgz_output *output;
    struct imgz_pipeline *pipeline;
    uint64_t offset; /* bytes appended so far */

    /* For a file. */
    struct imgz_aio *io;
    unsigned char *memory; /* of all buffers */
    struct imgz_append_buffer buffers[IMGZ_APPEND_BUFFERS];
    struct imgz_append_buffer *filling;
    uint64_t filling_offset; /* in the file; a multiple of the buffers' size */
    uint64_t settled_offset; /* up to here all is written */
    uint64_t sized_bytes;    /* the file was made so long ahead of its data */
    bool sizing_refused;     /* and will not be any more */
};

/* 'append' may be uninitialized; it must stay at its place until fini. */
IMGZ_MUST_CHECK int imgz_append_init(struct imgz_append *append, struct imgz_output *output,
                                     struct imgz_pipeline *pipeline);

/* Before the first byte: goes on behind the first 'offset' bytes that the file, which may be read,
 * holds already. What it holds behind them is dropped. */
IMGZ_MUST_CHECK int imgz_append_resume(struct imgz_append *append, uint64_t offset);

/* Waits for requests under way. Of a file that is to be kept, what was appended is written. */
void imgz_append_fini(struct imgz_append *append);

IMGZ_MUST_CHECK int imgz_append_bytes(struct imgz_append *append, const void *data, uint64_t bytes);

/* Until all that was appended is written: it survives the process, but is not flushed. */
IMGZ_MUST_CHECK int imgz_append_settle(struct imgz_append *append);

/* Until all is written; gives a file its size, and flushes the output. */
IMGZ_MUST_CHECK int imgz_append_finish(struct imgz_append *append);

#endif /* IMGZ_APPEND_H */
