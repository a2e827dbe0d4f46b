/* SPDX-License-Identifier: MIT */
#include "io/fs/fs_groups.h"

/* Of one file system, so that others have room beside it. */
#define REGIONS_MAX (IMGZ_BLANKS_REGIONS_MAX / 2)

uint64_t imgz_fs_groups_count(const struct imgz_fs_groups *groups)
{
    return imgz_div_up(groups->bytes, groups->group_bytes);
}

static void end_region(struct imgz_fs_groups *groups)
{
    if (groups->region.bytes > 0)
        imgz_blanks_add(groups->blanks, &groups->region);
    groups->region = (struct imgz_free_region){.offset = groups->offset + groups->done_bytes};
}

static void extend_region(struct imgz_fs_groups *groups, uint64_t bytes, uint64_t free_bytes)
{
    if (groups->region.bytes == 0)
        groups->region.offset = groups->offset + groups->done_bytes;
    groups->region.bytes += bytes;
    groups->region.free_bytes += imgz_min(free_bytes, bytes);
    groups->done_bytes += bytes;
    groups->counted_bytes += imgz_min(free_bytes, bytes);
}

void imgz_fs_groups_add(struct imgz_fs_groups *groups, uint64_t free_bytes)
{
    const uint64_t bytes = imgz_min(groups->group_bytes, groups->bytes - groups->done_bytes);

    extend_region(groups, bytes, free_bytes);
    if (groups->region.bytes >= groups->bytes / REGIONS_MAX)
        end_region(groups);
}

void imgz_fs_groups_end(struct imgz_fs_groups *groups)
{
    const uint64_t free_bytes =
        groups->free_bytes - imgz_min(groups->free_bytes, groups->counted_bytes);

    end_region(groups);
    extend_region(groups, groups->bytes - groups->done_bytes, free_bytes);
    end_region(groups);
}
