/* SPDX-License-Identifier: MIT */
#include "pipeline/slot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/mutex.h"
#include "base/pages.h"
#include "machine/placement.h"

/* Slots are registered up to chunks of 2 MiB. At 16 MiB a request takes so long that the kernel's
 * own pinning, page by page, does not matter. */
#define PINNED_SLOT_BYTES_MAX ((uint64_t)5 << 20)

struct imgz_pool {
    /* Set before any thread starts. */
    uint32_t slot_count;
    unsigned char *memory;
    uint64_t memory_bytes;
    uint64_t stored_bytes;         /* of one slot */
    uint64_t unreadable_map_bytes; /* of one slot */
    uint8_t *zero_maps;
    uint8_t *unreadable_maps;
    struct imgz_slot *slots;

    /* Guarded by lock. */
    struct imgz_mutex lock;
    pthread_cond_t not_empty; /* waited on by take() only */
    bool closed;
    uint32_t free_count;
    uint32_t *free_indexes; /* a stack: the slot used last is warm in the cache */
};

void imgz_slot_move(struct imgz_slot *slot, enum imgz_slot_state from, enum imgz_slot_state to)
{
    IMGZ_ASSERT(slot->state == from);
    slot->state = to;
}

/* Lays slots out over the mapping: raw and stored buffer of slot 0, of slot 1, and so on. */
static void lay_out_slots(struct imgz_pool *pool, uint64_t raw_bytes, uint64_t stored_bytes)
{
    const uint64_t map_bytes = raw_bytes / IMGZ_BLOCK_BYTES;

    for (uint32_t i = 0; i < pool->slot_count; i++) {
        struct imgz_slot *slot = &pool->slots[i];
        unsigned char *at = pool->memory + i * (raw_bytes + stored_bytes);

        slot->slot_index = i;
        slot->raw = raw_bytes > 0 ? at : NULL;
        slot->stored = stored_bytes > 0 ? at + raw_bytes : NULL;
        slot->zero_map = pool->zero_maps + i * map_bytes;
        slot->unreadable_map = pool->unreadable_maps + i * pool->unreadable_map_bytes;
        /* Filled from the back, so that slot 0 is taken first. */
        pool->free_indexes[pool->slot_count - 1 - i] = i;
    }
    pool->free_count = pool->slot_count;
}

uint64_t imgz_pool_slot_bytes(const struct imgz_pool_config *config)
{
    return imgz_align_up(config->raw_capacity_bytes, IMGZ_BLOCK_BYTES) +
           imgz_align_up(config->stored_capacity_bytes, IMGZ_BLOCK_BYTES);
}

int imgz_pool_create(const struct imgz_pool_config *config, struct imgz_pool **result)
{
    const uint64_t raw_bytes = imgz_align_up(config->raw_capacity_bytes, IMGZ_BLOCK_BYTES);
    const uint64_t stored_bytes = imgz_align_up(config->stored_capacity_bytes, IMGZ_BLOCK_BYTES);
    struct imgz_pool *pool = calloc(1, sizeof(*pool));
    int rc = -ENOMEM;

    IMGZ_ASSERT(config->slot_count > 0);
    if (pool == NULL)
        return -ENOMEM;
    imgz_mutex_init(&pool->lock);
    imgz_never_fails(pthread_cond_init(&pool->not_empty, NULL));
    pool->memory = MAP_FAILED;
    pool->slot_count = config->slot_count;
    pool->stored_bytes = stored_bytes;
    /* Slots without buffers still leave one block to map, and to register. */
    pool->memory_bytes =
        imgz_max(config->slot_count * (raw_bytes + stored_bytes), IMGZ_BLOCK_BYTES);
    pool->slots = calloc(config->slot_count, sizeof(*pool->slots));
    pool->free_indexes = calloc(config->slot_count, sizeof(*pool->free_indexes));
    pool->zero_maps = calloc(config->slot_count, raw_bytes / IMGZ_BLOCK_BYTES + 1);
    pool->unreadable_map_bytes = raw_bytes / IMGZ_SECTOR_BYTES;
    pool->unreadable_maps = calloc(config->slot_count, pool->unreadable_map_bytes + 1);
    if (pool->slots == NULL || pool->free_indexes == NULL || pool->zero_maps == NULL ||
        pool->unreadable_maps == NULL)
        goto out;
    pool->memory = imgz_pages_map(pool->memory_bytes);
    if (pool->memory == MAP_FAILED)
        goto out;
    lay_out_slots(pool, raw_bytes, stored_bytes);
    *result = pool;
    pool = NULL;
    rc = 0;
out:
    imgz_pool_destroy(pool);
    return rc;
}

int imgz_pool_place(struct imgz_pool *pool, const struct imgz_placement *placement)
{
    const uint64_t slot_bytes = pool->memory_bytes / pool->slot_count;
    uint32_t first = 0;
    int rc = 0;

    IMGZ_ASSERT(pool->free_count == pool->slot_count);
    for (uint32_t i = 0; i < pool->slot_count; i++)
        pool->slots[i].node_index = imgz_placement_slot_node(placement, i);
    while (first < pool->slot_count) {
        const uint32_t node = pool->slots[first].node_index;
        uint32_t end = first + 1;
        int bind_rc;

        while (end < pool->slot_count && pool->slots[end].node_index == node)
            end += 1;
        bind_rc = imgz_placement_bind_memory(placement, node, pool->memory + first * slot_bytes,
                                             (end - first) * slot_bytes);
        rc = rc == 0 ? bind_rc : rc;
        first = end;
    }
    return rc;
}

