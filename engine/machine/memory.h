/* SPDX-License-Identifier: MIT */
/*
 * How much memory this process may still take, before the system refuses it or ends the process.
 *
 * Place: asked by a job before it makes its slots.
 *
 * Threads    any.
 * Errors     none: what cannot be read limits nothing.
 */
#ifndef IMGZ_MEMORY_H
#define IMGZ_MEMORY_H

#include "base/base.h"

#define IMGZ_MEMORY_UNLIMITED UINT64_MAX

struct imgz_memory {
    /* What a limit leaves: that of a control group or of one above it (memory.max, memory.high;
     * version 1: memory.limit_in_bytes), or of the process (ulimit -v, ulimit -d). */
    uint64_t left_bytes;
    uint64_t limit_bytes; /* the value of that limit */
    char limit_name[256]; /* ... and its name, for people */

    /* What the machine has left now. More can be had, at the cost of other programs. */
    uint64_t available_bytes;

    /* ulimit -v also counts the address space that an allocator reserves for each thread, though
     * running out of that does no harm. 0 without such a limit. */
    uint64_t thread_bytes;
};

/* 'root' is put before the paths of /proc and of the mounts: "" except in tests, where the limits
 * of the process itself do not count. */
void imgz_memory_read(const char *root, struct imgz_memory *memory);

#endif /* IMGZ_MEMORY_H */
