/* SPDX-License-Identifier: MIT */
/*
 * Memory for what a disk holds. It is left out of core dumps: those are written to places, and sent
 * to people, that are not to see a disk.
 *
 * Threads    any.
 * Errors     map: MAP_FAILED with errno, as mmap(2).
 */
#ifndef IMGZ_PAGES_H
#define IMGZ_PAGES_H

#include <sys/mman.h>

#include "base/base.h"

/* Whole pages from 'memory' on. Where the kernel does not know that, they are as before. */
static inline void imgz_pages_hide(void *memory, uint64_t bytes)
{
    (void)madvise(memory, (size_t)imgz_align_down(bytes, IMGZ_BLOCK_BYTES), MADV_DONTDUMP);
}

/* Zeroed pages, to be given back by munmap(). */
static inline void *imgz_pages_map(uint64_t bytes)
{
    void *memory =
        mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory != MAP_FAILED)
        imgz_pages_hide(memory, imgz_align_up(bytes, IMGZ_BLOCK_BYTES));
    return memory;
}

#endif /* IMGZ_PAGES_H */
