/* SPDX-License-Identifier: MIT */
#include "job/capture/retry_read.h"

#include <string.h>

/* Copies the sectors from 'from' to 'end' (offsets on the disk) that are not marked. */
static uint64_t take_good(const struct imgz_retry_read *reread, struct imgz_slot *slot,
                          uint64_t from, uint64_t end)
{
    uint64_t taken_bytes = 0;

    for (uint64_t at = from; at < end; at += IMGZ_SECTOR_BYTES) {
        const uint64_t within = at - slot->raw_offset;
        const size_t bytes = (size_t)imgz_min(IMGZ_SECTOR_BYTES, end - at);

        if (slot->unreadable_map[within / IMGZ_SECTOR_BYTES] != 0)
            continue;
        memcpy(slot->raw + within, reread->scratch + within, bytes);
        taken_bytes += bytes;
    }
    return taken_bytes;
}

uint64_t imgz_retry_read_slot(const struct imgz_retry_read *reread, struct imgz_slot *slot)
{
    const struct imgz_range_list *missing = reread->missing;
    uint64_t taken_bytes = 0;
    struct imgz_range part;

    for (size_t i = imgz_range_list_index(missing, slot->raw_offset);
         imgz_range_list_part(missing, i, slot->raw_offset, slot->raw_bytes, &part); i++) {
        /* For the error, if it fails. */
        slot->read_bytes = part.offset - slot->raw_offset;
        imgz_source_fetch(reread->source, part.offset, reread->scratch + slot->read_bytes,
                          (size_t)part.bytes, slot);
        if (slot->fault != IMGZ_FAULT_NONE)
            break;
        taken_bytes += take_good(reread, slot, part.offset, part.offset + part.bytes);
    }
    return taken_bytes;
}
