/* SPDX-License-Identifier: MIT */
#include "checksum/hasher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* This is the older of OpenSSL's two interfaces, deprecated in favour of EVP_*. But EVP_* allocates
 * at every reset (3.0 frees and recreates its state). A worker resets for every chunk, and must
 * neither fail there nor wait for an allocator. The code behind both is the same. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "checksum/checksum.h"
#include "checksum/crc32.h"
#include "checksum/xxh3.h"

/* Both sums of a piece are made while the first cache level holds it. */
#define PIECE_BYTES ((size_t)16 << 10)

struct imgz_hasher {
    enum imgz_hash_kind kind;
    XXH3_state_t *xxh3; /* NULL with SHA-256 */
    SHA256_CTX sha256;
};

_Static_assert(IMGZ_SHA256_BYTES == SHA256_DIGEST_LENGTH, "as long as the standard has it");

int imgz_hasher_create(enum imgz_hash_kind kind, struct imgz_hasher **result)
{
    struct imgz_hasher *hasher = calloc(1, sizeof(*hasher));

    if (hasher == NULL)
        return -ENOMEM;
    hasher->kind = kind;
    if (kind == IMGZ_HASH_XXH3) {
        hasher->xxh3 = XXH3_createState();
        if (hasher->xxh3 == NULL) {
            free(hasher);
            return -ENOMEM;
        }
    }
    *result = hasher;
    return 0;
}

void imgz_hasher_destroy(struct imgz_hasher *hasher)
{
    if (hasher == NULL)
        return;
    XXH3_freeState(hasher->xxh3);
    free(hasher);
}

enum imgz_hash_kind imgz_hasher_kind(const struct imgz_hasher *hasher)
{
    return hasher->kind;
}

void imgz_hasher_reset(struct imgz_hasher *hasher)
{
    if (hasher->kind == IMGZ_HASH_XXH3)
        XXH3_128bits_reset(hasher->xxh3);
    else
        IMGZ_ASSERT(SHA256_Init(&hasher->sha256) == 1);
}

void imgz_hasher_add(struct imgz_hasher *hasher, const void *data, size_t bytes)
{
    if (hasher->kind == IMGZ_HASH_XXH3)
        XXH3_128bits_update(hasher->xxh3, data, bytes);
    else
        IMGZ_ASSERT(SHA256_Update(&hasher->sha256, data, bytes) == 1);
}

struct imgz_hasher_sums imgz_hasher_take(struct imgz_hasher *hasher)
{
    struct imgz_hasher_sums sums = {.crc32 = 0};

    if (hasher->kind == IMGZ_HASH_XXH3) {
        const XXH128_hash_t value = XXH3_128bits_digest(hasher->xxh3);

        sums.hash = imgz_hash_from_words(value.low64, value.high64);
    } else {
        IMGZ_ASSERT(SHA256_Final(sums.sha256.bytes, &hasher->sha256) == 1);
        memcpy(sums.hash.bytes, sums.sha256.bytes, IMGZ_HASH_BYTES);
    }
    return sums;
}

struct imgz_hasher_sums imgz_hasher_hash(struct imgz_hasher *hasher, const void *data, size_t bytes)
{
    imgz_hasher_reset(hasher);
    imgz_hasher_add(hasher, data, bytes);
    return imgz_hasher_take(hasher);
}

struct imgz_hasher_sums imgz_hasher_sum(struct imgz_hasher *hasher, const void *data, size_t bytes)
{
    struct imgz_hasher_sums sums;
    const unsigned char *at = data;
    uint32_t crc32 = 0;

    imgz_hasher_reset(hasher);
    while (bytes > 0) {
        const size_t piece_bytes = (size_t)imgz_min(bytes, PIECE_BYTES);

        imgz_hasher_add(hasher, at, piece_bytes);
        crc32 = imgz_crc32_update(crc32, at, piece_bytes);
        at += piece_bytes;
        bytes -= piece_bytes;
    }
    sums = imgz_hasher_take(hasher);
    sums.crc32 = crc32;
    return sums;
}
