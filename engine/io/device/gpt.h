/* SPDX-License-Identifier: MIT */
/*
 * The GUID partition table (UEFI specification, chapter 5) as far as a restore cares: for which
 * sector size it was made, where its backup lies, and what moving that changes. It counts in
 * sectors, so on a drive of another sector size nobody finds it.
 *
 * Threads    any; no state.
 * Errors     none: an invalid table is no table.
 */
#ifndef IMGZ_GPT_H
#define IMGZ_GPT_H

#include "base/base.h"

struct imgz_gpt {
    uint32_t sector_bytes;
    uint64_t backup_offset; /* in bytes; its header is the last sector of a disk */
};

/* Looks for its header in the first bytes of a disk, in the second sector: of 'sector_bytes' if it
 * is there, otherwise of any other size in use. False if there is none. */
bool imgz_gpt_find(const unsigned char *head, uint64_t head_bytes, uint32_t sector_bytes,
                   struct imgz_gpt *gpt);

/* A header, and where in it the fields are that depend on the place of the backup. */
#define IMGZ_GPT_CRC32_AT       16u
#define IMGZ_GPT_OTHER_LBA_AT   32u
#define IMGZ_GPT_LAST_USABLE_AT 48u

struct imgz_gpt_header {
    uint64_t own_lba;
    uint64_t other_lba;
    uint64_t last_usable_lba;
    uint64_t entries_lba;
    uint64_t entries_bytes; /* of all of them */
    uint32_t entry_bytes;
    uint32_t entries_crc32;
};

/* False unless it is a header and its own CRC-32 is right. */
bool imgz_gpt_decode(const unsigned char *sector, uint32_t sector_bytes,
                     struct imgz_gpt_header *header);

#endif /* IMGZ_GPT_H */
