/* SPDX-License-Identifier: MIT */
#include "schedule.h"

#define NS_PER_MS ((uint64_t)1000000)
#define NS_PER_S  ((uint64_t)1000000000)

static uint64_t next_line(uint64_t shown_ns)
{
    const uint64_t period_ns = 300 * NS_PER_S;

    if (shown_ns < 5 * NS_PER_S)
        return 5 * NS_PER_S;
    if (shown_ns < 60 * NS_PER_S)
        return 60 * NS_PER_S;
    return (shown_ns / period_ns + 1) * period_ns;
}

uint64_t schedule_next(enum progress_mode mode, uint64_t shown_ns)
{
    switch (mode) {
    case PROGRESS_BAR:
        return shown_ns + 200 * NS_PER_MS;
    case PROGRESS_JSON:
        return shown_ns + 1000 * NS_PER_MS;
    case PROGRESS_LINES:
        return next_line(shown_ns);
    case PROGRESS_AUTO:
    case PROGRESS_NONE:
        break;
    }
    return UINT64_MAX;
}
