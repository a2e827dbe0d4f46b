/* SPDX-License-Identifier: MIT */
/*
 * Buffers between two unmapped pages: a read or write outside them is a crash, not luck.
 *
 * The end is exact. The start is exact only for whole pages; a shorter buffer starts inside one.
 */
#ifndef IMGZ_GUARD_H
#define IMGZ_GUARD_H

#include <sys/mman.h>

#include "base/base.h"

static inline size_t imgz_guard_data_bytes(size_t bytes)
{
    return imgz_align_up(imgz_max(bytes, 1), IMGZ_BLOCK_BYTES);
}

/* A buffer of 'bytes', uninitialised, that ends at an unmapped page. Never NULL. */
static inline unsigned char *imgz_guard_create(size_t bytes)
{
    size_t data_bytes = imgz_guard_data_bytes(bytes);
    size_t map_bytes = data_bytes + 2 * IMGZ_BLOCK_BYTES;
    unsigned char *map =
        mmap(NULL, map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    IMGZ_ASSERT(map != MAP_FAILED);
    IMGZ_ASSERT(mprotect(map, IMGZ_BLOCK_BYTES, PROT_NONE) == 0);
    IMGZ_ASSERT(mprotect(map + IMGZ_BLOCK_BYTES + data_bytes, IMGZ_BLOCK_BYTES, PROT_NONE) == 0);
    return map + IMGZ_BLOCK_BYTES + data_bytes - bytes;
}

static inline void imgz_guard_destroy(unsigned char *data, size_t bytes)
{
    size_t data_bytes = imgz_guard_data_bytes(bytes);
    unsigned char *map = data + bytes - data_bytes - IMGZ_BLOCK_BYTES;

    IMGZ_ASSERT(munmap(map, data_bytes + 2 * IMGZ_BLOCK_BYTES) == 0);
}

#endif /* IMGZ_GUARD_H */
