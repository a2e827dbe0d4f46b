/* SPDX-License-Identifier: MIT */
#include "io/fs/partition_table.h"

#include <stdlib.h>
#include <zlib.h>

#include "base/bytes.h"
#include "io/device/gpt.h"

/* A GPT's header and all before it, for sectors of up to a block. */
#define HEAD_BYTES (2 * IMGZ_BLOCK_BYTES)

/* An entry of a GPT, by byte offset. It is used if its type is not all zeros. */
#define GPT_TYPE_BYTES      16u
#define GPT_FIRST_LBA_AT    32u
#define GPT_LAST_LBA_AT     40u
#define GPT_ENTRY_BYTES_MIN 128u

/* An MBR, by byte offset. */
#define MBR_ENTRIES_AT   446u
#define MBR_ENTRY_BYTES  16u
#define MBR_ENTRY_COUNT  4u
#define MBR_TYPE_AT      4u
#define MBR_FIRST_LBA_AT 8u
#define MBR_COUNT_AT     12u
#define MBR_SIGNATURE_AT 510u
#define MBR_SIGNATURE    0xAA55u
#define MBR_ACTIVE       0x80u

/* A range that is empty or not on the disk is ignored. */
static void add(struct imgz_partition_table *table, uint64_t disk_bytes,
                struct imgz_partition_range range)
{
    uint64_t end;

    if (table->count < IMGZ_PARTITION_TABLE_MAX && range.bytes > 0 &&
        !__builtin_add_overflow(range.offset, range.bytes, &end) && end <= disk_bytes)
        table->ranges[table->count++] = range;
}

static int compare_offsets(const void *a, const void *b)
{
    const struct imgz_partition_range *left = a;
    const struct imgz_partition_range *right = b;

    return (left->offset > right->offset) - (left->offset < right->offset);
}

/* If two overlap, the first one counts. */
static void sort(struct imgz_partition_table *table)
{
    uint64_t end = 0;
    uint32_t kept = 0;

    if (table->count > 1)
        qsort(table->ranges, table->count, sizeof(table->ranges[0]), compare_offsets);
    for (uint32_t i = 0; i < table->count; i++) {
        if (table->ranges[i].offset < end)
            continue;
        end = table->ranges[i].offset + table->ranges[i].bytes;
        table->ranges[kept++] = table->ranges[i];
    }
    table->count = kept;
}

/* ---- GPT ------------------------------------------------------------------------------------ */

static bool is_used(const unsigned char *entry)
{
    for (uint32_t i = 0; i < GPT_TYPE_BYTES; i++)
        if (entry[i] != 0)
            return true;
    return false;
}

static void add_gpt_entry(struct imgz_partition_table *table, uint64_t disk_bytes,
                          const unsigned char *entry, uint32_t sector_bytes)
{
    const uint64_t first = imgz_get_le64(entry + GPT_FIRST_LBA_AT);
    const uint64_t last = imgz_get_le64(entry + GPT_LAST_LBA_AT);
    struct imgz_partition_range range;

    if (!is_used(entry) || last < first || last == UINT64_MAX ||
        __builtin_mul_overflow(first, sector_bytes, &range.offset) ||
        __builtin_mul_overflow(last - first + 1, sector_bytes, &range.bytes))
        return;
    add(table, disk_bytes, range);
}

static bool read_gpt(struct imgz_disk_view *view, const unsigned char *head,
                     struct imgz_partition_table *table)
{
    struct imgz_gpt_header header;
    struct imgz_gpt gpt;
    const unsigned char *entries;
    uint64_t offset;

    if (!imgz_gpt_find(head, HEAD_BYTES, IMGZ_SECTOR_BYTES, &gpt) ||
        !imgz_gpt_decode(head + gpt.sector_bytes, gpt.sector_bytes, &header) ||
        header.entry_bytes < GPT_ENTRY_BYTES_MIN || header.entries_bytes > IMGZ_DISK_VIEW_BYTES ||
        __builtin_mul_overflow(header.entries_lba, gpt.sector_bytes, &offset))
        return false;
    entries = imgz_disk_view_get(view, offset, (uint32_t)header.entries_bytes);
    if (entries == NULL || crc32(0, entries, (uInt)header.entries_bytes) != header.entries_crc32)
        return false;
    for (uint64_t at = 0; at < header.entries_bytes; at += header.entry_bytes)
        add_gpt_entry(table, view->config.size_bytes, entries + at, gpt.sector_bytes);
    return true;
}

/* ---- MBR ------------------------------------------------------------------------------------ */

/* Sectors are taken for 512 bytes. If they are larger, no file system will be found. The boot
 * sector of a file system may have the same signature, but it has no valid entries. */
static bool read_mbr(const struct imgz_disk_view *view, const unsigned char *head,
                     struct imgz_partition_table *table)
{
    if (imgz_get_le16(head + MBR_SIGNATURE_AT) != MBR_SIGNATURE)
        return false;
    for (uint32_t i = 0; i < MBR_ENTRY_COUNT; i++) {
        const unsigned char *entry = head + MBR_ENTRIES_AT + (size_t)i * MBR_ENTRY_BYTES;
        const struct imgz_partition_range range = {
            .offset = (uint64_t)imgz_get_le32(entry + MBR_FIRST_LBA_AT) * IMGZ_SECTOR_BYTES,
            .bytes = (uint64_t)imgz_get_le32(entry + MBR_COUNT_AT) * IMGZ_SECTOR_BYTES,
        };

        if ((entry[0] & ~MBR_ACTIVE) != 0) {
            table->count = 0;
            return false;
        }
        if (entry[MBR_TYPE_AT] != 0 && range.offset > 0)
            add(table, view->config.size_bytes, range);
    }
    return table->count > 0;
}

void imgz_partition_table_find(struct imgz_disk_view *view, struct imgz_partition_table *table)
{
    const struct imgz_partition_range all = {0, view->config.size_bytes};
    const unsigned char *seen = imgz_disk_view_get(view, 0, HEAD_BYTES);
    unsigned char head[HEAD_BYTES];

    table->count = 0;
    table->found = false;
    if (seen == NULL)
        return;
    memcpy(head, seen, sizeof(head));
    table->found = read_gpt(view, head, table) || read_mbr(view, head, table);
    if (!table->found)
        add(table, view->config.size_bytes, all);
    sort(table);
}
