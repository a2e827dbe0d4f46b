/* SPDX-License-Identifier: MIT */
#include "checksum/checksum.h"

#include <string.h>
#include <zlib.h>

#include "base/bytes.h"
#include "checksum/crc32.h"
#include "checksum/xxh3.h"

_Static_assert(sizeof(z_off_t) == sizeof(uint64_t), "zlib combines over lengths of 64 bits");
_Static_assert(sizeof(struct imgz_hash) == sizeof(XXH128_canonical_t), "XXH3-128 has 16 bytes");

uint32_t imgz_crc32(const void *data, size_t bytes)
{
    return imgz_crc32_update(0, data, bytes);
}

uint32_t imgz_crc32_concat(uint32_t a_crc, uint32_t b_crc, uint64_t b_bytes)
{
    /* zlib takes the length as signed. 2^63 bytes are out of any disk's reach. */
    IMGZ_ASSERT(b_bytes <= INT64_MAX);
    return (uint32_t)crc32_combine(a_crc, b_crc, (z_off_t)b_bytes);
}

/*
 * CRC-32 of n zeros. With s(n) the CRC of n zeros, s(1) is known and
 *     s(2m) = concat(s(m), s(m), m),   s(m + 1) = concat(s(m), s(1), 1):
 * walking the bits of n from the top gives s(n) in log2(n) steps of each kind.
 */
uint32_t imgz_crc32_zeros(uint64_t bytes)
{
    static const unsigned char zero_byte = 0;
    uint32_t one_crc = imgz_crc32(&zero_byte, 1);
    uint32_t crc = 0;
    uint64_t done = 0;

    for (int bit = 63; bit >= 0; bit--) {
        crc = imgz_crc32_concat(crc, crc, done);
        done *= 2;
        if (bytes >> bit & 1) {
            crc = imgz_crc32_concat(crc, one_crc, 1);
            done += 1;
        }
    }
    IMGZ_ASSERT(done == bytes);
    return crc;
}

uint64_t imgz_xxh3_64(const void *data, size_t bytes)
{
    return XXH3_64bits(data, bytes);
}

struct imgz_hash imgz_hash_from_words(uint64_t low, uint64_t high)
{
    struct imgz_hash hash;

    imgz_put_le64(hash.bytes, low);
    imgz_put_le64(hash.bytes + 8, high);
    return hash;
}

struct imgz_hash imgz_xxh3_128(const void *data, size_t bytes)
{
    const XXH128_hash_t value = XXH3_128bits(data, bytes);

    return imgz_hash_from_words(value.low64, value.high64);
}

bool imgz_hash_equal(const struct imgz_hash *a, const struct imgz_hash *b)
{
    return memcmp(a->bytes, b->bytes, IMGZ_HASH_BYTES) == 0;
}

bool imgz_sha256_equal(const struct imgz_sha256 *a, const struct imgz_sha256 *b)
{
    return memcmp(a->bytes, b->bytes, IMGZ_SHA256_BYTES) == 0;
}

static void format_byte(unsigned char byte, char *text)
{
    static const char digits[] = "0123456789abcdef";

    text[0] = digits[byte >> 4];
    text[1] = digits[byte & 15];
}

void imgz_hash_format(const struct imgz_hash *hash, char text[IMGZ_HASH_TEXT_BYTES])
{
    for (size_t i = 0; i < IMGZ_HASH_BYTES; i++)
        format_byte(hash->bytes[IMGZ_HASH_BYTES - 1 - i], text + 2 * i);
    text[IMGZ_HASH_TEXT_BYTES - 1] = '\0';
}

void imgz_sha256_format(const struct imgz_sha256 *sha256, char text[IMGZ_SHA256_TEXT_BYTES])
{
    for (size_t i = 0; i < IMGZ_SHA256_BYTES; i++)
        format_byte(sha256->bytes[i], text + 2 * i);
    text[IMGZ_SHA256_TEXT_BYTES - 1] = '\0';
}

void imgz_root_format(enum imgz_hash_kind kind, const struct imgz_hash *root_hash,
                      const struct imgz_sha256 *root_sha256, char text[IMGZ_SHA256_TEXT_BYTES])
{
    if (kind == IMGZ_HASH_SHA256)
        imgz_sha256_format(root_sha256, text);
    else
        imgz_hash_format(root_hash, text);
}
