/* SPDX-License-Identifier: MIT */
#include "image/held.h"

#include "codec/checksum.h"
#include "codec/zero.h"
#include "image/check.h"

/* Reads 'bytes' of the target into the raw buffer: whole blocks, for direct I/O; at the end of a
 * device there may be fewer. */
static bool read_target(const struct imgz_source *target, uint64_t offset, uint64_t bytes,
                        unsigned char *raw)
{
    size_t done_bytes;

    return imgz_source_read_at(target, offset, raw, (size_t)imgz_align_up(bytes, IMGZ_BLOCK_BYTES),
                               &done_bytes) == 0 &&
           done_bytes >= bytes;
}

static bool holds_zeros(const struct imgz_source *target, uint64_t raw_capacity_bytes,
                        const struct imgz_slot *slot)
{
    for (uint64_t done = 0; done < slot->raw_bytes; done += raw_capacity_bytes) {
        const uint64_t bytes = imgz_min(raw_capacity_bytes, slot->raw_bytes - done);

        if (!read_target(target, slot->raw_offset + done, bytes, slot->raw) ||
            !imgz_zero_test(slot->raw, (size_t)bytes))
            return false;
    }
    return true;
}

static bool holds_data(const struct imgz_source *target, struct imgz_hasher *hasher,
                       const struct imgz_slot *slot)
{
    struct imgz_hasher_sums sums;

    if (!read_target(target, slot->raw_offset, slot->raw_bytes, slot->raw))
        return false;
    sums = imgz_hasher_sum(hasher, slot->raw, (size_t)slot->raw_bytes);
    return imgz_hash_equal(&sums.xxh3_128, &slot->raw_hash) && sums.crc32 == slot->raw_crc32;
}

bool imgz_held_test(const struct imgz_source *target, struct imgz_hasher *hasher,
                    uint64_t raw_capacity_bytes, struct imgz_slot *slot)
{
    imgz_check_stored(slot);
    if (slot->fault != IMGZ_FAULT_NONE)
        return false;
    slot->same = slot->kind == IMGZ_SLOT_ZERO ? holds_zeros(target, raw_capacity_bytes, slot)
                                              : holds_data(target, hasher, slot);
    slot->checked = slot->same;
    return slot->same;
}
