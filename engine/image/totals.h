/* SPDX-License-Identifier: MIT */
/*
 * What a whole disk adds up to: size, CRC-32, root hash and digests, from its chunks in order.
 *
 * The root hash is the hash of the hashes of all chunk-size pieces of the disk, as the table of
 * hashes has them, zero pieces included by their real hash: it depends on contents, chunk size and
 * chunk hash alone. With SHA-256 there is a second one, over all 32 bytes of each.
 *
 * Place: the drain of every job.
 *
 * Threads    one.
 * Errors     create: -ENOMEM, or as imgz_digest_create(). Nothing else fails.
 * Memory     all in create().
 */
#ifndef IMGZ_TOTALS_H
#define IMGZ_TOTALS_H

#include <imgz/imgz.h>

#include "base/base.h"
#include "checksum/hasher.h"

struct imgz_slot;
struct imgz_totals;

struct imgz_totals_config {
    uint32_t chunk_bytes;
    enum imgz_hash_kind hash;
    bool hash_cut;       /* slots have only as much of a SHA-256 as a note */
    const char *digests; /* as struct imgz_options; may be NULL */
    bool crc_wanted;     /* slots carry the CRC-32 of their raw bytes */
    bool raw_present;    /* slots carry raw bytes: digests can be made */
};

struct imgz_totals_sum {
    uint64_t raw_bytes;
    uint64_t zero_bytes;
    uint64_t chunk_count; /* pieces of chunk_bytes */
    uint32_t crc32;
    bool crc_left_out; /* crc32 was not wanted, and is 0 */
    enum imgz_hash_kind hash;
    struct imgz_hash root_hash;
    bool root_sha256_known;
    struct imgz_sha256 root_sha256;
    uint32_t digest_count;
    struct imgz_digest_text digests[IMGZ_DIGESTS_MAX];
};

IMGZ_MUST_CHECK int imgz_totals_create(const struct imgz_totals_config *config,
                                       struct imgz_totals **result);
void imgz_totals_destroy(struct imgz_totals *totals); /* accepts NULL */

/* Adds the next item: its offset must be where the last one ended. */
void imgz_totals_add(struct imgz_totals *totals, const struct imgz_slot *slot);

/* The hash that a chunk of 'bytes' zeros has. */
struct imgz_hasher_sums imgz_totals_zero_hash(struct imgz_totals *totals, uint64_t bytes);

/* Whether the sum has these root hashes; the second only if it is known. */
bool imgz_totals_has_roots(const struct imgz_totals_sum *sum, const struct imgz_hash *root_hash,
                           const struct imgz_sha256 *root_sha256);

/* Ends it. */
void imgz_totals_finish(struct imgz_totals *totals, struct imgz_totals_sum *sum);

#endif /* IMGZ_TOTALS_H */
