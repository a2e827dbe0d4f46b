/* SPDX-License-Identifier: MIT */
/*
 * Bytes that replace what is read from a disk: to show the disk as it was before a legitimate
 * change.
 *
 * Place: hash_stage.h, between reading and hashing.
 *
 * Threads    filled by one, then applied by any.
 * Ownership  owns the bytes.
 * Errors     add: -ENOMEM.
 */
#ifndef IMGZ_OVERLAY_H
#define IMGZ_OVERLAY_H

#include "base/base.h"

/* A GPT header's fields, two of each entry of a protective MBR, and a backup of 1 MiB by chunks. */
#define IMGZ_OVERLAY_PATCHES_MAX 32u

struct imgz_overlay {
    uint32_t count;
    struct imgz_patch {
        uint64_t offset;
        size_t bytes;
        unsigned char *data;
    } patches[IMGZ_OVERLAY_PATCHES_MAX];
};

/* Copies the bytes; NULL: zeros. There must be room: see above. */
IMGZ_MUST_CHECK int imgz_overlay_add(struct imgz_overlay *overlay, uint64_t offset,
                                     const void *data, size_t bytes);

/* Frees them; accepts one that is all zero. */
void imgz_overlay_fini(struct imgz_overlay *overlay);

/* Replaces what it has of the 'bytes' at 'offset' of the disk in the buffer that holds them. */
void imgz_overlay_apply(const struct imgz_overlay *overlay, uint64_t offset, unsigned char *buffer,
                        size_t bytes);

#endif /* IMGZ_OVERLAY_H */
