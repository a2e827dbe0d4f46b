/* SPDX-License-Identifier: MIT */
#include "image/unchanged.h"

#include <string.h>

#include "base/zero.h"
#include "checksum/checksum.h"
#include "image/chunk_decoder.h"

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

static bool holds_zeros(const struct imgz_source *target, unsigned char *piece,
                        const struct imgz_slot *slot)
{
    for (uint64_t done = 0; done < slot->raw_bytes; done += IMGZ_UNCHANGED_PIECE_BYTES) {
        const uint64_t bytes = imgz_min(IMGZ_UNCHANGED_PIECE_BYTES, slot->raw_bytes - done);

        if (!read_target(target, slot->raw_offset + done, bytes, piece) ||
            !imgz_zero_test(piece, (size_t)bytes))
            return false;
    }
    return true;
}

static bool holds_data(const struct imgz_source *target, struct imgz_hasher *hasher,
                       struct imgz_slot *slot)
{
    struct imgz_hasher_sums sums;

    if (!read_target(target, slot->raw_offset, slot->raw_bytes, slot->raw))
        return false;
    sums = imgz_hasher_sum(hasher, slot->raw, (size_t)slot->raw_bytes);
    slot->raw_sha256 = sums.sha256;
    return imgz_hash_equal(&sums.hash, &slot->raw_hash) && sums.crc32 == slot->raw_crc32;
}

bool imgz_unchanged_test(const struct imgz_source *target, struct imgz_hasher *hasher,
                         unsigned char *piece, struct imgz_slot *slot)
{
    imgz_chunk_check_stored(slot);
    if (slot->fault != IMGZ_FAULT_NONE)
        return false;
    slot->unchanged = slot->kind == IMGZ_SLOT_ZERO ? holds_zeros(target, piece, slot)
                                                   : holds_data(target, hasher, slot);
    slot->checked = slot->unchanged;
    return slot->unchanged;
}

static bool holds_bytes(const struct imgz_source *target, unsigned char *piece,
                        const struct imgz_slot *slot)
{
    for (uint64_t done = 0; done < slot->raw_bytes; done += IMGZ_UNCHANGED_PIECE_BYTES) {
        const uint64_t bytes = imgz_min(IMGZ_UNCHANGED_PIECE_BYTES, slot->raw_bytes - done);

        if (!read_target(target, slot->raw_offset + done, bytes, piece) ||
            memcmp(piece, slot->raw + done, (size_t)bytes) != 0)
            return false;
    }
    return true;
}

void imgz_unchanged_compare(const struct imgz_source *target, unsigned char *piece,
                            struct imgz_slot *slot)
{
    IMGZ_ASSERT(slot->checked);
    slot->unchanged = slot->kind == IMGZ_SLOT_ZERO ? holds_zeros(target, piece, slot)
                                                   : holds_bytes(target, piece, slot);
}
