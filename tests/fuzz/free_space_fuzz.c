/* SPDX-License-Identifier: MIT */
/*
 * A disk that says what it likes of itself, as it is and with a GPT whose checksums fit: what is
 * found lies on the disk, in order, and no more is free than there is.
 *
 * The input is a list of pieces of a disk of zeros: 8 bytes of offset, 2 of length, and so many
 * bytes. The first 8 bytes are the size of the disk.
 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/bytes.h"
#include "io/device/gpt.h"
#include "io/fs/free_space.h"

#define PIECES_MAX   64u
#define HEAD_BYTES   10u
#define READ_MAX     ((uint64_t)1 << 20)
#define ENOUGH_NS    ((uint64_t)60 * 1000000000)
#define GPT_AT       512u
#define GPT_BYTES    92u
#define ENTRIES_AT   1024u
#define TABLE_BYTES  (128u * 128u)
#define HEADER_BYTES (ENTRIES_AT + TABLE_BYTES)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

struct piece {
    uint64_t offset;
    const uint8_t *data;
    uint32_t bytes;
};

struct disk {
    uint64_t size_bytes;
    uint32_t piece_count;
    struct piece pieces[PIECES_MAX];
    uint64_t read_bytes;
};

static void parse(const uint8_t *data, size_t bytes, struct disk *disk)
{
    disk->size_bytes = imgz_get_le64(data) & INT64_MAX;
    disk->piece_count = 0;
    for (size_t at = 8; bytes - at >= HEAD_BYTES && disk->piece_count < PIECES_MAX;) {
        struct piece *piece = &disk->pieces[disk->piece_count++];

        piece->offset = imgz_get_le64(data + at);
        piece->bytes = (uint32_t)imgz_min(imgz_get_le16(data + at + 8), bytes - at - HEAD_BYTES);
        piece->data = data + at + HEAD_BYTES;
        at += HEAD_BYTES + piece->bytes;
    }
}

/* Into 'buffer', which stands for the bytes at 'offset'. */
static void put(const struct piece *piece, uint64_t offset, uint8_t *buffer, size_t bytes)
{
    uint64_t from = 0;

    if (offset > piece->offset)
        from = offset - piece->offset;
    for (; from < piece->bytes && piece->offset + from - offset < bytes; from++)
        buffer[piece->offset + from - offset] = piece->data[from];
}

static int read_at(const void *context, uint64_t offset, void *buffer, size_t bytes,
                   size_t *done_bytes)
{
    struct disk *disk = (struct disk *)(uintptr_t)context;

    IMGZ_ASSERT(offset < disk->size_bytes && bytes % IMGZ_BLOCK_BYTES == 0);
    disk->read_bytes += bytes;
    memset(buffer, 0, bytes);
    for (uint32_t i = 0; i < disk->piece_count; i++)
        put(&disk->pieces[i], offset, buffer, bytes);
    *done_bytes = (size_t)imgz_min(bytes, disk->size_bytes - offset);
    return 0;
}

static void check(struct disk *disk)
{
    static struct imgz_disk_view view;
    static struct imgz_blanks blanks;
    const struct imgz_disk_view_config config = {
        .read_at = read_at,
        .context = disk,
        .size_bytes = disk->size_bytes,
        .bytes_max = READ_MAX,
        .ns_max = ENOUGH_NS,
    };
    uint64_t free_bytes = 0;
    uint64_t end = 0;

    memset(&blanks, 0, sizeof(blanks));
    disk->read_bytes = 0;
    imgz_disk_view_init(&view, &config);
    (void)imgz_free_space_find(&view, &blanks);
    for (uint32_t i = 0; i < blanks.region_count; i++) {
        const struct imgz_free_region *region = &blanks.regions[i];

        IMGZ_ASSERT(region->offset >= end);
        IMGZ_ASSERT(region->bytes > 0 && region->free_bytes <= region->bytes);
        end = region->offset + region->bytes;
        free_bytes += region->free_bytes;
    }
    IMGZ_ASSERT(end <= disk->size_bytes);
    IMGZ_ASSERT(free_bytes == blanks.free_bytes && free_bytes == blanks.free_bytes_ahead);
    IMGZ_ASSERT(disk->read_bytes <= READ_MAX);
}

/* A GPT of sectors of 512 bytes, with the table right behind its header. */
static void repair_gpt(uint8_t *head)
{
    uint8_t *header = head + GPT_AT;

    memcpy(header, "EFI PART", 8);
    imgz_put_le32(header + 12, GPT_BYTES);
    imgz_put_le64(header + 24, 1);
    imgz_put_le64(header + 72, 2);
    imgz_put_le32(header + 80, (uint32_t)(TABLE_BYTES / imgz_max(imgz_get_le32(header + 84), 1)));
    imgz_put_le32(header + 88,
                  (uint32_t)crc32(0, head + ENTRIES_AT,
                                  imgz_get_le32(header + 80) * imgz_get_le32(header + 84)));
    imgz_put_le32(header + IMGZ_GPT_CRC32_AT, 0);
    imgz_put_le32(header + IMGZ_GPT_CRC32_AT, (uint32_t)crc32(0, header, GPT_BYTES));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static uint8_t head[HEADER_BYTES];
    static struct disk disk;

    if (bytes < 8)
        return 0;
    parse(data, bytes, &disk);
    check(&disk);
    if (disk.piece_count == PIECES_MAX || disk.size_bytes < sizeof(head))
        return 0;
    memset(head, 0, sizeof(head));
    for (uint32_t i = 0; i < disk.piece_count; i++)
        put(&disk.pieces[i], 0, head, sizeof(head));
    repair_gpt(head);
    disk.pieces[disk.piece_count++] = (struct piece){0, head, sizeof(head)};
    check(&disk);
    return 0;
}
