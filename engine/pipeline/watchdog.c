/* SPDX-License-Identifier: MIT */
#include "pipeline/watchdog.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

struct entry {
    /* The clock when the read began; 0: none is under way. Written with release order after
     * 'offset', read with acquire order by tick(). */
    _Atomic(uint64_t) since_ns;
    _Atomic(uint64_t) offset;
};

struct imgz_watchdog {
    /* Set before any thread starts. */
    struct imgz_watchdog_config config;

    /* Time that has passed, from 1 on. Relaxed order: written by the watching thread only, and no
     * other data depends on it. */
    _Atomic(uint64_t) clock_ns;

    /* Owned by the watching thread. */
    uint64_t ticked_ns; /* when tick() was called last; 0: never */

    struct entry entries[];
};

int imgz_watchdog_create(const struct imgz_watchdog_config *config, struct imgz_watchdog **result)
{
    struct imgz_watchdog *watchdog =
        calloc(1, sizeof(*watchdog) + config->entry_count * sizeof(watchdog->entries[0]));

    if (watchdog == NULL)
        return -ENOMEM;
    watchdog->config = *config;
    atomic_init(&watchdog->clock_ns, 1);
    *result = watchdog;
    return 0;
}

void imgz_watchdog_destroy(struct imgz_watchdog *watchdog)
{
    free(watchdog);
}

void imgz_watchdog_begin(struct imgz_watchdog *watchdog, uint32_t entry, uint64_t offset)
{
    struct entry *one;

    if (watchdog == NULL)
        return;
    IMGZ_ASSERT(entry < watchdog->config.entry_count);
    one = &watchdog->entries[entry];
    atomic_store_explicit(&one->offset, offset, memory_order_relaxed);
    atomic_store_explicit(&one->since_ns,
                          atomic_load_explicit(&watchdog->clock_ns, memory_order_relaxed),
                          memory_order_release);
}

void imgz_watchdog_end(struct imgz_watchdog *watchdog, uint32_t entry)
{
    if (watchdog != NULL)
        atomic_store_explicit(&watchdog->entries[entry].since_ns, 0, memory_order_relaxed);
}

static uint64_t advance(struct imgz_watchdog *watchdog, uint64_t now_ns)
{
    uint64_t clock_ns = atomic_load_explicit(&watchdog->clock_ns, memory_order_relaxed);

    if (watchdog->ticked_ns != 0)
        clock_ns += imgz_min(now_ns - watchdog->ticked_ns, watchdog->config.tick_ns_max);
    watchdog->ticked_ns = now_ns;
    atomic_store_explicit(&watchdog->clock_ns, clock_ns, memory_order_relaxed);
    return clock_ns;
}

bool imgz_watchdog_tick(struct imgz_watchdog *watchdog, uint64_t now_ns, uint64_t *offset)
{
    const uint64_t clock_ns = advance(watchdog, now_ns);
    bool overdue = false;

    for (uint32_t i = 0; i < watchdog->config.entry_count; i++) {
        struct entry *entry = &watchdog->entries[i];
        const uint64_t since_ns = atomic_load_explicit(&entry->since_ns, memory_order_acquire);
        const uint64_t at = atomic_load_explicit(&entry->offset, memory_order_relaxed);

        if (since_ns == 0 || clock_ns - since_ns < watchdog->config.limit_ns)
            continue;
        *offset = overdue ? imgz_min(*offset, at) : at;
        overdue = true;
    }
    return overdue;
}
