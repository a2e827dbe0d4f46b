/* SPDX-License-Identifier: MIT */
/*
 * The pipeline of one job: slots, the queue to the workers, the order to the drain, the latch that
 * stops everything, and the meter that shows how far it is.
 *
 *     pool -> feeder -> queue -> workers -> order -> drain -> pool
 *
 * Threads    one feeder, any number of workers, one drain; close() from any.
 * Ownership  as slot.h: every function that hands a slot on clears the giver's pointer.
 * Errors     -ECANCELED once closed; -ENODATA at the end; -EAGAIN from try_ functions.
 * Memory     all in create().
 */
#ifndef IMGZ_PIPELINE_H
#define IMGZ_PIPELINE_H

#include "machine/placement.h"
#include "pipeline/latch.h"
#include "pipeline/log.h"
#include "pipeline/meter.h"
#include "pipeline/order.h"
#include "pipeline/queue.h"
#include "pipeline/slot.h"

struct imgz_pipeline {
    /* Set before any thread starts. */
    struct imgz_pool *pool;
    struct imgz_queue *queue;
    struct imgz_order *order;
    struct imgz_latch *latch;
    struct imgz_log *log;
    const struct imgz_placement *placement; /* may be NULL */

    struct imgz_meter meter;

    /* Owned by the feeder. */
    uint64_t next_seq;

    /* Owned by the drain. */
    uint64_t flush_start_ns; /* 0 before the flush */
};

/* 'latch' and 'log' must outlive the pipeline. 0, or -ENOMEM. */
IMGZ_MUST_CHECK int imgz_pipeline_create(const struct imgz_pool_config *config,
                                         struct imgz_latch *latch, struct imgz_log *log,
                                         struct imgz_pipeline **result);

/* The same with slots on the nodes that 'placement' chose for them; it must outlive the
 * pipeline. */
IMGZ_MUST_CHECK int imgz_pipeline_create_placed(const struct imgz_pool_config *config,
                                                const struct imgz_placement *placement,
                                                struct imgz_latch *latch, struct imgz_log *log,
                                                struct imgz_pipeline **result);
void imgz_pipeline_destroy(struct imgz_pipeline *pipeline); /* accepts NULL; all threads joined */

/* For a worker: the next filled slot, of its own node if there is one. -ENODATA at the end. */
IMGZ_MUST_CHECK int imgz_pipeline_take_work(struct imgz_pipeline *pipeline, uint32_t worker_index,
                                            struct imgz_slot **result);

/* For the feeder: a free slot, numbered with the next seq. */
IMGZ_MUST_CHECK int imgz_pipeline_take_free(struct imgz_pipeline *pipeline,
                                            struct imgz_slot **result);
IMGZ_MUST_CHECK int imgz_pipeline_try_take_free(struct imgz_pipeline *pipeline,
                                                struct imgz_slot **result);

/* For the feeder: the slot taken last is not needed after all. */
void imgz_pipeline_untake(struct imgz_pipeline *pipeline, struct imgz_slot **slot);

/* For the feeder: a filled slot goes to the workers. */
IMGZ_MUST_CHECK int imgz_pipeline_feed(struct imgz_pipeline *pipeline, struct imgz_slot **slot);

/* For the feeder: all slots taken so far were fed, and there will be no more. */
void imgz_pipeline_end(struct imgz_pipeline *pipeline);

/* For the drain: the next slot in disk order. */
IMGZ_MUST_CHECK int imgz_pipeline_take(struct imgz_pipeline *pipeline, struct imgz_slot **result);
IMGZ_MUST_CHECK int imgz_pipeline_try_take(struct imgz_pipeline *pipeline,
                                           struct imgz_slot **result);

/* For the drain: it is done with the slot. */
void imgz_pipeline_give_back(struct imgz_pipeline *pipeline, struct imgz_slot **slot);

/* For the drain: everything was handed to the system and must now be flushed. */
void imgz_pipeline_begin_flush(struct imgz_pipeline *pipeline);

/* Ends the work of every stage at once. The reason should have been raised before. */
void imgz_pipeline_close(struct imgz_pipeline *pipeline);

#endif /* IMGZ_PIPELINE_H */
