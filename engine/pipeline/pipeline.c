/* SPDX-License-Identifier: MIT */
#include "pipeline/pipeline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* A slot on another node than planned is only slower. */
static void place_pool(struct imgz_pipeline *pipeline)
{
    int rc = imgz_pool_place(pipeline->pool, pipeline->placement);

    if (rc < 0)
        imgz_log_line(pipeline->log, "slots are not bound to nodes: %s", strerrordesc_np(-rc));
}

int imgz_pipeline_create(const struct imgz_pool_config *config, struct imgz_latch *latch,
                         struct imgz_log *log, struct imgz_pipeline **result)
{
    return imgz_pipeline_create_placed(config, NULL, latch, log, result);
}

int imgz_pipeline_create_placed(const struct imgz_pool_config *config,
                                const struct imgz_placement *placement, struct imgz_latch *latch,
                                struct imgz_log *log, struct imgz_pipeline **result)
{
    const struct imgz_meter_config meter = {0};
    struct imgz_pipeline *pipeline = calloc(1, sizeof(*pipeline));
    int rc;

    if (pipeline == NULL)
        return -ENOMEM;
    imgz_meter_init(&pipeline->meter, &meter);
    pipeline->latch = latch;
    pipeline->log = log;
    pipeline->placement = placement;
    rc = imgz_pool_create(config, &pipeline->pool);
    if (rc < 0)
        goto out;
    place_pool(pipeline);
    rc = imgz_queue_create_nodes(config->slot_count, imgz_placement_node_count(placement),
                                 &pipeline->queue);
    if (rc < 0)
        goto out;
    rc = imgz_order_create(config->slot_count, &pipeline->order);
    if (rc < 0)
        goto out;
    *result = pipeline;
    pipeline = NULL;
out:
    imgz_pipeline_destroy(pipeline);
    return rc;
}

void imgz_pipeline_destroy(struct imgz_pipeline *pipeline)
{
    if (pipeline == NULL)
        return;
    imgz_order_destroy(pipeline->order);
    imgz_queue_destroy(pipeline->queue);
    imgz_pool_destroy(pipeline->pool);
    free(pipeline);
}

static void number_slot(struct imgz_pipeline *pipeline, struct imgz_slot *slot)
{
    slot->seq = pipeline->next_seq;
    pipeline->next_seq += 1;
}

int imgz_pipeline_take_free(struct imgz_pipeline *pipeline, struct imgz_slot **result)
{
    int rc = imgz_pool_take(pipeline->pool, result);

    if (rc == 0)
        number_slot(pipeline, *result);
    return rc;
}

int imgz_pipeline_try_take_free(struct imgz_pipeline *pipeline, struct imgz_slot **result)
{
    int rc = imgz_pool_try_take(pipeline->pool, result);

    if (rc == 0)
        number_slot(pipeline, *result);
    return rc;
}

void imgz_pipeline_untake(struct imgz_pipeline *pipeline, struct imgz_slot **slot)
{
    IMGZ_ASSERT((*slot)->seq + 1 == pipeline->next_seq);
    pipeline->next_seq -= 1;
    imgz_pool_give(pipeline->pool, slot);
}

int imgz_pipeline_feed(struct imgz_pipeline *pipeline, struct imgz_slot **slot)
{
    IMGZ_ASSERT((*slot)->pending_count == 0);
    imgz_slot_move(*slot, IMGZ_SLOT_FEED, IMGZ_SLOT_WORK);
    (*slot)->fed_zero = (*slot)->kind == IMGZ_SLOT_ZERO;
    return imgz_queue_give(pipeline->queue, slot);
}

int imgz_pipeline_take_work(struct imgz_pipeline *pipeline, uint32_t worker_index,
                            struct imgz_slot **result)
{
    return imgz_queue_take_near(pipeline->queue,
                                imgz_placement_worker_node(pipeline->placement, worker_index),
                                result);
}

void imgz_pipeline_end(struct imgz_pipeline *pipeline)
{
    imgz_queue_end(pipeline->queue);
    imgz_order_end(pipeline->order, pipeline->next_seq);
}

int imgz_pipeline_take(struct imgz_pipeline *pipeline, struct imgz_slot **result)
{
    int rc = imgz_order_take(pipeline->order, result);

    if (rc == 0)
        imgz_slot_move(*result, IMGZ_SLOT_WORK, IMGZ_SLOT_DRAIN);
    return rc;
}

int imgz_pipeline_try_take(struct imgz_pipeline *pipeline, struct imgz_slot **result)
{
    int rc = imgz_order_try_take(pipeline->order, result);

    if (rc == 0)
        imgz_slot_move(*result, IMGZ_SLOT_WORK, IMGZ_SLOT_DRAIN);
    return rc;
}

void imgz_pipeline_give_back(struct imgz_pipeline *pipeline, struct imgz_slot **slot)
{
    IMGZ_ASSERT((*slot)->state == IMGZ_SLOT_DRAIN);
    imgz_pool_give(pipeline->pool, slot);
}

void imgz_pipeline_begin_flush(struct imgz_pipeline *pipeline)
{
    pipeline->flush_start_ns = imgz_clock_ns();
    atomic_store_explicit(&pipeline->meter.phase, IMGZ_PHASE_FLUSH, memory_order_relaxed);
}

void imgz_pipeline_close(struct imgz_pipeline *pipeline)
{
    imgz_queue_close(pipeline->queue);
    imgz_order_close(pipeline->order);
    imgz_pool_close(pipeline->pool);
}
