/* SPDX-License-Identifier: MIT */
/*
 * Cuts a disk that comes in items of one image into chunks of another size, or with another chunk
 * hash.
 *
 * Place: the drain of a comparison of two images whose chunks differ in size or hash.
 *
 * Threads    one.
 * Errors     create: -ENOMEM. Nothing else fails.
 * Memory     all in create().
 */
#ifndef IMGZ_REHASH_H
#define IMGZ_REHASH_H

#include "base/base.h"
#include "base/hash.h"

struct imgz_slot;
struct imgz_rehash;

struct imgz_rehash_config {
    uint32_t chunk_bytes; /* of what comes out */
    enum imgz_hash_kind hash;

    /* Takes the next piece in disk order: a chunk of data with its hash but without its bytes, or
     * chunks of zeros. A chunk may be all zeros though it is called data. */
    void (*take)(void *context, const struct imgz_slot *slot);
    void *context;
};

IMGZ_MUST_CHECK int imgz_rehash_create(const struct imgz_rehash_config *config,
                                       struct imgz_rehash **result);
void imgz_rehash_destroy(struct imgz_rehash *rehash); /* accepts NULL */

/* The next item, with its raw bytes: it begins where the last one ended. */
void imgz_rehash_add(struct imgz_rehash *rehash, const struct imgz_slot *slot);

/* The disk ends here: passes on the last chunk, which may be short. */
void imgz_rehash_finish(struct imgz_rehash *rehash);

#endif /* IMGZ_REHASH_H */
