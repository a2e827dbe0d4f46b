/* SPDX-License-Identifier: MIT */
#include "io/sink/append.h"

#include <errno.h>
#include <stdlib.h>

#include "io/sink/sink_ops.h"

int imgz_append_open(struct imgz_sink *sink, struct imgz_pipeline *pipeline,
                     struct imgz_append **result)
{
    sink->begun = true;
    return sink->ops->open_append(sink, pipeline, result);
}

int imgz_append_resume(struct imgz_append *append, uint64_t offset)
{
    IMGZ_ASSERT(append->sink->taken_over && append->offset == 0);
    return append->ops->resume(append, offset);
}

int imgz_append_bytes(struct imgz_append *append, const void *data, uint64_t bytes)
{
    return append->ops->bytes(append, data, bytes);
}

int imgz_append_settle(struct imgz_append *append)
{
    return append->ops->settle(append);
}

int imgz_append_finish(struct imgz_append *append)
{
    int rc = append->ops->finish(append);

    if (rc < 0)
        return rc;
    imgz_pipeline_begin_flush(append->pipeline);
    return imgz_sink_flush(append->sink);
}

void imgz_append_close(struct imgz_append *append)
{
    if (append != NULL)
        append->ops->close(append);
}

int imgz_append_raise(const struct imgz_append *append, int rc, uint64_t offset)
{
    return imgz_latch_raise_system(append->pipeline->latch, rc,
                                   imgz_sink_location(append->sink, offset), "writing");
}

/* ---- Without buffers ---------------------------------------------------------------------- */

static int do_nothing(struct imgz_append *append)
{
    (void)append;
    return 0;
}

static void close_plain(struct imgz_append *append)
{
    free(append);
}

struct plain_append {
    struct imgz_append append;
    struct imgz_append_ops ops;
};

int imgz_append_open_plain(struct imgz_sink *sink, struct imgz_pipeline *pipeline,
                           int (*bytes)(struct imgz_append *append, const void *data,
                                        uint64_t bytes),
                           struct imgz_append **result)
{
    struct plain_append *plain = malloc(sizeof(*plain));

    if (plain == NULL)
        return imgz_sink_raise(sink, -ENOMEM, "writing");
    plain->ops = (struct imgz_append_ops){
        .bytes = bytes, .settle = do_nothing, .finish = do_nothing, .close = close_plain};
    plain->append = (struct imgz_append){.ops = &plain->ops, .sink = sink, .pipeline = pipeline};
    *result = &plain->append;
    return 0;
}
