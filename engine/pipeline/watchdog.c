/* SPDX-License-Identifier: MIT */
#include "pipeline/watchdog.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

struct entry {
    /* The clock when the read began; 0: none is under way. Written with release order behind
     * 'offset', read with acquire order by tick(). */
    _Atomic(uint64_t) since_ns;
    _Atomic(uint64_t) offset;
};

struct imgz_deadline {
    /* Set before any thread starts. */
    struct imgz_deadline_config config;

    /* Time that has passed, from 1 on. Relaxed order: written by the watching thread only, and no
     * other data hangs on it. */
    _Atomic(uint64_t) clock_ns;

    /* Owned by the watching thread. */
    uint64_t ticked_ns; /* when tick() was called last; 0: never */

    struct entry entries[];
};

int imgz_deadline_create(const struct imgz_deadline_config *config, struct imgz_deadline **result)
{
    struct imgz_deadline *deadline =
        calloc(1, sizeof(*deadline) + config->entry_count * sizeof(deadline->entries[0]));

    if (deadline == NULL)
        return -ENOMEM;
    deadline->config = *config;
    atomic_init(&deadline->clock_ns, 1);
    *result = deadline;
    return 0;
}

void imgz_deadline_destroy(struct imgz_deadline *deadline)
{
    free(deadline);
}

void imgz_deadline_begin(struct imgz_deadline *deadline, uint32_t entry, uint64_t offset)
{
    struct entry *one;

    if (deadline == NULL)
        return;
    IMGZ_ASSERT(entry < deadline->config.entry_count);
    one = &deadline->entries[entry];
    atomic_store_explicit(&one->offset, offset, memory_order_relaxed);
    atomic_store_explicit(&one->since_ns,
                          atomic_load_explicit(&deadline->clock_ns, memory_order_relaxed),
                          memory_order_release);
}

void imgz_deadline_end(struct imgz_deadline *deadline, uint32_t entry)
{
    if (deadline != NULL)
        atomic_store_explicit(&deadline->entries[entry].since_ns, 0, memory_order_relaxed);
}

static uint64_t advance(struct imgz_deadline *deadline, uint64_t now_ns)
{
    uint64_t clock_ns = atomic_load_explicit(&deadline->clock_ns, memory_order_relaxed);

    if (deadline->ticked_ns != 0)
        clock_ns += imgz_min(now_ns - deadline->ticked_ns, deadline->config.tick_ns_max);
    deadline->ticked_ns = now_ns;
    atomic_store_explicit(&deadline->clock_ns, clock_ns, memory_order_relaxed);
    return clock_ns;
}

bool imgz_deadline_tick(struct imgz_deadline *deadline, uint64_t now_ns, uint64_t *offset)
{
    const uint64_t clock_ns = advance(deadline, now_ns);
    bool overdue = false;

    for (uint32_t i = 0; i < deadline->config.entry_count; i++) {
        struct entry *entry = &deadline->entries[i];
        const uint64_t since_ns = atomic_load_explicit(&entry->since_ns, memory_order_acquire);
        const uint64_t at = atomic_load_explicit(&entry->offset, memory_order_relaxed);

        if (since_ns == 0 || clock_ns - since_ns < deadline->config.limit_ns)
            continue;
        *offset = overdue ? imgz_min(*offset, at) : at;
        overdue = true;
    }
    return overdue;
}
