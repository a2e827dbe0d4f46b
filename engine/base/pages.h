/* SPDX-License-Identifier: MIT */
/*
 * Memory for a disk's data. It is left out of core dumps, because these reach places and people
 * that must not see the data.
 *
 * Threads    any.
 * Errors     map: MAP_FAILED with errno, as mmap(2).
 */
#ifndef IMGZ_PAGES_H
#define IMGZ_PAGES_H

#include <sys/mman.h>

#include "base/base.h"

/* Leaves whole pages from 'memory' on out of core dumps, if the kernel can. */
static inline void imgz_pages_hide(void *memory, uint64_t bytes)
{
    (void)madvise(memory, (size_t)imgz_align_down(bytes, IMGZ_BLOCK_BYTES), MADV_DONTDUMP);
}

/* Zeroed pages, to be freed by munmap(). */
static inline void *imgz_pages_map(uint64_t bytes)
{
    void *memory =
        mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory != MAP_FAILED)
        imgz_pages_hide(memory, imgz_align_up(bytes, IMGZ_BLOCK_BYTES));
    return memory;
}

#endif /* IMGZ_PAGES_H */
