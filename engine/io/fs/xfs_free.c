/* SPDX-License-Identifier: MIT */
/*
 * The superblock is the first sector. Each allocation group begins with a copy of it, followed by a
 * sector (AGF) that counts the free blocks of the group. All numbers are big-endian.
 */
#include "io/fs/xfs_free.h"

#include "base/bytes.h"
#include "io/fs/fs_groups.h"

/* The superblock, by byte offset. */
#define SUPER_BYTES      512u
#define SUPER_MAGIC      0x58465342u /* "XFSB" */
#define BLOCK_BYTES_AT   4u
#define BLOCKS_AT        8u
#define GROUP_BLOCKS_AT  84u
#define GROUP_COUNT_AT   88u
#define SECTOR_BYTES_AT  102u
#define FREE_BLOCKS_AT   144u
#define BLOCK_BYTES_MIN  512u
#define BLOCK_BYTES_MAX  65536u
#define SECTOR_BYTES_MAX 32768u

/* The header of a group's free space, by byte offset. */
#define AGF_BYTES          64u
#define AGF_MAGIC          0x58414746u /* "XAGF" */
#define AGF_GROUP_AT       8u
#define AGF_FREE_BLOCKS_AT 52u

struct xfs {
    uint32_t block_bytes;
    uint32_t sector_bytes;
    uint64_t block_count;
    uint64_t free_blocks;
    uint32_t group_blocks;
    uint32_t group_count;
};

static bool is_power_of_two(uint32_t value, uint32_t min, uint32_t max)
{
    return value >= min && value <= max && (value & (value - 1)) == 0;
}

/* There are as many groups as the blocks need, and no more blocks than the partition has. */
static bool is_sane(const struct xfs *xfs, uint64_t partition_bytes)
{
    return is_power_of_two(xfs->block_bytes, BLOCK_BYTES_MIN, BLOCK_BYTES_MAX) &&
           is_power_of_two(xfs->sector_bytes, IMGZ_SECTOR_BYTES, SECTOR_BYTES_MAX) &&
           xfs->group_blocks > 0 && xfs->block_count > 0 &&
           xfs->block_count <= partition_bytes / xfs->block_bytes &&
           imgz_div_up(xfs->block_count, xfs->group_blocks) == xfs->group_count;
}

static bool decode(const unsigned char *super, uint64_t partition_bytes, struct xfs *xfs)
{
    *xfs = (struct xfs){
        .block_bytes = imgz_get_be32(super + BLOCK_BYTES_AT),
        .sector_bytes = imgz_get_be16(super + SECTOR_BYTES_AT),
        .block_count = imgz_get_be64(super + BLOCKS_AT),
        .free_blocks = imgz_get_be64(super + FREE_BLOCKS_AT),
        .group_blocks = imgz_get_be32(super + GROUP_BLOCKS_AT),
        .group_count = imgz_get_be32(super + GROUP_COUNT_AT),
    };
    return imgz_get_be32(super) == SUPER_MAGIC && is_sane(xfs, partition_bytes);
}

/* Stops at the first group that cannot be read or has no valid header. */
static void add_groups(struct imgz_disk_view *view, const struct xfs *xfs,
                       struct imgz_fs_groups *groups)
{
    for (uint32_t i = 0; i < xfs->group_count; i++) {
        const unsigned char *agf =
            imgz_disk_view_get(view, groups->offset + i * groups->group_bytes + xfs->sector_bytes,
                               AGF_BYTES);

        if (agf == NULL || imgz_get_be32(agf) != AGF_MAGIC ||
            imgz_get_be32(agf + AGF_GROUP_AT) != i)
            return;
        imgz_fs_groups_add(groups,
                           (uint64_t)imgz_get_be32(agf + AGF_FREE_BLOCKS_AT) * xfs->block_bytes);
    }
}

bool imgz_xfs_free_add(struct imgz_disk_view *view, const struct imgz_partition_range *partition,
                       struct imgz_blanks *blanks)
{
    struct imgz_fs_groups groups = {.blanks = blanks, .offset = partition->offset};
    const unsigned char *super;
    struct xfs xfs;

    if (partition->bytes < SUPER_BYTES)
        return false;
    super = imgz_disk_view_get(view, partition->offset, SUPER_BYTES);
    if (super == NULL || !decode(super, partition->bytes, &xfs))
        return false;
    groups.bytes = xfs.block_count * xfs.block_bytes;
    groups.group_bytes = (uint64_t)xfs.group_blocks * xfs.block_bytes;
    groups.free_bytes = imgz_min(xfs.free_blocks, xfs.block_count) * xfs.block_bytes;
    add_groups(view, &xfs, &groups);
    imgz_fs_groups_end(&groups);
    return true;
}
