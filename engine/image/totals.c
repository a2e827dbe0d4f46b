/* SPDX-License-Identifier: MIT */
#include "image/totals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "checksum/checksum.h"
#include "checksum/digest.h"
#include "pipeline/slot.h"

struct imgz_tally {
    struct imgz_tally_config config;
    struct imgz_tally_sum sum;
    struct imgz_digest *digest;
    struct imgz_hasher *root;        /* over what a note has of each hash */
    struct imgz_hasher *root_sha256; /* over all of each SHA-256 */
    struct imgz_hasher *piece;       /* of zeros */
    unsigned char *zeros;            /* chunk_bytes of them */
    struct imgz_hasher_sums zero_chunk;
    /* CRC-32 of the zero run met last: runs of one length follow each other. */
    uint64_t zero_run_bytes;
    uint32_t zero_run_crc32;
};

static int create_hashers(struct imgz_tally *tally)
{
    const enum imgz_hash_kind hash = tally->config.hash;

    if (imgz_hasher_create(hash, &tally->root) < 0 || imgz_hasher_create(hash, &tally->piece) < 0)
        return -ENOMEM;
    imgz_hasher_reset(tally->root);
    tally->zero_chunk = imgz_hasher_hash(tally->piece, tally->zeros, tally->config.chunk_bytes);
    if (hash != IMGZ_HASH_SHA256 || tally->config.hash_cut)
        return 0;
    if (imgz_hasher_create(hash, &tally->root_sha256) < 0)
        return -ENOMEM;
    imgz_hasher_reset(tally->root_sha256);
    return 0;
}

int imgz_tally_create(const struct imgz_tally_config *config, struct imgz_tally **result)
{
    struct imgz_tally *tally = calloc(1, sizeof(*tally));
    int rc = -ENOMEM;

    if (tally == NULL)
        return -ENOMEM;
    tally->config = *config;
    tally->zeros = calloc(1, config->chunk_bytes);
    if (tally->zeros == NULL || create_hashers(tally) < 0)
        goto out;
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
    imgz_hasher_destroy(tally->root);
    imgz_hasher_destroy(tally->root_sha256);
    imgz_hasher_destroy(tally->piece);
    free(tally->zeros);
    free(tally);
}

struct imgz_hasher_sums imgz_tally_zero_hash(struct imgz_tally *tally, uint64_t bytes)
{
    IMGZ_ASSERT(bytes <= tally->config.chunk_bytes);
    if (bytes == tally->config.chunk_bytes)
        return tally->zero_chunk;
    return imgz_hasher_hash(tally->piece, tally->zeros, (size_t)bytes);
}

static void add_root(struct imgz_tally *tally, const struct imgz_hash *hash,
                     const struct imgz_sha256 *sha256)
{
    imgz_hasher_add(tally->root, hash->bytes, IMGZ_HASH_BYTES);
    if (tally->root_sha256 != NULL)
        imgz_hasher_add(tally->root_sha256, sha256->bytes, IMGZ_SHA256_BYTES);
    tally->sum.chunk_count += 1;
}

static void add_zeros(struct imgz_tally *tally, uint64_t bytes)
{
    const uint64_t tail_bytes = bytes % tally->config.chunk_bytes;

    for (uint64_t i = 0; i < bytes / tally->config.chunk_bytes; i++)
        add_root(tally, &tally->zero_chunk.hash, &tally->zero_chunk.sha256);
    if (tail_bytes > 0) {
        const struct imgz_hasher_sums zeros = imgz_tally_zero_hash(tally, tail_bytes);

        add_root(tally, &zeros.hash, &zeros.sha256);
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
        add_root(tally, &slot->raw_hash, &slot->raw_sha256);
        if (tally->config.raw_present)
            imgz_digest_add(tally->digest, slot->raw, (size_t)slot->raw_bytes);
        if (tally->config.crc_wanted)
            tally->sum.crc32 =
                imgz_crc32_concat(tally->sum.crc32, slot->raw_crc32, slot->raw_bytes);
    }
    tally->sum.raw_bytes += slot->raw_bytes;
}

bool imgz_tally_has_roots(const struct imgz_tally_sum *sum, const struct imgz_hash *root_hash,
                          const struct imgz_sha256 *root_sha256)
{
    return imgz_hash_equal(&sum->root_hash, root_hash) &&
           (!sum->root_sha256_known || imgz_sha256_equal(&sum->root_sha256, root_sha256));
}

void imgz_tally_finish(struct imgz_tally *tally, struct imgz_tally_sum *sum)
{
    tally->sum.hash = tally->config.hash;
    tally->sum.root_hash = imgz_hasher_take(tally->root).hash;
    tally->sum.root_sha256_known = tally->root_sha256 != NULL;
    if (tally->root_sha256 != NULL)
        tally->sum.root_sha256 = imgz_hasher_take(tally->root_sha256).sha256;
    tally->sum.crc_left_out = !tally->config.crc_wanted;
    tally->sum.digest_count = imgz_digest_count(tally->digest);
    imgz_digest_finish(tally->digest, tally->sum.digests);
    *sum = tally->sum;
}
