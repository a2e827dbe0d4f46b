/* SPDX-License-Identifier: MIT */
/*
 * The superblock lies at byte 1024. The table of group descriptors begins in the next block. Groups
 * count free clusters, the superblock counts free blocks; without bigalloc these are the same.
 *
 * While the file system is mounted, the counts on the disk may be old. That is good enough for a
 * forecast.
 */
#include "io/fs/ext_free.h"

#include "base/bytes.h"
#include "io/fs/fs_groups.h"

#define SUPER_AT    1024u
#define SUPER_BYTES 1024u
#define MAGIC       0xEF53u

/* The superblock, by byte offset. */
#define BLOCKS_LO_AT         0x04u
#define FREE_BLOCKS_LO_AT    0x0Cu
#define FIRST_BLOCK_AT       0x14u
#define LOG_BLOCK_AT         0x18u /* 0: 1024 bytes */
#define LOG_CLUSTER_AT       0x1Cu
#define BLOCKS_PER_GROUP_AT  0x20u
#define MAGIC_AT             0x38u
#define INCOMPAT_AT          0x60u
#define RO_COMPAT_AT         0x64u
#define DESCRIPTOR_BYTES_AT  0xFEu
#define BLOCKS_HI_AT         0x150u
#define FREE_BLOCKS_HI_AT    0x158u
#define INCOMPAT_JOURNAL_DEV 0x0008u
#define INCOMPAT_META_BG     0x0010u
#define INCOMPAT_64BIT       0x0080u
#define RO_COMPAT_BIGALLOC   0x0200u
#define LOG_BLOCK_MAX        6u
#define LOG_CLUSTER_MAX      20u

/* A descriptor, by byte offset. */
#define GROUP_FREE_LO_AT        0x0Cu
#define GROUP_FREE_HI_AT        0x2Cu
#define DESCRIPTOR_BYTES_32     32u
#define DESCRIPTOR_BYTES_64     64u
#define DESCRIPTOR_BYTES_64_MAX 1024u

struct ext {
    uint64_t offset; /* on the disk */
    uint32_t block_bytes;
    uint64_t cluster_bytes;
    uint64_t first_block;
    uint64_t block_count;
    uint64_t free_blocks;
    uint32_t group_blocks;
    uint32_t descriptor_bytes;
    bool meta_bg; /* the descriptors are spread over the disk */
};

static uint64_t get_wide(const unsigned char *super, uint32_t low_at, uint32_t high_at, bool wide)
{
    const uint64_t high = wide ? imgz_get_le32(super + high_at) : 0;

    return high << 32 | imgz_get_le32(super + low_at);
}

/* The last test bounds all blocks by the partition, so no product or sum of them overflows. */
static bool is_sane(const struct ext *ext, uint64_t partition_bytes)
{
    const uint64_t group_bytes = (uint64_t)ext->group_blocks * ext->block_bytes;

    return ext->group_blocks > 0 && group_bytes / ext->cluster_bytes <= 8u * ext->block_bytes &&
           ext->first_block <= 1 && ext->block_count > ext->first_block &&
           ext->block_count <= partition_bytes / ext->block_bytes;
}

static bool decode(const unsigned char *super, const struct imgz_partition_range *partition,
                   struct ext *ext)
{
    const uint32_t incompat = imgz_get_le32(super + INCOMPAT_AT);
    const bool wide = (incompat & INCOMPAT_64BIT) != 0;
    const bool bigalloc = (imgz_get_le32(super + RO_COMPAT_AT) & RO_COMPAT_BIGALLOC) != 0;
    const uint32_t log_block = imgz_get_le32(super + LOG_BLOCK_AT);
    const uint32_t log_cluster = bigalloc ? imgz_get_le32(super + LOG_CLUSTER_AT) : log_block;

