/* SPDX-License-Identifier: MIT */
/* The monotonic clock and the processor clock, in nanoseconds. */
#ifndef IMGZ_CLOCK_H
#define IMGZ_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t imgz_clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Processor time of the calling thread. */
static inline uint64_t imgz_clock_thread_ns(void)
{
    struct timespec used;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

#endif /* IMGZ_CLOCK_H */
