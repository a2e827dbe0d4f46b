/* SPDX-License-Identifier: MIT */
#include "pipeline/order.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mutex.h"
#include "pipeline/slot.h"

struct imgz_order {
    /* Set before any thread starts. */
    uint32_t window_count;

    /* Guarded by lock. */
    struct imgz_mutex lock;
    pthread_cond_t next_ready; /* waited on by take() only */
    uint64_t next_seq;
    uint64_t item_count; /* UINT64_MAX until end() */
    bool closed;
    struct imgz_slot *window[]; /* seq % window_count */
};

int imgz_order_create(uint32_t window_count, struct imgz_order **result)
{
    struct imgz_order *order;

    IMGZ_ASSERT(window_count > 0);
    order = calloc(1, sizeof(*order) + window_count * sizeof(order->window[0]));
    if (order == NULL)
        return -ENOMEM;
    order->window_count = window_count;
    order->item_count = UINT64_MAX;
    imgz_mutex_init(&order->lock);
    imgz_never_fails(pthread_cond_init(&order->next_ready, NULL));
    *result = order;
    return 0;
}

void imgz_order_destroy(struct imgz_order *order)
{
    if (order == NULL)
        return;
    imgz_never_fails(pthread_cond_destroy(&order->next_ready));
    imgz_mutex_fini(&order->lock);
    free(order);
}

int imgz_order_give(struct imgz_order *order, struct imgz_slot **slot)
{
    const uint64_t seq = (*slot)->seq;
    int rc = 0;

    imgz_mutex_lock(&order->lock);
    if (order->closed) {
        rc = -ECANCELED;
    } else {
        IMGZ_ASSERT(seq >= order->next_seq);
        IMGZ_ASSERT(seq - order->next_seq < order->window_count);
        IMGZ_ASSERT(order->window[seq % order->window_count] == NULL);
        order->window[seq % order->window_count] = *slot;
        *slot = NULL;
        if (seq == order->next_seq)
            pthread_cond_signal(&order->next_ready);
    }
    imgz_mutex_unlock(&order->lock);
    return rc;
}

static int take_locked(struct imgz_order *order, struct imgz_slot **result)
    IMGZ_REQUIRES(order->lock);
static int take_locked(struct imgz_order *order, struct imgz_slot **result)
{
    struct imgz_slot **place = &order->window[order->next_seq % order->window_count];

    if (order->closed)
        return -ECANCELED;
    if (order->next_seq == order->item_count)
        return -ENODATA;
    if (*place == NULL)
        return -EAGAIN;
    IMGZ_ASSERT((*place)->seq == order->next_seq);
    *result = *place;
    *place = NULL;
    order->next_seq += 1;
    return 0;
}

int imgz_order_take(struct imgz_order *order, struct imgz_slot **result)
{
    int rc;

    imgz_mutex_lock(&order->lock);
    while ((rc = take_locked(order, result)) == -EAGAIN)
        pthread_cond_wait(&order->next_ready, &order->lock.handle);
    imgz_mutex_unlock(&order->lock);
    return rc;
}

int imgz_order_try_take(struct imgz_order *order, struct imgz_slot **result)
{
    int rc;

    imgz_mutex_lock(&order->lock);
    rc = take_locked(order, result);
    imgz_mutex_unlock(&order->lock);
    return rc;
}

void imgz_order_end(struct imgz_order *order, uint64_t item_count)
{
    imgz_mutex_lock(&order->lock);
    IMGZ_ASSERT(item_count >= order->next_seq);
    order->item_count = item_count;
    pthread_cond_signal(&order->next_ready);
    imgz_mutex_unlock(&order->lock);
}

void imgz_order_close(struct imgz_order *order)
{
    imgz_mutex_lock(&order->lock);
    order->closed = true;
    pthread_cond_signal(&order->next_ready);
    imgz_mutex_unlock(&order->lock);
}
