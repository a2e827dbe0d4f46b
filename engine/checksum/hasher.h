/* SPDX-License-Identifier: MIT */
/*
 * The hash of a chunk: XXH3-128 or SHA-256, also of one that comes in pieces, and together with
 * CRC-32 in one pass over memory.
 *
 * Place: worker threads, one hasher each; and the totals, for root hashes.
 *
 * Threads    one hasher belongs to one thread.
 * Errors     none but create()'s.
 * Memory     all in create().
 */
#ifndef IMGZ_HASHER_H
#define IMGZ_HASHER_H

#include "base/base.h"
#include "base/hash.h"

struct imgz_hasher;

/* 0, or -ENOMEM. */
IMGZ_MUST_CHECK int imgz_hasher_create(enum imgz_hash_kind kind, struct imgz_hasher **result);
void imgz_hasher_destroy(struct imgz_hasher *hasher); /* accepts NULL */

enum imgz_hash_kind imgz_hasher_kind(const struct imgz_hasher *hasher);

struct imgz_hasher_sums {
    struct imgz_hash hash;
    struct imgz_sha256 sha256; /* all of it; zero for another kind */
    uint32_t crc32;            /* 0 unless imgz_hasher_sum() made it */
};

/* A chunk in pieces: reset, then add each, then take its hash. */
void imgz_hasher_reset(struct imgz_hasher *hasher);
void imgz_hasher_add(struct imgz_hasher *hasher, const void *data, size_t bytes);
struct imgz_hasher_sums imgz_hasher_take(struct imgz_hasher *hasher);

/* Of a whole chunk, without CRC-32 and with it. */
struct imgz_hasher_sums imgz_hasher_hash(struct imgz_hasher *hasher, const void *data,
                                         size_t bytes);
struct imgz_hasher_sums imgz_hasher_sum(struct imgz_hasher *hasher, const void *data, size_t bytes);

#endif /* IMGZ_HASHER_H */
