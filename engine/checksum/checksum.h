/* SPDX-License-Identifier: MIT */
/*
 * The checksums of the image format: CRC-32 (RFC 1952 section 8), XXH3-64 and XXH3-128.
 *
 * Place: worker threads hash chunks; the in-order stage combines them.
 *
 * Threads    any number; no state.
 * Errors     none.
 */
#ifndef IMGZ_CHECKSUM_H
#define IMGZ_CHECKSUM_H

#include "base/base.h"
#include "base/hash.h"

uint32_t imgz_crc32(const void *data, size_t bytes);

/* CRC-32 of A followed by B, from crc(A), crc(B) and the length of B. O(log b_bytes). */
uint32_t imgz_crc32_concat(uint32_t a_crc, uint32_t b_crc, uint64_t b_bytes);

/* CRC-32 of 'bytes' zeros. O(log^2 bytes). */
uint32_t imgz_crc32_zeros(uint64_t bytes);

uint64_t imgz_xxh3_64(const void *data, size_t bytes);
struct imgz_hash imgz_xxh3_128(const void *data, size_t bytes);

/* From the halves of an XXH128_hash_t. */
struct imgz_hash imgz_hash_from_words(uint64_t low, uint64_t high);

bool imgz_hash_equal(const struct imgz_hash *a, const struct imgz_hash *b);
bool imgz_sha256_equal(const struct imgz_sha256 *a, const struct imgz_sha256 *b);

#define IMGZ_HASH_TEXT_BYTES 33u

/* 32 hex digits, most significant first as xxhsum prints them, and a NUL. */
void imgz_hash_format(const struct imgz_hash *hash, char text[IMGZ_HASH_TEXT_BYTES]);

#define IMGZ_SHA256_TEXT_BYTES 65u

/* 64 hex digits as sha256sum prints them, and a NUL. */
void imgz_sha256_format(const struct imgz_sha256 *sha256, char text[IMGZ_SHA256_TEXT_BYTES]);

/* A root hash: which of the two it is depends on the chunk hash. */
void imgz_root_format(enum imgz_hash_kind kind, const struct imgz_hash *root_hash,
                      const struct imgz_sha256 *root_sha256, char text[IMGZ_SHA256_TEXT_BYTES]);

#endif /* IMGZ_CHECKSUM_H */
