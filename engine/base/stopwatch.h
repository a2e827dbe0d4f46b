/* SPDX-License-Identifier: MIT */
/*
 * How long something has been running, without the time in which the process could not run: stopped
 * (Ctrl-Z), frozen, or asleep with the machine. Its user looks often. The time between two looks
 * counts up to a bound, so a stop counts as no more than that.
 *
 * Threads    one.
 */
#ifndef IMGZ_STOPWATCH_H
#define IMGZ_STOPWATCH_H

#include "base/base.h"

/* Much longer than the time between two looks in normal operation, even on a busy machine. */
#define IMGZ_STOPWATCH_TICK_NS_MAX ((uint64_t)2000000000)

struct imgz_stopwatch {
    uint64_t looked_ns; /* the clock at the last look */
    uint64_t running_ns;
};

static inline void imgz_stopwatch_start(struct imgz_stopwatch *watch, uint64_t now_ns)
{
    *watch = (struct imgz_stopwatch){.looked_ns = now_ns};
}

/* Returns how long it has been running. */
static inline uint64_t imgz_stopwatch_look(struct imgz_stopwatch *watch, uint64_t now_ns)
{
    IMGZ_ASSERT(now_ns >= watch->looked_ns);
    watch->running_ns += imgz_min(now_ns - watch->looked_ns, IMGZ_STOPWATCH_TICK_NS_MAX);
    watch->looked_ns = now_ns;
    return watch->running_ns;
}

#endif /* IMGZ_STOPWATCH_H */