void imgz_pool_destroy(struct imgz_pool *pool)
{
    if (pool == NULL)
        return;
    IMGZ_ASSERT(pool->closed || pool->memory == MAP_FAILED || pool->free_count == pool->slot_count);
    if (pool->memory != MAP_FAILED)
        munmap(pool->memory, pool->memory_bytes);
    free(pool->zero_maps);
    free(pool->unreadable_maps);
    free(pool->free_indexes);
    free(pool->slots);
    imgz_never_fails(pthread_cond_destroy(&pool->not_empty));
    imgz_mutex_fini(&pool->lock);
    free(pool);
}

static int take_locked(struct imgz_pool *pool, struct imgz_slot **result) IMGZ_REQUIRES(pool->lock);
static int take_locked(struct imgz_pool *pool, struct imgz_slot **result)
{
    struct imgz_slot *slot;

    if (pool->closed)
        return -ECANCELED;
    if (pool->free_count == 0)
        return -EAGAIN;
    pool->free_count -= 1;
    slot = &pool->slots[pool->free_indexes[pool->free_count]];
    imgz_slot_move(slot, IMGZ_SLOT_FREE, IMGZ_SLOT_FEED);
    slot->fault = IMGZ_FAULT_NONE;
    slot->checked = false;
    slot->is_stored = false;
    slot->is_encoded = false;
    slot->read_deferred = false;
    slot->unchanged = false;
    slot->image_failed = false;
    slot->differ_count = 0;
    slot->differ_offset = 0;
    slot->read_bytes = 0;
    if (slot->unreadable_count > 0)
        memset(slot->unreadable_map, 0, pool->unreadable_map_bytes);
    slot->unreadable_count = 0;
    slot->pending_count = 0;
    slot->stored_bytes = 0;
    *result = slot;
    return 0;
}

int imgz_pool_take(struct imgz_pool *pool, struct imgz_slot **result)
{
    int rc;

    imgz_mutex_lock(&pool->lock);
    while (pool->free_count == 0 && !pool->closed)
        pthread_cond_wait(&pool->not_empty, &pool->lock.handle);
    rc = take_locked(pool, result);
    imgz_mutex_unlock(&pool->lock);
    return rc;
}

int imgz_pool_try_take(struct imgz_pool *pool, struct imgz_slot **result)
{
    int rc;

    imgz_mutex_lock(&pool->lock);
    rc = take_locked(pool, result);
    imgz_mutex_unlock(&pool->lock);
    return rc;
}

void imgz_pool_give(struct imgz_pool *pool, struct imgz_slot **slot)
{
    IMGZ_ASSERT((*slot)->state != IMGZ_SLOT_FREE);
    IMGZ_ASSERT((*slot)->pending_count == 0);
    imgz_mutex_lock(&pool->lock);
    IMGZ_ASSERT(pool->free_count < pool->slot_count);
    (*slot)->state = IMGZ_SLOT_FREE;
    pool->free_indexes[pool->free_count] = (*slot)->slot_index;
    pool->free_count += 1;
    *slot = NULL;
    pthread_cond_signal(&pool->not_empty);
    imgz_mutex_unlock(&pool->lock);
}

void imgz_pool_close(struct imgz_pool *pool)
{
    imgz_mutex_lock(&pool->lock);
    pool->closed = true;
    pthread_cond_broadcast(&pool->not_empty);
    imgz_mutex_unlock(&pool->lock);
}

uint32_t imgz_pool_slot_count(const struct imgz_pool *pool)
{
    return pool->slot_count;
}

uint64_t imgz_pool_stored_bytes(const struct imgz_pool *pool)
{
    return pool->stored_bytes;
}

void imgz_pool_memory(const struct imgz_pool *pool, unsigned char **base, uint64_t *bytes)
{
    *base = pool->memory;
    *bytes = pool->memory_bytes;
}

void imgz_pool_pinned_memory(const struct imgz_pool *pool, unsigned char **base, uint64_t *bytes)
{
    imgz_pool_memory(pool, base, bytes);
    if (*bytes / pool->slot_count > PINNED_SLOT_BYTES_MAX)
        *bytes = 0;
}

int imgz_slot_list_unreadable(const struct imgz_slot *slot, struct imgz_range_list *list)
{
    const uint64_t sector_count = imgz_div_up(slot->raw_bytes, IMGZ_SECTOR_BYTES);
    int rc = 0;

    if (slot->unreadable_count == 0)
        return 0;
    for (uint64_t i = 0; rc == 0 && i < sector_count; i++) {
        const uint64_t from_bytes = i * IMGZ_SECTOR_BYTES;

        if (slot->unreadable_map[i] != 0)
            rc = imgz_range_list_add(list, slot->raw_offset + from_bytes,
                                     imgz_min(IMGZ_SECTOR_BYTES, slot->raw_bytes - from_bytes));
    }
    return rc;
}
