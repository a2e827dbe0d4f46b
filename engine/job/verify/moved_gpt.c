/* SPDX-License-Identifier: MIT */
#include "job/verify/moved_gpt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "checksum/checksum.h"
#include "image/chunk_reader.h"
#include "io/device/gpt.h"

/* Larger than any table in use (128 entries of 128 bytes); bounds what a disk can make us read. */
#define ENTRIES_BYTES_MAX ((uint64_t)1 << 20)

/* The protective MBR: four entries of 16 bytes. */
#define MBR_ENTRY_AT(index) (446u + 16u * (index))
#define MBR_ENTRY_COUNT     4u
#define MBR_TYPE_AT         4u
#define MBR_TYPE_PROTECTIVE 0xeeu
#define MBR_END_CHS_AT      5u
#define MBR_END_CHS_BYTES   3u
#define MBR_SECTORS_AT      12u
#define MBR_SECTORS_BYTES   4u

/* MBR and header, of sectors of any size. */
#define HEAD_BYTES (2u * IMGZ_BLOCK_BYTES)

struct finder {
    const struct imgz_image *image;
    const struct imgz_source *source;
    struct imgz_overlay *overlay;
    struct imgz_chunk_reader chunks;
    uint32_t sector_bytes;
    unsigned char drive_head[HEAD_BYTES] __attribute__((aligned(IMGZ_BLOCK_BYTES)));
    struct imgz_gpt_header drive; /* the header of the drive, and of the image */
    struct imgz_gpt_header old;
};

/* ---- Is the drive's table valid, and its backup at the end? ------------------------------- */

/* Reads whole blocks of the drive, as direct I/O needs. '*at': where 'offset' is in '*memory',
 * which is the caller's. False if there is less. */
static bool read_drive(const struct finder *finder, uint64_t offset, uint64_t bytes,
                       unsigned char **memory, const unsigned char **at)
{
    const uint64_t first = imgz_align_down(offset, IMGZ_BLOCK_BYTES);
    const size_t whole_bytes = (size_t)imgz_align_up(offset + bytes - first, IMGZ_BLOCK_BYTES);
    size_t done_bytes;

    *memory = aligned_alloc(IMGZ_BLOCK_BYTES, whole_bytes);
    if (*memory == NULL ||
        imgz_source_read_at(finder->source, first, *memory, whole_bytes, &done_bytes) < 0)
        return false;
    *at = *memory + (offset - first);
    return done_bytes >= offset + bytes - first;
}

static bool is_backup_right(const struct finder *finder)
{
    const uint64_t offset = finder->drive.other_lba * finder->sector_bytes;
    const unsigned char *sector = NULL;
    unsigned char *memory = NULL;
    struct imgz_gpt_header backup;
    bool right = read_drive(finder, offset, finder->sector_bytes, &memory, &sector) &&
                 imgz_gpt_decode(sector, finder->sector_bytes, &backup);

    free(memory);
    memory = NULL;
    if (!right || backup.own_lba != finder->drive.other_lba || backup.other_lba != 1 ||
        backup.entries_crc32 != finder->drive.entries_crc32 ||
        backup.entries_bytes != finder->drive.entries_bytes || backup.entries_bytes == 0 ||
        backup.entries_bytes > ENTRIES_BYTES_MAX || backup.entries_lba >= backup.own_lba ||
        backup.entries_lba <= finder->drive.last_usable_lba)
        return false;
    right = read_drive(finder, backup.entries_lba * finder->sector_bytes, backup.entries_bytes,
                       &memory, &sector) &&
            imgz_crc32(sector, (size_t)backup.entries_bytes) == backup.entries_crc32;
    free(memory);
    return right;
}

static bool is_drive_right(struct finder *finder)
{
    const struct imgz_source *source = finder->source;
    size_t done_bytes;

    return imgz_source_read_at(source, 0, finder->drive_head, HEAD_BYTES, &done_bytes) == 0 &&
           done_bytes == HEAD_BYTES &&
           imgz_gpt_decode(finder->drive_head + finder->sector_bytes, finder->sector_bytes,
                           &finder->drive) &&
           finder->drive.own_lba == 1 &&
           finder->drive.other_lba == imgz_source_size(source) / finder->sector_bytes - 1 &&
           is_backup_right(finder);
}

/* ---- What was there before ---------------------------------------------------------------- */

/* The first sectors of the disk in the image; NULL if they cannot be read. */
static const unsigned char *unpack_head(struct finder *finder)
{
    const struct imgz_slot *slot = &finder->chunks.slot;

    imgz_chunk_reader_seek(&finder->chunks, 0);
    return slot->checked && slot->kind == IMGZ_SLOT_DATA && slot->raw_bytes >= HEAD_BYTES
               ? slot->raw
               : NULL;
}

static int add(struct finder *finder, uint64_t offset, const unsigned char *head, size_t bytes)
{
    return imgz_overlay_add(finder->overlay, offset, head + offset, bytes);
}

