/* SPDX-License-Identifier: MIT */
/*
 * Reads small pieces of a disk, within limits of time and bytes.
 *
 * Place: between the source and the parsers of file systems.
 *
 * Threads    one.
 * Errors     none: get() returns NULL. After a read that failed or came too late it always does, so
 *            that a failing disk is left alone.
 * Blocking   as long as a read takes.
 * Memory     part of the view, 64 KiB and a page.
 */
#ifndef IMGZ_DISK_VIEW_H
#define IMGZ_DISK_VIEW_H

#include "base/base.h"

/* The largest piece, at any offset. */
#define IMGZ_DISK_VIEW_BYTES ((uint32_t)64 << 10)

struct imgz_disk_view_config {
    /* Reads at an offset: all bytes, or fewer at the end. 0, or a negative errno. Offset, size and
     * buffer are aligned to IMGZ_BLOCK_BYTES, for direct I/O. */
    int (*read_at)(const void *context, uint64_t offset, void *buffer, size_t bytes,
                   size_t *done_bytes);
    const void *context;
    uint64_t size_bytes; /* of the disk */
    uint64_t bytes_max;  /* of all reads together */
    uint64_t ns_max;     /* no read begins later than this after init() */
};

struct imgz_disk_view {
    struct imgz_disk_view_config config;
    uint64_t start_ns;
    uint64_t read_bytes;
    bool closed; /* nothing is read any more */
    uint64_t offset;
    size_t bytes;
    _Alignas(IMGZ_BLOCK_BYTES) unsigned char block[IMGZ_DISK_VIEW_BYTES + IMGZ_BLOCK_BYTES];
};

void imgz_disk_view_init(struct imgz_disk_view *view, const struct imgz_disk_view_config *config);

/* 'bytes' of the disk at 'offset', at most IMGZ_DISK_VIEW_BYTES. Valid until the next call. NULL if
 * they cannot be read or are not on the disk. */
const unsigned char *imgz_disk_view_get(struct imgz_disk_view *view, uint64_t offset,
                                        uint32_t bytes);

#endif /* IMGZ_DISK_VIEW_H */
