/* SPDX-License-Identifier: MIT */
#include "codec/hasher.h"

#include <errno.h>
#include <stdlib.h>

#include "codec/checksum.h"
#include "codec/crc32.h"
#include "codec/xxh3.h"

/* Both sums of a piece are made while the first cache level holds it. */
#define PIECE_BYTES ((size_t)16 << 10)

struct imgz_hasher {
    XXH3_state_t *state;
};

int imgz_hasher_create(struct imgz_hasher **result)
{
    struct imgz_hasher *hasher = calloc(1, sizeof(*hasher));

    if (hasher == NULL)
        return -ENOMEM;
    hasher->state = XXH3_createState();
    if (hasher->state == NULL) {
        free(hasher);
        return -ENOMEM;
    }
    *result = hasher;
    return 0;
}

void imgz_hasher_destroy(struct imgz_hasher *hasher)
{
    if (hasher == NULL)
        return;
    XXH3_freeState(hasher->state);
    free(hasher);
}

void imgz_hasher_reset(struct imgz_hasher *hasher)
{
    XXH3_128bits_reset(hasher->state);
}

void imgz_hasher_add(struct imgz_hasher *hasher, const void *data, size_t bytes)
{
    XXH3_128bits_update(hasher->state, data, bytes);
}

struct imgz_hash imgz_hasher_hash(const struct imgz_hasher *hasher)
{
    const XXH128_hash_t value = XXH3_128bits_digest(hasher->state);

    return imgz_hash_from_words(value.low64, value.high64);
}

struct imgz_hasher_sums imgz_hasher_sum(struct imgz_hasher *hasher, const void *data, size_t bytes)
{
    struct imgz_hasher_sums sums = {.crc32 = 0};
    const unsigned char *at = data;

    imgz_hasher_reset(hasher);
    while (bytes > 0) {
        const size_t piece_bytes = (size_t)imgz_min(bytes, PIECE_BYTES);

        imgz_hasher_add(hasher, at, piece_bytes);
        sums.crc32 = imgz_crc32_update(sums.crc32, at, piece_bytes);
        at += piece_bytes;
        bytes -= piece_bytes;
    }
    sums.xxh3_128 = imgz_hasher_hash(hasher);
    return sums;
}
