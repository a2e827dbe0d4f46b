/* SPDX-License-Identifier: MIT */
/*
 * The production line of one job: slots, the queue to the workers, the order to the drain, the
 * latch that stops it all and the meter that shows how far it is.
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

struct imgz_line {
    /* Set before any thread starts. */
    struct imgz_pool *pool;
    struct imgz_queue *queue;
    struct imgz_order *order;
    struct imgz_stop *stop;
    struct imgz_log *log;
    const struct imgz_placement *placement; /* may be NULL */

    struct imgz_meter meter;

    /* Owned by the feeder. */
    uint64_t next_seq;

    /* Owned by the drain. */
    uint64_t flush_start_ns; /* 0 before the flush */
};

/* 'stop' and 'log' must outlive the line. 0, or -ENOMEM. */
IMGZ_MUST_CHECK int imgz_line_create(const struct imgz_pool_config *config, struct imgz_stop *stop,
                                     struct imgz_log *log, struct imgz_line **result);

/* The same with slots on the nodes that 'placement' has for them; it must outlive the line. */
IMGZ_MUST_CHECK int imgz_line_create_placed(const struct imgz_pool_config *config,
                                            const struct imgz_placement *placement,
                                            struct imgz_stop *stop, struct imgz_log *log,
                                            struct imgz_line **result);
void imgz_line_destroy(struct imgz_line *line); /* accepts NULL; all threads joined */

/* For a worker: the next filled slot, of its own node if there is one. -ENODATA at the end. */
IMGZ_MUST_CHECK int imgz_line_take_work(struct imgz_line *line, uint32_t worker_index,
                                        struct imgz_slot **result);

/* For the feeder: a free slot, numbered with the next seq. */
IMGZ_MUST_CHECK int imgz_line_take_free(struct imgz_line *line, struct imgz_slot **result);
IMGZ_MUST_CHECK int imgz_line_try_take_free(struct imgz_line *line, struct imgz_slot **result);

/* For the feeder: the slot taken last is not needed after all. */
void imgz_line_untake(struct imgz_line *line, struct imgz_slot **slot);

/* For the feeder: a filled slot goes to the workers. */
IMGZ_MUST_CHECK int imgz_line_feed(struct imgz_line *line, struct imgz_slot **slot);

/* For the feeder: all slots taken so far were fed, and there will be no more. */
void imgz_line_end(struct imgz_line *line);

/* For the drain: the next slot in disk order. */
IMGZ_MUST_CHECK int imgz_line_take(struct imgz_line *line, struct imgz_slot **result);
IMGZ_MUST_CHECK int imgz_line_try_take(struct imgz_line *line, struct imgz_slot **result);

/* For the drain: done with it. */
void imgz_line_give_back(struct imgz_line *line, struct imgz_slot **slot);

/* For the drain: everything was handed to the system, now it has to be flushed. */
void imgz_line_begin_flush(struct imgz_line *line);

/* Ends the work of every stage at once. The reason should have been raised before. */
void imgz_line_close(struct imgz_line *line);

#endif /* IMGZ_PIPELINE_H */
