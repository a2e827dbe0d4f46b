/* SPDX-License-Identifier: MIT */
/*
 * Stands between the engine and the C library: system calls and allocations are counted, and one of
 * them fails; transfers come up short; the disk is full from byte N on.
 *
 * The functions of these names that this file defines go before the C library's in every test of
 * this folder. With sanitizers, which have an allocator of their own, allocations are left alone.
 * A process that the engine forks has a plan of its own from there on.
 *
 * Threads    arm and the like before and after a job; what is intercepted, any.
 */
#ifndef IMGZ_INTERCEPT_H
#define IMGZ_INTERCEPT_H

#include "base/base.h"

enum imgz_intercept_kind {
    IMGZ_INTERCEPT_CALLS,       /* open, pread, pwrite, fsync, rename, mmap, pthread_create ... */
    IMGZ_INTERCEPT_ALLOCATIONS, /* malloc, calloc, realloc, posix_memalign */
};

struct imgz_intercept {
    enum imgz_intercept_kind kind;
    uint64_t fail_at;       /* this call of the kind fails, counted from 1; 0: none */
    bool flush_skipped;     /* fsync() does nothing: for many runs in little time */
    bool ring_refused;      /* io_uring says EPERM: pread() and pwrite() do everything */
    uint32_t short_percent; /* of the transfers */
    uint32_t interrupt_percent;
    uint64_t seed;             /* for those, not 0 */
    uint64_t write_room_bytes; /* pwrite() beyond this offset: ENOSPC. 0: no limit */
    uint64_t bad_read_offset;  /* pread() over this byte: EIO. 0: none */
};

/* Begins; until disarmed the plan holds for all threads. */
void imgz_intercept_arm(const struct imgz_intercept *plan);

/* Ends it. The name of the function that failed, or NULL if the count did not come so far. */
const char *imgz_intercept_disarm(void);

/* False with sanitizers. */
bool imgz_intercept_sees_allocations(void);

/* Allocations that were not freed, of the whole process. */
int64_t imgz_intercept_live_count(void);

#endif /* IMGZ_INTERCEPT_H */