static int cover_header(struct finder *finder, const unsigned char *head)
{
    const uint64_t at = finder->sector_bytes;
    int rc = add(finder, at + IMGZ_GPT_CRC32_AT, head, 4);

    if (rc == 0)
        rc = add(finder, at + IMGZ_GPT_OTHER_LBA_AT, head, 8);
    return rc < 0 ? rc : add(finder, at + IMGZ_GPT_LAST_USABLE_AT, head, 8);
}

/* The protective entry covers the drive, or as much as 32 bits can say. */
static int cover_mbr(struct finder *finder, const unsigned char *head)
{
    const uint64_t sectors = imgz_source_size(finder->source) / finder->sector_bytes - 1;
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < MBR_ENTRY_COUNT; i++) {
        const unsigned char *entry = finder->drive_head + MBR_ENTRY_AT(i);

        if (entry[MBR_TYPE_AT] != MBR_TYPE_PROTECTIVE ||
            head[MBR_ENTRY_AT(i) + MBR_TYPE_AT] != MBR_TYPE_PROTECTIVE ||
            imgz_get_le32(entry + MBR_SECTORS_AT) != imgz_min(sectors, UINT32_MAX))
            continue;
        rc = add(finder, MBR_ENTRY_AT(i) + MBR_END_CHS_AT, head, MBR_END_CHS_BYTES);
        if (rc == 0)
            rc = add(finder, MBR_ENTRY_AT(i) + MBR_SECTORS_AT, head, MBR_SECTORS_BYTES);
    }
    return rc;
}

/* True if the old backup lies after the table itself and all that partitions may use. Otherwise an
 * image could hide differences there. */
static bool is_old_right(const struct finder *finder)
{
    const struct imgz_gpt_header *old = &finder->old;
    const uint64_t table_sectors = imgz_div_up(old->entries_bytes, finder->sector_bytes);

    return old->entries_bytes <= ENTRIES_BYTES_MAX &&
           old->other_lba < finder->image->end.raw_bytes / finder->sector_bytes &&
           old->other_lba > table_sectors &&
           old->other_lba - table_sectors > old->last_usable_lba &&
           old->last_usable_lba > old->entries_lba;
}

/* The place of the old backup may hold anything: it is not part of the table any more. */
static int cover_backup(struct finder *finder)
{
    const uint64_t table_bytes = imgz_align_up(finder->old.entries_bytes, finder->sector_bytes);
    const uint64_t end = (finder->old.other_lba + 1) * finder->sector_bytes;
    uint64_t at = end - table_bytes - finder->sector_bytes;
    int rc = 0;

    while (rc == 0 && at < end) {
        const struct imgz_slot *slot = &finder->chunks.slot;
        const unsigned char *data;
        uint64_t bytes;

        imgz_chunk_reader_seek(&finder->chunks, at);
        bytes = imgz_min(slot->raw_offset + slot->raw_bytes, end) - at;
        data = slot->kind == IMGZ_SLOT_ZERO ? NULL : slot->raw + (at - slot->raw_offset);
        if (slot->checked)
            rc = imgz_overlay_add(finder->overlay, at, data, (size_t)bytes);
        at += bytes;
    }
    return rc;
}

static int find(struct finder *finder, bool *moved)
{
    const unsigned char *head;
    int rc;

    if (!is_drive_right(finder))
        return 0;
    head = unpack_head(finder);
    if (head == NULL ||
        !imgz_gpt_decode(head + finder->sector_bytes, finder->sector_bytes, &finder->old) ||
        !is_old_right(finder))
        return 0;
    rc = cover_header(finder, head);
    if (rc == 0)
        rc = cover_mbr(finder, head);
    if (rc == 0)
        rc = cover_backup(finder);
    *moved = rc == 0;
    return rc;
}

int imgz_moved_gpt_find(struct imgz_job *job, const struct imgz_image *image,
                        const struct imgz_source *source, struct imgz_overlay *overlay)
{
    struct finder *finder;
    bool moved = false;
    int rc;

    *overlay = (struct imgz_overlay){0};
    if (!imgz_source_is(source, IMGZ_SOURCE_DEVICE) ||
        image->end.raw_bytes >= imgz_source_size(source) || image->end.raw_bytes < HEAD_BYTES)
        return 0;
    finder = aligned_alloc(IMGZ_BLOCK_BYTES, sizeof(*finder));
    if (finder == NULL)
        return imgz_job_raise_memory(job);
    memset(finder, 0, sizeof(*finder));
    finder->image = image;
    finder->source = source;
    finder->overlay = overlay;
    finder->sector_bytes = imgz_source_sector_bytes(source);
    rc = imgz_chunk_reader_init(&finder->chunks, image);
    if (rc == 0)
        rc = find(finder, &moved);
    job->report.gpt_moved = moved;
    imgz_chunk_reader_fini(&finder->chunks);
    free(finder);
    return rc < 0 ? imgz_job_raise_memory(job) : 0;
}
