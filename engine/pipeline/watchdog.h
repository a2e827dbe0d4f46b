/* SPDX-License-Identifier: MIT */
/*
 * How long the reads of a source may take: which reads are under way, and since when.
 *
 * A read that hangs in the kernel cannot be cancelled, and its buffer cannot be reused. So nobody
 * waits for it: the caller's thread looks here once every interval. When a read takes too long, it
 * ends the job without the thread that is stuck (threads.h).
 *
 * Time passes only in tick(), at most 'tick_ns_max' in each. So hardly any passes while the whole
 * process is stopped (Ctrl-Z, a machine that sleeps).
 *
 * Place: the source and the reader note their reads; job.c calls tick().
 *
 * Threads    begin() and end(): any, but one at a time for each entry; tick(): the caller's.
 * Errors     create: -ENOMEM.
 * Memory     16 bytes per entry.
 */
#ifndef IMGZ_WATCHDOG_H
#define IMGZ_WATCHDOG_H

#include "base/base.h"

struct imgz_watchdog;

struct imgz_watchdog_config {
    uint32_t entry_count; /* reads that may be under way at the same time */
    uint64_t limit_ns;    /* how long */
    uint64_t tick_ns_max;
};

/* Entries: one for what is done once (opening, looking for holes), one for each slot. */
#define IMGZ_WATCHDOG_ONCE                0u
#define IMGZ_WATCHDOG_OF_SLOT(slot_index) (1u + (slot_index))

IMGZ_MUST_CHECK int imgz_watchdog_create(const struct imgz_watchdog_config *config,
                                         struct imgz_watchdog **result);
void imgz_watchdog_destroy(struct imgz_watchdog *watchdog); /* accepts NULL */

/* A read at 'offset', or all reads of a slot, begin and end. NULL: no limit, nothing is done. */
void imgz_watchdog_begin(struct imgz_watchdog *watchdog, uint32_t entry, uint64_t offset);
void imgz_watchdog_end(struct imgz_watchdog *watchdog, uint32_t entry);

/* Lets time pass up to 'now_ns' (clock.h). True once a read has taken too long, '*offset' is then
 * that of the lowest such read. */
bool imgz_watchdog_tick(struct imgz_watchdog *watchdog, uint64_t now_ns, uint64_t *offset);

#endif /* IMGZ_WATCHDOG_H */
