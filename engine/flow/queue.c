/* SPDX-License-Identifier: MIT */
#include "flow/queue.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mutex.h"

struct imgz_queue {
    /* Set before any thread starts. */
    uint32_t capacity_count;

    /* Guarded by lock. */
    struct imgz_mutex lock;
    pthread_cond_t not_full;  /* waited on by give() only */
    pthread_cond_t not_empty; /* waited on by take() only */
    uint32_t head_index;
    uint32_t used_count;
    bool ended;
    bool closed;
    struct imgz_slot *slots[];
};

int imgz_queue_create(uint32_t capacity_count, struct imgz_queue **result)
{
    struct imgz_queue *queue;

    IMGZ_ASSERT(capacity_count > 0);
    queue = calloc(1, sizeof(*queue) + capacity_count * sizeof(queue->slots[0]));
    if (queue == NULL)
        return -ENOMEM;
    queue->capacity_count = capacity_count;
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
    free(queue);
}

static void put_locked(struct imgz_queue *queue, struct imgz_slot **slot)
    IMGZ_REQUIRES(queue->lock);
static void put_locked(struct imgz_queue *queue, struct imgz_slot **slot)
{
    IMGZ_ASSERT(queue->used_count < queue->capacity_count);
    queue->slots[(queue->head_index + queue->used_count) % queue->capacity_count] = *slot;
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

static void get_locked(struct imgz_queue *queue, struct imgz_slot **result)
    IMGZ_REQUIRES(queue->lock);
static void get_locked(struct imgz_queue *queue, struct imgz_slot **result)
{
    *result = queue->slots[queue->head_index];
    queue->head_index = (queue->head_index + 1) % queue->capacity_count;
    queue->used_count -= 1;
    pthread_cond_signal(&queue->not_full);
}

int imgz_queue_take(struct imgz_queue *queue, struct imgz_slot **result)
{
    int rc = 0;

    imgz_mutex_lock(&queue->lock);
    while (queue->used_count == 0 && !queue->ended && !queue->closed)
        pthread_cond_wait(&queue->not_empty, &queue->lock.handle);
    if (queue->closed)
        rc = -ECANCELED;
    else if (queue->used_count == 0)
        rc = -ENODATA;
    else
        get_locked(queue, result);
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
