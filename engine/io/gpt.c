/* SPDX-License-Identifier: MIT */
#include "io/gpt.h"

#include <string.h>

#include "base/bytes.h"

/* The header, by byte offset. */
#define SIGNATURE    "EFI PART"
#define OWN_LBA_AT   24u
#define OTHER_LBA_AT 32u
#define HEADER_BYTES 92u

static bool find_at(const unsigned char *head, uint64_t head_bytes, uint32_t sector_bytes,
                    struct imgz_gpt *gpt)
{
    const unsigned char *header = head + sector_bytes;
    uint64_t backup_offset;

    if (head_bytes < sector_bytes + (uint64_t)HEADER_BYTES ||
        memcmp(header, SIGNATURE, strlen(SIGNATURE)) != 0 ||
        imgz_get_le64(header + OWN_LBA_AT) != 1 ||
        __builtin_mul_overflow(imgz_get_le64(header + OTHER_LBA_AT), sector_bytes, &backup_offset))
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
