/* SPDX-License-Identifier: MIT */
/*
 * How long the reads of a source may take: who has been waiting, and since when.
 *
 * A read that hangs in the kernel can neither be cancelled nor have its buffer back. So nobody
 * waits for it: the thread that watches the threads looks here once every interval, and when a read
 * takes too long it ends the job without the thread that is stuck (threads.h).
 *
 * Time passes in tick() alone, and no more in each than 'tick_ns_max': while the whole process
 * stands still (Ctrl-Z, a machine that sleeps) none does.
 *
 * Place: under source.h and the reader, beside the threads.
 *
 * Threads    begin() and end() any, for one entry one at a time; tick() the watching one.
 * Errors     create: -ENOMEM.
 * Memory     16 bytes per entry.
 */
#ifndef IMGZ_WATCHDOG_H
#define IMGZ_WATCHDOG_H

#include "base/base.h"

struct imgz_watchdog;

struct imgz_watchdog_config {
    uint32_t entry_count; /* who may wait at the same time */
    uint64_t limit_ns;    /* how long */
    uint64_t tick_ns_max;
};

/* Entries: one for what is done once (opening, looking for holes), one for each slot. */
#define IMGZ_WATCHDOG_ONCE                0u
#define IMGZ_WATCHDOG_OF_SLOT(slot_index) (1u + (slot_index))

IMGZ_MUST_CHECK int imgz_watchdog_create(const struct imgz_watchdog_config *config,
                                         struct imgz_watchdog **result);
void imgz_watchdog_destroy(struct imgz_watchdog *watchdog); /* accepts NULL */

/* A read at 'offset' begins, or all those of a slot; and has ended. NULL: no limit, nothing is
 * done. */
void imgz_watchdog_begin(struct imgz_watchdog *watchdog, uint32_t entry, uint64_t offset);
void imgz_watchdog_end(struct imgz_watchdog *watchdog, uint32_t entry);

/* Lets time pass up to 'now_ns' (clock.h). True once a read has taken too long, '*offset' is then
 * the lowest such read's. */
bool imgz_watchdog_tick(struct imgz_watchdog *watchdog, uint64_t now_ns, uint64_t *offset);

#endif /* IMGZ_WATCHDOG_H */
