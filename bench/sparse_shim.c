/* SPDX-License-Identifier: MIT */
#include "sparse_shim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/zero.h"
#include "io/sink/sparse_local.h"

#define SLOT_COUNT 12u /* as a job of two workers has */

struct imgz_sparse_shim {
    const char *path;
    size_t chunk_bytes;
    struct imgz_latch *latch;
    struct imgz_log log;
    struct imgz_pipeline *pipeline;
};

/* Takes every slot once, so that all hold the chunk and its map, and gives them back. */
static int fill_slots(struct imgz_sparse_shim *shim, const unsigned char *chunk)
{
    struct imgz_slot *slots[SLOT_COUNT] = {NULL};
    int rc = 0;

    for (size_t i = 0; i < SLOT_COUNT && rc == 0; i++) {
        rc = imgz_pool_take(shim->pipeline->pool, &slots[i]);
        if (rc == 0) {
            memcpy(slots[i]->raw, chunk, shim->chunk_bytes);
            imgz_zero_map(slots[i]->raw, shim->chunk_bytes, slots[i]->zero_map);
        }
    }
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        if (slots[i] != NULL)
            imgz_pool_give(shim->pipeline->pool, &slots[i]);
    }
    return rc;
}

int imgz_sparse_shim_create(const char *path, const unsigned char *chunk, size_t chunk_bytes,
                            struct imgz_sparse_shim **result)
{
    const struct imgz_pool_config config = {SLOT_COUNT, chunk_bytes, 0};
    struct imgz_sparse_shim *shim = calloc(1, sizeof(*shim));
    int rc;

    if (shim == NULL)
        return -ENOMEM;
    shim->path = path;
    shim->chunk_bytes = chunk_bytes;
    imgz_log_init(&shim->log, NULL, NULL);
    rc = imgz_latch_create(&shim->latch);
    if (rc < 0)
        goto out;
    rc = imgz_pipeline_create(&config, shim->latch, &shim->log, &shim->pipeline);
    if (rc < 0)
        goto out;
    rc = fill_slots(shim, chunk);
    if (rc < 0)
        goto out;
    *result = shim;
    shim = NULL;
out:
    imgz_sparse_shim_destroy(shim);
    return rc;
}

void imgz_sparse_shim_destroy(struct imgz_sparse_shim *shim)
{
    if (shim == NULL)
        return;
    if (shim->pipeline != NULL)
        imgz_pipeline_close(shim->pipeline);
    imgz_pipeline_destroy(shim->pipeline);
    imgz_latch_destroy(shim->latch);
    imgz_log_fini(&shim->log);
    free(shim);
}

static struct imgz_aio_loop *loop_of(struct imgz_sparse *sparse)
{
    return &((struct imgz_sparse_local *)(void *)sparse)->loop;
}

/* One slot through the whole pipeline, as if a worker had checked it. */
static int put_chunk(struct imgz_sparse_shim *shim, struct imgz_sparse *sparse, uint64_t offset)
{
    struct imgz_slot *slot = NULL;
    int rc = imgz_aio_loop_take(loop_of(sparse), imgz_pipeline_try_take_free,
                                imgz_pipeline_take_free, &slot);

    if (rc < 0)
        return rc;
    slot->kind = IMGZ_SLOT_DATA;
    slot->raw_offset = offset;
    slot->raw_bytes = shim->chunk_bytes;
    slot->checked = true;
    rc = imgz_pipeline_feed(shim->pipeline, &slot);
    if (rc == 0)
        rc = imgz_queue_take(shim->pipeline->queue, &slot);
    if (rc == 0)
        rc = imgz_order_give(shim->pipeline->order, &slot);
    if (rc == 0)
        rc = imgz_sparse_take(sparse, &slot);
    return rc == 0 ? imgz_sparse_put(sparse, &slot) : rc;
}

static int put_all(struct imgz_sparse_shim *shim, struct imgz_sparse *sparse, uint64_t chunk_count)
{
    for (uint64_t i = 0; i < chunk_count; i++) {
        int rc = put_chunk(shim, sparse, i * shim->chunk_bytes);

        if (rc < 0)
            return rc;
    }
    return imgz_aio_loop_settle(loop_of(sparse));
}

int imgz_sparse_shim_write(struct imgz_sparse_shim *shim, uint64_t chunk_count,
                           uint64_t *written_bytes)
{
    static const struct imgz_sink_ops ops = {.open_sparse = imgz_sparse_open_local};
    struct imgz_sink sink = {
        .ops = &ops,
        .traits = IMGZ_SINK_RANDOM | IMGZ_SINK_NAMED,
        .stage = IMGZ_STAGE_WRITE_TARGET,
        .path = shim->path,
        .fd = open(shim->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600),
        .direct_fd = open(shim->path, O_WRONLY | O_DIRECT | O_CLOEXEC), /* -1: not there */
        .size_bytes = IMGZ_SIZE_UNKNOWN,
        .latch = shim->latch,
        .log = &shim->log,
    };
    struct imgz_sparse *sparse = NULL;
    int rc = sink.fd < 0 ? -errno : 0;

    if (rc == 0)
        rc = imgz_sparse_open(&sink, shim->pipeline, chunk_count * shim->chunk_bytes, &sparse);
    if (rc == 0) {
        rc = put_all(shim, sparse, chunk_count);
        *written_bytes = sparse->written_bytes;
        imgz_sparse_close(sparse);
    }
    if (sink.direct_fd >= 0)
        close(sink.direct_fd);
    if (sink.fd >= 0 && close(sink.fd) < 0 && rc == 0)
        rc = -errno;
    return rc;
}
