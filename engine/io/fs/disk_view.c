/* SPDX-License-Identifier: MIT */
#include "io/fs/disk_view.h"

#include "base/clock.h"

void imgz_disk_view_init(struct imgz_disk_view *view, const struct imgz_disk_view_config *config)
{
    view->config = *config;
    view->start_ns = imgz_clock_ns();
    view->read_bytes = 0;
    view->closed = false;
    view->offset = 0;
    view->bytes = 0;
}

static bool read_blocks(struct imgz_disk_view *view, uint64_t offset, size_t bytes)
{
    const struct imgz_disk_view_config *config = &view->config;

    view->bytes = 0;
    if (config->bytes_max - view->read_bytes < bytes ||
        imgz_clock_ns() - view->start_ns >= config->ns_max)
        return false;
    view->read_bytes += bytes;
    view->offset = offset;
    return config->read_at(config->context, offset, view->block, bytes, &view->bytes) == 0;
}

const unsigned char *imgz_disk_view_get(struct imgz_disk_view *view, uint64_t offset,
                                        uint32_t bytes)
{
    uint64_t end;

    IMGZ_ASSERT(bytes <= IMGZ_DISK_VIEW_BYTES);
    if (view->closed || __builtin_add_overflow(offset, bytes, &end) ||
        end > view->config.size_bytes)
        return NULL;
    if (offset < view->offset || end > view->offset + view->bytes) {
        const uint64_t from = imgz_align_down(offset, IMGZ_BLOCK_BYTES);

        view->closed =
            !read_blocks(view, from, (size_t)(imgz_align_up(end, IMGZ_BLOCK_BYTES) - from)) ||
            end > view->offset + view->bytes;
        if (view->closed)
            return NULL;
    }
    return view->block + (offset - view->offset);
}
