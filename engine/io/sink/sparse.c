/* SPDX-License-Identifier: MIT */
#include "io/sink/sparse.h"

#include "io/sink/sink_ops.h"

int imgz_sparse_open(struct imgz_sink *sink, struct imgz_pipeline *pipeline, uint64_t raw_bytes,
                     struct imgz_sparse **result)
{
    IMGZ_ASSERT(imgz_sink_is(sink, IMGZ_SINK_RANDOM));
    /* A new file exists already; a device is unchanged until there is something to put. */
    sink->begun = imgz_sink_is(sink, IMGZ_SINK_NAMED);
    return sink->ops->open_sparse(sink, pipeline, raw_bytes, result);
}

int imgz_sparse_take(struct imgz_sparse *sparse, struct imgz_slot **result)
{
    return sparse->ops->take(sparse, result);
}

int imgz_sparse_put(struct imgz_sparse *sparse, struct imgz_slot **slot)
{
    IMGZ_ASSERT((*slot)->checked);
    IMGZ_ASSERT((*slot)->raw_offset % IMGZ_BLOCK_BYTES == 0);
    return sparse->ops->put(sparse, slot);
}

int imgz_sparse_finish(struct imgz_sparse *sparse, uint64_t raw_bytes)
{
    int rc = sparse->ops->finish(sparse, raw_bytes);

    if (rc < 0)
        return rc;
    imgz_pipeline_begin_flush(sparse->pipeline);
    return imgz_sink_flush(sparse->sink);
}

void imgz_sparse_close(struct imgz_sparse *sparse)
{
    if (sparse != NULL)
        sparse->ops->close(sparse);
}
