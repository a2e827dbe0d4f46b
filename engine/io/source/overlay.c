/* SPDX-License-Identifier: MIT */
#include "io/source/overlay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int imgz_overlay_add(struct imgz_overlay *overlay, uint64_t offset, const void *data, size_t bytes)
{
    struct imgz_patch *patch = &overlay->patches[overlay->count];
    unsigned char *copy = calloc(1, bytes);

    IMGZ_ASSERT(overlay->count < IMGZ_OVERLAY_PATCHES_MAX && bytes > 0);
    if (copy == NULL)
        return -ENOMEM;
    if (data != NULL)
        memcpy(copy, data, bytes);
    *patch = (struct imgz_patch){offset, bytes, copy};
    overlay->count += 1;
    return 0;
}

void imgz_overlay_fini(struct imgz_overlay *overlay)
{
    for (uint32_t i = 0; i < overlay->count; i++)
        free(overlay->patches[i].data);
    overlay->count = 0;
}

void imgz_overlay_apply(const struct imgz_overlay *overlay, uint64_t offset, unsigned char *buffer,
                        size_t bytes)
{
    for (uint32_t i = 0; i < overlay->count; i++) {
        const struct imgz_patch *patch = &overlay->patches[i];
        const uint64_t from = imgz_max(offset, patch->offset);
        const uint64_t end = imgz_min(offset + bytes, patch->offset + patch->bytes);

        if (from < end)
            memcpy(buffer + (from - offset), patch->data + (from - patch->offset),
                   (size_t)(end - from));
    }
}
