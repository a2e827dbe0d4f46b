/* SPDX-License-Identifier: MIT */
#include "pipeline/pipeline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* A slot that is not where it should be is only slower. */
static void place_pool(struct imgz_line *line)
{
    int rc = imgz_pool_place(line->pool, line->placement);

    if (rc < 0)
        imgz_log_line(line->log, "slots lie on any node: %s", strerrordesc_np(-rc));
}

int imgz_line_create(const struct imgz_pool_config *config, struct imgz_stop *stop,
                     struct imgz_log *log, struct imgz_line **result)
{
    return imgz_line_create_placed(config, NULL, stop, log, result);
}

int imgz_line_create_placed(const struct imgz_pool_config *config,
                            const struct imgz_placement *placement, struct imgz_stop *stop,
                            struct imgz_log *log, struct imgz_line **result)
{
    const struct imgz_meter_config meter = {0};
    struct imgz_line *line = calloc(1, sizeof(*line));
    int rc;

    if (line == NULL)
        return -ENOMEM;
    imgz_meter_init(&line->meter, &meter);
    line->stop = stop;
    line->log = log;
    line->placement = placement;
    rc = imgz_pool_create(config, &line->pool);
    if (rc < 0)
        goto out;
    place_pool(line);
    rc = imgz_queue_create_nodes(config->slot_count, imgz_placement_node_count(placement),
                                 &line->queue);
    if (rc < 0)
        goto out;
    rc = imgz_order_create(config->slot_count, &line->order);
    if (rc < 0)
        goto out;
    *result = line;
    line = NULL;
out:
    imgz_line_destroy(line);
    return rc;
}

void imgz_line_destroy(struct imgz_line *line)
{
    if (line == NULL)
        return;
    imgz_order_destroy(line->order);
    imgz_queue_destroy(line->queue);
    imgz_pool_destroy(line->pool);
    free(line);
}

static void number_slot(struct imgz_line *line, struct imgz_slot *slot)
{
    slot->seq = line->next_seq;
    line->next_seq += 1;
}

int imgz_line_take_free(struct imgz_line *line, struct imgz_slot **result)
{
    int rc = imgz_pool_take(line->pool, result);

    if (rc == 0)
        number_slot(line, *result);
    return rc;
}

int imgz_line_try_take_free(struct imgz_line *line, struct imgz_slot **result)
{
    int rc = imgz_pool_try_take(line->pool, result);

    if (rc == 0)
        number_slot(line, *result);
    return rc;
}

void imgz_line_untake(struct imgz_line *line, struct imgz_slot **slot)
{
    IMGZ_ASSERT((*slot)->seq + 1 == line->next_seq);
    line->next_seq -= 1;
    imgz_pool_give(line->pool, slot);
}

int imgz_line_feed(struct imgz_line *line, struct imgz_slot **slot)
{
    IMGZ_ASSERT((*slot)->pending_count == 0);
    imgz_slot_move(*slot, IMGZ_SLOT_FEED, IMGZ_SLOT_WORK);
    (*slot)->fed_zero = (*slot)->kind == IMGZ_SLOT_ZERO;
    return imgz_queue_give(line->queue, slot);
}

int imgz_line_take_work(struct imgz_line *line, uint32_t worker_index, struct imgz_slot **result)
{
    return imgz_queue_take_near(line->queue,
                                imgz_placement_worker_node(line->placement, worker_index), result);
}

void imgz_line_end(struct imgz_line *line)
{
    imgz_queue_end(line->queue);
    imgz_order_end(line->order, line->next_seq);
}

int imgz_line_take(struct imgz_line *line, struct imgz_slot **result)
{
    int rc = imgz_order_take(line->order, result);

    if (rc == 0)
        imgz_slot_move(*result, IMGZ_SLOT_WORK, IMGZ_SLOT_DRAIN);
    return rc;
}

int imgz_line_try_take(struct imgz_line *line, struct imgz_slot **result)
{
    int rc = imgz_order_try_take(line->order, result);

    if (rc == 0)
        imgz_slot_move(*result, IMGZ_SLOT_WORK, IMGZ_SLOT_DRAIN);
    return rc;
}

void imgz_line_give_back(struct imgz_line *line, struct imgz_slot **slot)
{
    IMGZ_ASSERT((*slot)->state == IMGZ_SLOT_DRAIN);
    imgz_pool_give(line->pool, slot);
}

void imgz_line_begin_flush(struct imgz_line *line)
{
    line->flush_start_ns = imgz_clock_ns();
    atomic_store_explicit(&line->meter.phase, IMGZ_PHASE_FLUSH, memory_order_relaxed);
}

void imgz_line_close(struct imgz_line *line)
{
    imgz_queue_close(line->queue);
    imgz_order_close(line->order);
    imgz_pool_close(line->pool);
}
