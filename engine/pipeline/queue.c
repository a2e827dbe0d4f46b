/* SPDX-License-Identifier: MIT */
#include "pipeline/queue.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mutex.h"
#include "pipeline/slot.h"

/* The slots of one node, in the order they came: a ring. */
struct lane {
    uint32_t head_index;
    uint32_t used_count;
    struct imgz_slot **slots; /* capacity_count of them */
};

struct imgz_queue {
    /* Set before any thread starts. */
    uint32_t capacity_count; /* of all lanes together */
    uint32_t lane_count;
    struct imgz_slot **slots; /* of the lanes */

    /* Guarded by lock. */
    struct imgz_mutex lock;
    pthread_cond_t not_full;  /* waited on by give() only */
    pthread_cond_t not_empty; /* waited on by take() only */
    uint32_t used_count;      /* of all lanes together */
    bool ended;
    bool closed;
    struct lane lanes[];
};

int imgz_queue_create(uint32_t capacity_count, struct imgz_queue **result)
{
    return imgz_queue_create_nodes(capacity_count, 1, result);
}

int imgz_queue_create_nodes(uint32_t capacity_count, uint32_t node_count,
                            struct imgz_queue **result)
{
    struct imgz_queue *queue;

    IMGZ_ASSERT(capacity_count > 0);
    IMGZ_ASSERT(node_count > 0);
    queue = calloc(1, sizeof(*queue) + node_count * sizeof(queue->lanes[0]));
    if (queue == NULL)
        return -ENOMEM;
    /* All slots may end up in one lane. */
    queue->slots = calloc((size_t)node_count * capacity_count, sizeof(struct imgz_slot *));
    if (queue->slots == NULL) {
        free(queue);
        return -ENOMEM;
    }
    queue->capacity_count = capacity_count;
    queue->lane_count = node_count;
    for (uint32_t i = 0; i < node_count; i++)
        queue->lanes[i].slots = queue->slots + (size_t)i * capacity_count;
    imgz_mutex_init(&queue->lock);
    imgz_never_fails(pthread_cond_init(&queue->not_full, NULL));
    imgz_never_fails(pthread_cond_init(&queue->not_empty, NULL));
    *result = queue;
    return 0;
}

void imgz_queue_destroy(struct imgz_queue *queue)
{
    if (queue == NULL)
        return;
    IMGZ_ASSERT(queue->closed || queue->used_count == 0);
    imgz_never_fails(pthread_cond_destroy(&queue->not_full));
    imgz_never_fails(pthread_cond_destroy(&queue->not_empty));
    imgz_mutex_fini(&queue->lock);
    free(queue->slots);
    free(queue);
}

static void put_locked(struct imgz_queue *queue, struct imgz_slot **slot)
    IMGZ_REQUIRES(queue->lock);
static void put_locked(struct imgz_queue *queue, struct imgz_slot **slot)
{
    struct lane *lane = &queue->lanes[(*slot)->node_index];

    IMGZ_ASSERT((*slot)->node_index < queue->lane_count);
    IMGZ_ASSERT(queue->used_count < queue->capacity_count);
    lane->slots[(lane->head_index + lane->used_count) % queue->capacity_count] = *slot;
    lane->used_count += 1;
    queue->used_count += 1;
    *slot = NULL;
    pthread_cond_signal(&queue->not_empty);
}

int imgz_queue_give(struct imgz_queue *queue, struct imgz_slot **slot)
{
    int rc = 0;

    IMGZ_ASSERT(*slot != NULL);
    imgz_mutex_lock(&queue->lock);
    IMGZ_ASSERT(!queue->ended);
    while (queue->used_count == queue->capacity_count && !queue->closed)
        pthread_cond_wait(&queue->not_full, &queue->lock.handle);
    if (queue->closed)
        rc = -ECANCELED;
    else
        put_locked(queue, slot);
    imgz_mutex_unlock(&queue->lock);
    return rc;
}

/* The lane to take from: 'lane' itself, or if it is empty the one whose head is the first in disk
 * order, which the drain may be waiting for. */
static struct lane *find_lane_locked(struct imgz_queue *queue, struct lane *lane)
    IMGZ_REQUIRES(queue->lock);
static struct lane *find_lane_locked(struct imgz_queue *queue, struct lane *lane)
{
    uint64_t lowest_seq = UINT64_MAX;

    if (lane->used_count > 0)
        return lane;
    for (uint32_t i = 0; i < queue->lane_count; i++) {
        struct lane *other = &queue->lanes[i];

        if (other->used_count == 0 || other->slots[other->head_index]->seq >= lowest_seq)
            continue;
        lowest_seq = other->slots[other->head_index]->seq;
        lane = other;
    }
    return lane;
}

static void get_locked(struct imgz_queue *queue, struct lane *near, struct imgz_slot **result)
    IMGZ_REQUIRES(queue->lock);
static void get_locked(struct imgz_queue *queue, struct lane *near, struct imgz_slot **result)
{
    struct lane *lane = find_lane_locked(queue, near);

    IMGZ_ASSERT(lane->used_count > 0);
    *result = lane->slots[lane->head_index];
    lane->head_index = (lane->head_index + 1) % queue->capacity_count;
    lane->used_count -= 1;
    queue->used_count -= 1;
    pthread_cond_signal(&queue->not_full);
}

int imgz_queue_take(struct imgz_queue *queue, struct imgz_slot **result)
{
    return imgz_queue_take_near(queue, 0, result);
}

int imgz_queue_take_near(struct imgz_queue *queue, uint32_t node_index, struct imgz_slot **result)
{
    int rc = 0;

    IMGZ_ASSERT(node_index < queue->lane_count);
    imgz_mutex_lock(&queue->lock);
    while (queue->used_count == 0 && !queue->ended && !queue->closed)
        pthread_cond_wait(&queue->not_empty, &queue->lock.handle);
    if (queue->closed)
        rc = -ECANCELED;
    else if (queue->used_count == 0)
        rc = -ENODATA;
    else
        get_locked(queue, &queue->lanes[node_index], result);
    imgz_mutex_unlock(&queue->lock);
    return rc;
}

void imgz_queue_end(struct imgz_queue *queue)
{
    imgz_mutex_lock(&queue->lock);
    queue->ended = true;
    pthread_cond_broadcast(&queue->not_empty);
    imgz_mutex_unlock(&queue->lock);
}

void imgz_queue_close(struct imgz_queue *queue)
{
    imgz_mutex_lock(&queue->lock);
    queue->closed = true;
    pthread_cond_broadcast(&queue->not_full);
    pthread_cond_broadcast(&queue->not_empty);
    imgz_mutex_unlock(&queue->lock);
}
