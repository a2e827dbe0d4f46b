/* SPDX-License-Identifier: MIT */
#include "image/totals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "checksum/checksum.h"
#include "checksum/digest.h"
#include "pipeline/slot.h"

struct imgz_totals {
    struct imgz_totals_config config;
    struct imgz_totals_sum sum;
    struct imgz_digest *digest;
    struct imgz_hasher *root;        /* over what a note has of each hash */
    struct imgz_hasher *root_sha256; /* over all of each SHA-256 */
    struct imgz_hasher *piece;       /* of zeros */
    unsigned char *zeros;            /* chunk_bytes of them */
    struct imgz_hasher_sums zero_chunk;
    /* CRC-32 of the last zero run: runs of one length follow each other. */
    uint64_t zero_run_bytes;
    uint32_t zero_run_crc32;
};

static int create_hashers(struct imgz_totals *totals)
{
    const enum imgz_hash_kind hash = totals->config.hash;

    if (imgz_hasher_create(hash, &totals->root) < 0 || imgz_hasher_create(hash, &totals->piece) < 0)
        return -ENOMEM;
    imgz_hasher_reset(totals->root);
    totals->zero_chunk = imgz_hasher_hash(totals->piece, totals->zeros, totals->config.chunk_bytes);
    if (hash != IMGZ_HASH_SHA256 || totals->config.hash_cut)
        return 0;
    if (imgz_hasher_create(hash, &totals->root_sha256) < 0)
        return -ENOMEM;
    imgz_hasher_reset(totals->root_sha256);
    return 0;
}

int imgz_totals_create(const struct imgz_totals_config *config, struct imgz_totals **result)
{
    struct imgz_totals *totals = calloc(1, sizeof(*totals));
    int rc = -ENOMEM;

    if (totals == NULL)
        return -ENOMEM;
    totals->config = *config;
    totals->zeros = calloc(1, config->chunk_bytes);
    if (totals->zeros == NULL || create_hashers(totals) < 0)
        goto out;
    rc = imgz_digest_create(config->raw_present ? config->digests : NULL, &totals->digest);
    if (rc < 0)
        goto out;
    *result = totals;
    totals = NULL;
out:
    imgz_totals_destroy(totals);
    return rc;
}

void imgz_totals_destroy(struct imgz_totals *totals)
{
    if (totals == NULL)
        return;
    imgz_digest_destroy(totals->digest);
    imgz_hasher_destroy(totals->root);
    imgz_hasher_destroy(totals->root_sha256);
    imgz_hasher_destroy(totals->piece);
    free(totals->zeros);
    free(totals);
}

struct imgz_hasher_sums imgz_totals_zero_hash(struct imgz_totals *totals, uint64_t bytes)
{
    IMGZ_ASSERT(bytes <= totals->config.chunk_bytes);
    if (bytes == totals->config.chunk_bytes)
        return totals->zero_chunk;
    return imgz_hasher_hash(totals->piece, totals->zeros, (size_t)bytes);
}

static void add_root(struct imgz_totals *totals, const struct imgz_hash *hash,
                     const struct imgz_sha256 *sha256)
{
    imgz_hasher_add(totals->root, hash->bytes, IMGZ_HASH_BYTES);
    if (totals->root_sha256 != NULL)
        imgz_hasher_add(totals->root_sha256, sha256->bytes, IMGZ_SHA256_BYTES);
    totals->sum.chunk_count += 1;
}

static void add_zeros(struct imgz_totals *totals, uint64_t bytes)
{
    const uint64_t tail_bytes = bytes % totals->config.chunk_bytes;

    for (uint64_t i = 0; i < bytes / totals->config.chunk_bytes; i++)
        add_root(totals, &totals->zero_chunk.hash, &totals->zero_chunk.sha256);
    if (tail_bytes > 0) {
        const struct imgz_hasher_sums zeros = imgz_totals_zero_hash(totals, tail_bytes);

        add_root(totals, &zeros.hash, &zeros.sha256);
    }
    totals->sum.zero_bytes += bytes;
    imgz_digest_add_zeros(totals->digest, bytes);
    if (!totals->config.crc_wanted)
        return;
    if (bytes != totals->zero_run_bytes) {
        totals->zero_run_crc32 = imgz_crc32_zeros(bytes);
        totals->zero_run_bytes = bytes;
    }
    totals->sum.crc32 = imgz_crc32_concat(totals->sum.crc32, totals->zero_run_crc32, bytes);
}

void imgz_totals_add(struct imgz_totals *totals, const struct imgz_slot *slot)
{
    IMGZ_ASSERT(slot->raw_offset == totals->sum.raw_bytes);
    IMGZ_ASSERT(slot->raw_bytes > 0);
    if (slot->kind == IMGZ_SLOT_ZERO) {
        add_zeros(totals, slot->raw_bytes);
    } else {
        IMGZ_ASSERT(slot->raw_bytes <= totals->config.chunk_bytes);
        add_root(totals, &slot->raw_hash, &slot->raw_sha256);
        if (totals->config.raw_present)
            imgz_digest_add(totals->digest, slot->raw, (size_t)slot->raw_bytes);
        if (totals->config.crc_wanted)
            totals->sum.crc32 =
                imgz_crc32_concat(totals->sum.crc32, slot->raw_crc32, slot->raw_bytes);
    }
    totals->sum.raw_bytes += slot->raw_bytes;
}

bool imgz_totals_has_roots(const struct imgz_totals_sum *sum, const struct imgz_hash *root_hash,
                           const struct imgz_sha256 *root_sha256)
{
    return imgz_hash_equal(&sum->root_hash, root_hash) &&
           (!sum->root_sha256_known || imgz_sha256_equal(&sum->root_sha256, root_sha256));
}

void imgz_totals_finish(struct imgz_totals *totals, struct imgz_totals_sum *sum)
{
    totals->sum.hash = totals->config.hash;
    totals->sum.root_hash = imgz_hasher_take(totals->root).hash;
    totals->sum.root_sha256_known = totals->root_sha256 != NULL;
    if (totals->root_sha256 != NULL)
        totals->sum.root_sha256 = imgz_hasher_take(totals->root_sha256).sha256;
    totals->sum.crc_left_out = !totals->config.crc_wanted;
    totals->sum.digest_count = imgz_digest_count(totals->digest);
    imgz_digest_finish(totals->digest, totals->sum.digests);
    *sum = totals->sum;
}
