/* SPDX-License-Identifier: MIT */
#include "job/verify/rehash.h"

#include <errno.h>
#include <stdlib.h>

#include "checksum/hasher.h"
#include "pipeline/slot.h"

static const unsigned char zeros[IMGZ_BLOCK_BYTES];

struct imgz_rehash {
    struct imgz_rehash_config config;
    struct imgz_hasher *hasher;
    uint64_t offset;     /* on the disk: where the chunk begins that is being filled */
    uint64_t fill_bytes; /* of it, hashed so far */
};

int imgz_rehash_create(const struct imgz_rehash_config *config, struct imgz_rehash **result)
{
    struct imgz_rehash *rehash = calloc(1, sizeof(*rehash));

    if (rehash == NULL)
        return -ENOMEM;
    rehash->config = *config;
    if (imgz_hasher_create(config->hash, &rehash->hasher) < 0) {
        imgz_rehash_destroy(rehash);
        return -ENOMEM;
    }
    imgz_hasher_reset(rehash->hasher);
    *result = rehash;
    return 0;
}

void imgz_rehash_destroy(struct imgz_rehash *rehash)
{
    if (rehash == NULL)
        return;
    imgz_hasher_destroy(rehash->hasher);
    free(rehash);
}

static void give(struct imgz_rehash *rehash, const struct imgz_slot *slot)
{
    rehash->config.take(rehash->config.context, slot);
    rehash->offset += slot->raw_bytes;
}

static void give_chunk(struct imgz_rehash *rehash)
{
    const struct imgz_hasher_sums sums = imgz_hasher_take(rehash->hasher);
    const struct imgz_slot chunk = {
        .kind = IMGZ_SLOT_DATA,
        .raw_offset = rehash->offset,
        .raw_bytes = rehash->fill_bytes,
        .raw_hash = sums.hash,
        .raw_sha256 = sums.sha256,
    };

    give(rehash, &chunk);
    rehash->fill_bytes = 0;
    imgz_hasher_reset(rehash->hasher);
}

static void hash(struct imgz_rehash *rehash, const unsigned char *data, uint64_t bytes)
{
    imgz_hasher_add(rehash->hasher, data, (size_t)bytes);
    rehash->fill_bytes += bytes;
    if (rehash->fill_bytes == rehash->config.chunk_bytes)
        give_chunk(rehash);
}

static uint64_t room_bytes(const struct imgz_rehash *rehash)
{
    return rehash->config.chunk_bytes - rehash->fill_bytes;
}

static void add_data(struct imgz_rehash *rehash, const unsigned char *data, uint64_t bytes)
{
    while (bytes > 0) {
        const uint64_t piece_bytes = imgz_min(bytes, room_bytes(rehash));

        hash(rehash, data, piece_bytes);
        data += piece_bytes;
        bytes -= piece_bytes;
    }
}

/* Whole chunks need no hashing. */
static void add_zeros(struct imgz_rehash *rehash, uint64_t bytes)
{
    while (bytes > 0) {
        struct imgz_slot run = {.kind = IMGZ_SLOT_ZERO, .raw_offset = rehash->offset};
        uint64_t piece_bytes = imgz_min(bytes, imgz_min(room_bytes(rehash), sizeof(zeros)));

        if (rehash->fill_bytes == 0 && bytes >= rehash->config.chunk_bytes) {
            piece_bytes = bytes - bytes % rehash->config.chunk_bytes;
            run.raw_bytes = piece_bytes;
            give(rehash, &run);
        } else {
            hash(rehash, zeros, piece_bytes);
        }
        bytes -= piece_bytes;
    }
}

void imgz_rehash_add(struct imgz_rehash *rehash, const struct imgz_slot *slot)
{
    IMGZ_ASSERT(slot->raw_offset == rehash->offset + rehash->fill_bytes);
    if (slot->kind == IMGZ_SLOT_ZERO)
        add_zeros(rehash, slot->raw_bytes);
    else
        add_data(rehash, slot->raw, slot->raw_bytes);
}

void imgz_rehash_finish(struct imgz_rehash *rehash)
{
    if (rehash->fill_bytes > 0)
        give_chunk(rehash);
}
