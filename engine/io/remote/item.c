/* SPDX-License-Identifier: MIT */
#include "io/remote/item.h"

#include <errno.h>
#include <imgz/imgz.h>

#include "format/note.h"

enum item_kind {
    ITEM_DATA,
    ITEM_ZERO,
    ITEM_UNREAD, /* it could not be read */
    ITEM_KIND_COUNT,
};

/* A bit for each sector of the largest chunk. */
#define BAD_BYTES_MAX (IMGZ_CHUNK_BYTES_MAX / IMGZ_SECTOR_BYTES / 8)

static enum item_kind kind_of(const struct imgz_slot *slot)
{
    if (slot->fault != IMGZ_FAULT_NONE)
        return ITEM_UNREAD;
    return slot->kind == IMGZ_SLOT_ZERO ? ITEM_ZERO : ITEM_DATA;
}

/* ---- Sectors that could not be read, and hold zeros ---------------------------------------- */

static size_t bad_bytes_of(uint64_t raw_bytes)
{
    return (size_t)imgz_div_up(imgz_div_up(raw_bytes, IMGZ_SECTOR_BYTES), 8);
}

static void put_bad(struct imgz_wire_message *message, const struct imgz_slot *slot)
{
    const uint64_t sectors = imgz_div_up(slot->raw_bytes, IMGZ_SECTOR_BYTES);
    unsigned char bits[BAD_BYTES_MAX] = {0};

    imgz_wire_put_u32(message, slot->unreadable_count);
    if (slot->unreadable_count == 0)
        return;
    for (uint64_t i = 0; i < sectors; i++)
        bits[i / 8] |= (unsigned char)((slot->unreadable_map[i] != 0 ? 1u : 0u) << i % 8);
    imgz_wire_put_bytes(message, bits, bad_bytes_of(slot->raw_bytes));
}

static int get_bad(struct imgz_wire_message *message, struct imgz_slot *slot)
{
    const uint32_t count = imgz_wire_get_u32(message);
    const uint64_t sectors = imgz_div_up(slot->raw_bytes, IMGZ_SECTOR_BYTES);
    unsigned char bits[BAD_BYTES_MAX];

    slot->unreadable_count = 0;
    if (count == 0)
        return 0;
    if (bad_bytes_of(slot->raw_bytes) > sizeof(bits))
        return -EPROTO;
    imgz_wire_get_bytes(message, bits, bad_bytes_of(slot->raw_bytes));
    for (uint64_t i = 0; i < sectors; i++) {
        slot->unreadable_map[i] = (bits[i / 8] >> i % 8) & 1;
        slot->unreadable_count += slot->unreadable_map[i];
    }
    return slot->unreadable_count == count ? 0 : -EPROTO;
}

/* ---- Items -------------------------------------------------------------------------------- */

void imgz_item_put(struct imgz_wire_message *message, const struct imgz_slot *slot)
{
    imgz_wire_put_u32(message, (uint32_t)kind_of(slot));
    imgz_wire_put_u64(message, slot->raw_offset);
    imgz_wire_put_u64(message, slot->raw_bytes);
    imgz_wire_put_u64(message, slot->stored_bytes);
    imgz_wire_put_u32(message, slot->is_stored);
    imgz_wire_put_u32(message, slot->raw_crc32);
    imgz_wire_put_bytes(message, slot->raw_hash.bytes, sizeof(slot->raw_hash.bytes));
    imgz_wire_put_bytes(message, slot->raw_sha256.bytes, sizeof(slot->raw_sha256.bytes));
    imgz_wire_put_u32(message, (uint32_t)-slot->read_rc);
    imgz_wire_put_u64(message, slot->read_bytes);
    put_bad(message, slot);
}

/* Chunks begin at multiples of their size, and all but the last are whole; so are runs of zeros. */
static bool has_right_size(const struct imgz_item_limits *limits, const struct imgz_slot *slot)
{
    const uint64_t left_bytes = limits->end - limits->offset;
    const uint64_t bytes = slot->raw_bytes;

    if (slot->raw_offset != limits->offset || bytes == 0 || bytes > left_bytes)
        return false;
    if (slot->kind == IMGZ_SLOT_DATA)
        return bytes == imgz_min(limits->chunk_bytes, left_bytes);
    return bytes <= limits->zero_bytes_max &&
           (bytes % limits->chunk_bytes == 0 || bytes == left_bytes);
}

/* A segment for a chunk, where there is a buffer for it, and for nothing else. */
static bool has_right_segment(const struct imgz_item_limits *limits, enum item_kind kind,
                              const struct imgz_slot *slot)
{
    if (kind != ITEM_DATA || limits->stored_bytes_max == 0)
        return slot->stored_bytes == 0;
    return slot->stored_bytes > IMGZ_NOTE_CARRIER_BYTES &&
           slot->stored_bytes <= limits->stored_bytes_max;
}

static int take_failure(struct imgz_slot *slot, uint32_t code)
{
    if ((code != 0 && !imgz_wire_is_errno(code)) || slot->read_bytes > slot->raw_bytes)
        return -EPROTO;
    slot->fault = IMGZ_FAULT_READ;
    slot->read_rc = -(int)code;
    return 0;
}

int imgz_item_get(struct imgz_wire_message *message, const struct imgz_item_limits *limits,
                  struct imgz_slot *slot)
{
    const uint32_t kind = imgz_wire_get_u32(message);
    uint32_t code;
    int rc;

    slot->kind = kind == ITEM_ZERO ? IMGZ_SLOT_ZERO : IMGZ_SLOT_DATA;
    slot->raw_offset = imgz_wire_get_u64(message);
    slot->raw_bytes = imgz_wire_get_u64(message);
    slot->stored_bytes = imgz_wire_get_u64(message);
    slot->is_stored = imgz_wire_get_u32(message) != 0;
    slot->raw_crc32 = imgz_wire_get_u32(message);
    imgz_wire_get_bytes(message, slot->raw_hash.bytes, sizeof(slot->raw_hash.bytes));
    imgz_wire_get_bytes(message, slot->raw_sha256.bytes, sizeof(slot->raw_sha256.bytes));
    code = imgz_wire_get_u32(message);
    slot->read_bytes = imgz_wire_get_u64(message);
    if (message->broken || kind >= ITEM_KIND_COUNT || !has_right_size(limits, slot) ||
        !has_right_segment(limits, (enum item_kind)kind, slot) ||
        slot->stored_bytes != message->tail_bytes)
        return -EPROTO;
    rc = kind == ITEM_UNREAD ? take_failure(slot, code) : 0;
    if (rc == 0)
        rc = get_bad(message, slot);
    return rc < 0 ? rc : imgz_wire_end(message);
}
