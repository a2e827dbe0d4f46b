/* SPDX-License-Identifier: MIT */
/*
 * A sink that takes everything and keeps nothing: for a dry run, and to measure how fast everything
 * before it is.
 */
#include <errno.h>
#include <stdlib.h>

#include "io/sink/sink_ops.h"

/* ---- Appending ---------------------------------------------------------------------------- */

static int append_bytes(struct imgz_append *append, const void *data, uint64_t bytes)
{
    (void)data;
    append->offset += bytes;
    return 0;
}

static int open_append(struct imgz_sink *sink, struct imgz_pipeline *pipeline,
                       struct imgz_append **result)
{
    return imgz_append_open_plain(sink, pipeline, append_bytes, result);
}

/* ---- Chunks in their places --------------------------------------------------------------- */

static int take(struct imgz_sparse *sparse, struct imgz_slot **result)
{
    return imgz_pipeline_take(sparse->pipeline, result);
}

static int put(struct imgz_sparse *sparse, struct imgz_slot **slot)
{
    if ((*slot)->kind == IMGZ_SLOT_DATA)
        sparse->written_bytes += (*slot)->raw_bytes;
    imgz_pipeline_give_back(sparse->pipeline, slot);
    return 0;
}

static int finish(struct imgz_sparse *sparse, uint64_t raw_bytes)
{
    (void)sparse;
    (void)raw_bytes;
    return 0;
}

static void close_sparse(struct imgz_sparse *sparse)
{
    free(sparse);
}

static int open_sparse(struct imgz_sink *sink, struct imgz_pipeline *pipeline, uint64_t raw_bytes,
                       struct imgz_sparse **result)
{
    static const struct imgz_sparse_ops ops = {
        .take = take, .put = put, .finish = finish, .close = close_sparse};
    struct imgz_sparse *sparse = malloc(sizeof(*sparse));

    (void)raw_bytes;
    if (sparse == NULL)
        return imgz_sink_raise(sink, -ENOMEM, "writing");
    *sparse = (struct imgz_sparse){.ops = &ops, .sink = sink, .pipeline = pipeline};
    *result = sparse;
    return 0;
}

/* ---- The sink ----------------------------------------------------------------------------- */

static int agree(struct imgz_sink *sink)
{
    (void)sink;
    return 0;
}

static void close_null(struct imgz_sink *sink)
{
    free(sink);
}

int imgz_sink_open_null(const struct imgz_sink_config *config, struct imgz_latch *latch,
                        struct imgz_log *log, struct imgz_sink **result)
{
    static const struct imgz_sink_ops ops = {
        .described = "to nowhere",
        .open_append = open_append,
        .open_sparse = open_sparse,
        .flush = agree,
        .commit = agree,
        .close = close_null,
    };
    struct imgz_sink *sink = malloc(sizeof(*sink));

    if (sink == NULL)
        return imgz_latch_raise_system(
            latch, -ENOMEM, (struct imgz_location){config->stage, config->path, IMGZ_OFFSET_NONE},
            "opening");
    imgz_sink_init(sink, &ops, config, latch, log);
    sink->traits = IMGZ_SINK_RANDOM;
    *result = sink;
    return 0;
}
