/* SPDX-License-Identifier: MIT */
/*
 * The sparse writer's interface: puts checked chunks where they belong and leaves out what is zero.
 *
 * Place: order -> [sparse writer] -> sink.
 *
 * Threads    the drain's.
 * Ownership  put takes the slot and gives it back to the pipeline once nothing of it is under way.
 * Errors     raised. Nothing is written of a slot that was not checked: asserted.
 * Blocking   take until a slot is there; put while the maximum number of requests is under way.
 * Memory     all in open().
 */
#ifndef IMGZ_SPARSE_H
#define IMGZ_SPARSE_H

#include "pipeline/pipeline.h"

struct imgz_sink;
struct imgz_sparse;

struct imgz_sparse_ops {
    int (*take)(struct imgz_sparse *sparse, struct imgz_slot **result);
    int (*put)(struct imgz_sparse *sparse, struct imgz_slot **slot);
    int (*finish)(struct imgz_sparse *sparse, uint64_t raw_bytes); /* without flushing */
    void (*close)(struct imgz_sparse *sparse);
};

struct imgz_sparse {
    const struct imgz_sparse_ops *ops;
    struct imgz_sink *sink;
    struct imgz_pipeline *pipeline;
    uint64_t written_bytes; /* as data */
};

/* 'raw_bytes' is the disk's size, or IMGZ_SIZE_UNKNOWN. The sink, which must outlive it, has
 * IMGZ_SINK_RANDOM. */
IMGZ_MUST_CHECK int imgz_sparse_open(struct imgz_sink *sink, struct imgz_pipeline *pipeline,
                                     uint64_t raw_bytes, struct imgz_sparse **result);

/* The next slot of the pipeline in order, while requests under way go on. */
IMGZ_MUST_CHECK int imgz_sparse_take(struct imgz_sparse *sparse, struct imgz_slot **result);

IMGZ_MUST_CHECK int imgz_sparse_put(struct imgz_sparse *sparse, struct imgz_slot **slot);

/* Waits until all is written, gives a file its size 'raw_bytes', and flushes the sink. */
IMGZ_MUST_CHECK int imgz_sparse_finish(struct imgz_sparse *sparse, uint64_t raw_bytes);

/* Waits for requests under way. Accepts NULL. */
void imgz_sparse_close(struct imgz_sparse *sparse);

#endif /* IMGZ_SPARSE_H */