    if (imgz_get_le16(super + MAGIC_AT) != MAGIC || (incompat & INCOMPAT_JOURNAL_DEV) != 0 ||
        log_block > LOG_BLOCK_MAX || log_cluster < log_block || log_cluster > LOG_CLUSTER_MAX)
        return false;
    *ext = (struct ext){
        .offset = partition->offset,
        .block_bytes = 1024u << log_block,
        .cluster_bytes = (uint64_t)1024 << log_cluster,
        .first_block = imgz_get_le32(super + FIRST_BLOCK_AT),
        .block_count = get_wide(super, BLOCKS_LO_AT, BLOCKS_HI_AT, wide),
        .free_blocks = get_wide(super, FREE_BLOCKS_LO_AT, FREE_BLOCKS_HI_AT, wide),
        .group_blocks = imgz_get_le32(super + BLOCKS_PER_GROUP_AT),
        .descriptor_bytes = wide ? imgz_get_le16(super + DESCRIPTOR_BYTES_AT) : DESCRIPTOR_BYTES_32,
        .meta_bg = (incompat & INCOMPAT_META_BG) != 0,
    };
    return is_sane(ext, partition->bytes);
}

static uint64_t group_free_bytes(const struct ext *ext, const unsigned char *descriptor)
{
    const uint64_t high = ext->descriptor_bytes >= DESCRIPTOR_BYTES_64
                              ? imgz_get_le16(descriptor + GROUP_FREE_HI_AT)
                              : 0;

    return (high << 16 | imgz_get_le16(descriptor + GROUP_FREE_LO_AT)) * ext->cluster_bytes;
}

static bool can_read_descriptors(const struct ext *ext)
{
    return !ext->meta_bg && (ext->descriptor_bytes == DESCRIPTOR_BYTES_32 ||
                             (ext->descriptor_bytes >= DESCRIPTOR_BYTES_64 &&
                              ext->descriptor_bytes <= DESCRIPTOR_BYTES_64_MAX));
}

/* Stops at the first group that cannot be read. */
static void add_groups(struct imgz_disk_view *view, const struct ext *ext,
                       struct imgz_fs_groups *groups)
{
    const uint32_t at_once = IMGZ_DISK_VIEW_BYTES / ext->descriptor_bytes;
    const uint64_t count = imgz_fs_groups_count(groups);
    uint64_t at = ext->offset + (SUPER_AT / ext->block_bytes + 1) * (uint64_t)ext->block_bytes;

    for (uint64_t done = 0; done < count; done += at_once) {
        const uint32_t seen = (uint32_t)imgz_min(at_once, count - done);
        const unsigned char *descriptors =
            imgz_disk_view_get(view, at, seen * ext->descriptor_bytes);

        if (descriptors == NULL)
            return;
        for (uint32_t i = 0; i < seen; i++)
            imgz_fs_groups_add(
                groups, group_free_bytes(ext, descriptors + (size_t)i * ext->descriptor_bytes));
        at += (uint64_t)seen * ext->descriptor_bytes;
    }
}

bool imgz_ext_free_add(struct imgz_disk_view *view, const struct imgz_partition_range *partition,
                       struct imgz_blanks *blanks)
{
    struct imgz_fs_groups groups = {.blanks = blanks};
    const unsigned char *super;
    struct ext ext;

    if (partition->bytes < SUPER_AT + SUPER_BYTES)
        return false;
    super = imgz_disk_view_get(view, partition->offset + SUPER_AT, SUPER_BYTES);
    if (super == NULL || !decode(super, partition, &ext))
        return false;
    groups.offset = ext.offset + ext.first_block * ext.block_bytes;
    groups.bytes = (ext.block_count - ext.first_block) * ext.block_bytes;
    groups.group_bytes = (uint64_t)ext.group_blocks * ext.block_bytes;
    groups.free_bytes = imgz_min(ext.free_blocks, ext.block_count) * ext.block_bytes;
    if (can_read_descriptors(&ext))
        add_groups(view, &ext, &groups);
    imgz_fs_groups_end(&groups);
    return true;
}
