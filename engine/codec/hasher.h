/* SPDX-License-Identifier: MIT */
/*
 * XXH3-128 of a chunk that comes in pieces, and together with CRC-32 in one pass over memory.
 *
 * Place: worker threads; one hasher each.
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
IMGZ_MUST_CHECK int imgz_hasher_create(struct imgz_hasher **result);
void imgz_hasher_destroy(struct imgz_hasher *hasher); /* accepts NULL */

/* A chunk in pieces: reset, then add each, then take its hash. */
void imgz_hasher_reset(struct imgz_hasher *hasher);
void imgz_hasher_add(struct imgz_hasher *hasher, const void *data, size_t bytes);
struct imgz_hash imgz_hasher_hash(const struct imgz_hasher *hasher);

struct imgz_hasher_sums {
    struct imgz_hash xxh3_128;
    uint32_t crc32;
};

/* Of a whole chunk. */
struct imgz_hasher_sums imgz_hasher_sum(struct imgz_hasher *hasher, const void *data, size_t bytes);

#endif /* IMGZ_HASHER_H */
