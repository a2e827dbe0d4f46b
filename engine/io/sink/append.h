/* SPDX-License-Identifier: MIT */
/*
 * Writes a sink from front to back: images, and disks that go to a pipe.
 *
 * Place: image writer -> [append] -> sink.
 *
 * Threads    the drain's.
 * Ownership  the caller's bytes are copied, or written, before append returns.
 * Errors     raised.
 * Blocking   bytes, while the maximum number of writes is under way.
 * Memory     all in open().
 */
#ifndef IMGZ_APPEND_H
#define IMGZ_APPEND_H

#include "pipeline/pipeline.h"

struct imgz_append;
struct imgz_sink;

struct imgz_append_ops {
    int (*resume)(struct imgz_append *append, uint64_t offset); /* NULL: cannot be resumed */
    int (*bytes)(struct imgz_append *append, const void *data, uint64_t bytes);
    int (*settle)(struct imgz_append *append);
    int (*finish)(struct imgz_append *append); /* writes the rest, without flushing */
    void (*close)(struct imgz_append *append);
};

struct imgz_append {
    const struct imgz_append_ops *ops;
    struct imgz_sink *sink;
    struct imgz_pipeline *pipeline;
    uint64_t offset; /* bytes appended so far */
};

/* The sink must outlive it. */
IMGZ_MUST_CHECK int imgz_append_open(struct imgz_sink *sink, struct imgz_pipeline *pipeline,
                                     struct imgz_append **result);

/* Before the first byte: goes on after the first 'offset' bytes of a sink that an earlier run left.
 * The rest is cut off. */
IMGZ_MUST_CHECK int imgz_append_resume(struct imgz_append *append, uint64_t offset);

IMGZ_MUST_CHECK int imgz_append_bytes(struct imgz_append *append, const void *data, uint64_t bytes);

/* Waits until all appended bytes are written: they survive the process, but are not flushed. */
IMGZ_MUST_CHECK int imgz_append_settle(struct imgz_append *append);

/* Waits until all is written, gives a file its size, and flushes the sink. */
IMGZ_MUST_CHECK int imgz_append_finish(struct imgz_append *append);

/* Waits for requests under way. Writes the rest of what was appended if the file will be kept.
 * Accepts NULL. */
void imgz_append_close(struct imgz_append *append);

/* Raises that the sink could not be written at 'offset'. */
int imgz_append_raise(const struct imgz_append *append, int rc, uint64_t offset);

#endif /* IMGZ_APPEND_H */
