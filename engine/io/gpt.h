/* SPDX-License-Identifier: MIT */
/*
 * The GUID partition table (UEFI specification, chapter 5) as far as a restore cares: for which
 * sector size it was made, and where its backup lies. It counts in sectors, so on a drive of other
 * sectors nobody finds it.
 *
 * Threads    any; no state.
 * Errors     none: what is no table is none.
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

#endif /* IMGZ_GPT_H */
