/* SPDX-License-Identifier: MIT */
/*
 * Joins a stage's two sources of events, slots from the pipeline and results of its I/O: a stage
 * never sleeps on the pipeline while the results it waits for would bring slots back.
 *
 * Place: the loop of the reader and of the sparse writer.
 *
 * Threads    one.
 * Errors     the pipeline's, the handler's, or a failed backend's, which is raised.
 * Blocking   take until a slot is there; submit while the I/O is full; settle until none is
 *            pending.
 */
#ifndef IMGZ_AIO_LOOP_H
#define IMGZ_AIO_LOOP_H

#include "io/aio/aio.h"
#include "pipeline/pipeline.h"

/* Called for each result; a negative return ends the stage (it has raised why). */
typedef int (*imgz_aio_loop_fn)(void *context, const struct imgz_aio_result *result);

/* imgz_pipeline_take() and the like. */
typedef int (*imgz_take_fn)(struct imgz_pipeline *pipeline, struct imgz_slot **result);

struct imgz_aio_loop {
    struct imgz_aio *io;
    struct imgz_pipeline *pipeline;
    imgz_aio_loop_fn handle;
    void *context;
    struct imgz_location location; /* for the error message if the backend fails */
};

/* The next slot, by 'try_take' while requests are under way, by 'take' when none are. */
IMGZ_MUST_CHECK int imgz_aio_loop_take(struct imgz_aio_loop *loop, imgz_take_fn try_take,
                                       imgz_take_fn take, struct imgz_slot **result);

/* Queues a request, after waiting for a result if need be. */
IMGZ_MUST_CHECK int imgz_aio_loop_submit(struct imgz_aio_loop *loop,
                                         const struct imgz_aio_request *request);

/* Hands queued requests to the kernel, and handles the results that are there. */
IMGZ_MUST_CHECK int imgz_aio_loop_flush(struct imgz_aio_loop *loop);

/* Handles results until no request is under way. */
IMGZ_MUST_CHECK int imgz_aio_loop_settle(struct imgz_aio_loop *loop);

#endif /* IMGZ_AIO_LOOP_H */
