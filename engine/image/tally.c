/* SPDX-License-Identifier: MIT */
#include "image/tally.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "codec/digest.h"
#include "codec/xxh3.h"
#include "flow/slot.h"

struct imgz_tally {
    struct imgz_tally_config config;
    struct imgz_tally_sum sum;
    struct imgz_digest *digest;
    XXH3_state_t *root;
    unsigned char *zeros; /* chunk_bytes of them */
    struct imgz_hash zero_chunk_hash;
    /* CRC-32 of the zero run met last: runs of one length follow each other. */
    uint64_t zero_run_bytes;
    uint32_t zero_run_crc32;
};

int imgz_tally_create(const struct imgz_tally_config *config, struct imgz_tally **result)
{
    struct imgz_tally *tally = calloc(1, sizeof(*tally));
    int rc = -ENOMEM;

    if (tally == NULL)
        return -ENOMEM;
    tally->config = *config;
    tally->zeros = calloc(1, config->chunk_bytes);
    tally->root = XXH3_createState();
    if (tally->zeros == NULL || tally->root == NULL)
        goto out;
    XXH3_128bits_reset(tally->root);
    tally->zero_chunk_hash = imgz_xxh3_128(tally->zeros, config->chunk_bytes);
    rc = imgz_digest_create(config->raw_present ? config->digests : NULL, &tally->digest);
    if (rc < 0)
        goto out;
    *result = tally;
    tally = NULL;
out:
    imgz_tally_destroy(tally);
    return rc;
}

void imgz_tally_destroy(struct imgz_tally *tally)
{
    if (tally == NULL)
        return;
    imgz_digest_destroy(tally->digest);
    XXH3_freeState(tally->root);
    free(tally->zeros);
    free(tally);
}

struct imgz_hash imgz_tally_zero_hash(const struct imgz_tally *tally, uint64_t bytes)
{
    IMGZ_ASSERT(bytes <= tally->config.chunk_bytes);
    if (bytes == tally->config.chunk_bytes)
        return tally->zero_chunk_hash;
    return imgz_xxh3_128(tally->zeros, (size_t)bytes);
}

static void add_root(struct imgz_tally *tally, const struct imgz_hash *hash)
{
    XXH3_128bits_update(tally->root, hash->bytes, IMGZ_HASH_BYTES);
    tally->sum.chunk_count += 1;
}

static void add_zeros(struct imgz_tally *tally, uint64_t bytes)
{
    const uint64_t tail_bytes = bytes % tally->config.chunk_bytes;

    for (uint64_t i = 0; i < bytes / tally->config.chunk_bytes; i++)
        add_root(tally, &tally->zero_chunk_hash);
    if (tail_bytes > 0) {
        const struct imgz_hash hash = imgz_tally_zero_hash(tally, tail_bytes);

        add_root(tally, &hash);
    }
    tally->sum.zero_bytes += bytes;
    imgz_digest_add_zeros(tally->digest, bytes);
    if (!tally->config.crc_wanted)
        return;
    if (bytes != tally->zero_run_bytes) {
        tally->zero_run_crc32 = imgz_crc32_zeros(bytes);
        tally->zero_run_bytes = bytes;
    }
    tally->sum.crc32 = imgz_crc32_concat(tally->sum.crc32, tally->zero_run_crc32, bytes);
}

void imgz_tally_add(struct imgz_tally *tally, const struct imgz_slot *slot)
{
    IMGZ_ASSERT(slot->raw_offset == tally->sum.raw_bytes);
    IMGZ_ASSERT(slot->raw_bytes > 0);
    if (slot->kind == IMGZ_SLOT_ZERO) {
        add_zeros(tally, slot->raw_bytes);
    } else {
        IMGZ_ASSERT(slot->raw_bytes <= tally->config.chunk_bytes);
        add_root(tally, &slot->raw_hash);
        if (tally->config.raw_present)
            imgz_digest_add(tally->digest, slot->raw, (size_t)slot->raw_bytes);
        if (tally->config.crc_wanted)
            tally->sum.crc32 =
                imgz_crc32_concat(tally->sum.crc32, slot->raw_crc32, slot->raw_bytes);
    }
    tally->sum.raw_bytes += slot->raw_bytes;
}

void imgz_tally_finish(struct imgz_tally *tally, struct imgz_tally_sum *sum)
{
    const XXH128_hash_t root = XXH3_128bits_digest(tally->root);

    tally->sum.root_hash = imgz_hash_from_words(root.low64, root.high64);
    tally->sum.crc_left_out = !tally->config.crc_wanted;
    tally->sum.digest_count = imgz_digest_count(tally->digest);
    imgz_digest_finish(tally->digest, tally->sum.digests);
    *sum = tally->sum;
}
