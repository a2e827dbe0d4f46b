/* SPDX-License-Identifier: MIT */
#include "io/device/gpt.h"

#include <string.h>
#include <zlib.h>

#include "base/bytes.h"

/* The header, by byte offset. */
#define SIGNATURE        "EFI PART"
#define OWN_LBA_AT       24u
#define HEADER_BYTES     92u
#define SIZE_AT          12u
#define ENTRIES_LBA_AT   72u
#define ENTRY_COUNT_AT   80u
#define ENTRY_BYTES_AT   84u
#define ENTRIES_CRC_AT   88u
#define SECTOR_BYTES_MAX IMGZ_BLOCK_BYTES

static bool find_at(const unsigned char *head, uint64_t head_bytes, uint32_t sector_bytes,
                    struct imgz_gpt *gpt)
{
    const unsigned char *header = head + sector_bytes;
    uint64_t backup_offset;

    if (head_bytes < sector_bytes + (uint64_t)HEADER_BYTES ||
        memcmp(header, SIGNATURE, strlen(SIGNATURE)) != 0 ||
        imgz_get_le64(header + OWN_LBA_AT) != 1 ||
        __builtin_mul_overflow(imgz_get_le64(header + IMGZ_GPT_OTHER_LBA_AT), sector_bytes,
                               &backup_offset))
        return false;
    *gpt = (struct imgz_gpt){sector_bytes, backup_offset};
    return true;
}

bool imgz_gpt_find(const unsigned char *head, uint64_t head_bytes, uint32_t sector_bytes,
                   struct imgz_gpt *gpt)
{
    if (find_at(head, head_bytes, sector_bytes, gpt))
        return true;
    for (uint32_t other = IMGZ_SECTOR_BYTES; other <= IMGZ_BLOCK_BYTES; other *= 2) {
        if (find_at(head, head_bytes, other, gpt))
            return true;
    }
    return false;
}

bool imgz_gpt_decode(const unsigned char *sector, uint32_t sector_bytes,
                     struct imgz_gpt_header *header)
{
    const uint32_t bytes = imgz_get_le32(sector + SIZE_AT);
    unsigned char copy[SECTOR_BYTES_MAX];

    if (memcmp(sector, SIGNATURE, strlen(SIGNATURE)) != 0 || bytes < HEADER_BYTES ||
        bytes > sector_bytes || bytes > sizeof(copy))
        return false;
    memcpy(copy, sector, bytes);
    imgz_put_le32(copy + IMGZ_GPT_CRC32_AT, 0);
    if (crc32(0, copy, bytes) != imgz_get_le32(sector + IMGZ_GPT_CRC32_AT))
        return false;
    *header = (struct imgz_gpt_header){
        .own_lba = imgz_get_le64(sector + OWN_LBA_AT),
        .other_lba = imgz_get_le64(sector + IMGZ_GPT_OTHER_LBA_AT),
        .last_usable_lba = imgz_get_le64(sector + IMGZ_GPT_LAST_USABLE_AT),
        .entries_lba = imgz_get_le64(sector + ENTRIES_LBA_AT),
        .entries_bytes = (uint64_t)imgz_get_le32(sector + ENTRY_COUNT_AT) *
                         imgz_get_le32(sector + ENTRY_BYTES_AT),
        .entry_bytes = imgz_get_le32(sector + ENTRY_BYTES_AT),
        .entries_crc32 = imgz_get_le32(sector + ENTRIES_CRC_AT),
    };
    return true;
}
