/* SPDX-License-Identifier: MIT */
/*
 * The hashes of a disk's chunks: which there are, and the types of their values. checksum/hasher.h
 * makes them, checksum/checksum.h compares and prints them.
 */
#ifndef IMGZ_HASH_H
#define IMGZ_HASH_H

/* The chunk hash of an image. */
enum imgz_hash_kind {
    IMGZ_HASH_XXH3,   /* XXH3-128: finds accidents */
    IMGZ_HASH_SHA256, /* SHA-256: finds tampering, too */
};

#define IMGZ_HASH_BYTES 16u

/* As notes and the table of hashes have it: an XXH3-128, the low 64 bits first, each half
 * little-endian; or the first 16 bytes of a SHA-256. */
struct imgz_hash {
    unsigned char bytes[IMGZ_HASH_BYTES];
};

#define IMGZ_SHA256_BYTES 32u

/* All of a SHA-256; zero where the chunk hash is another. */
struct imgz_sha256 {
    unsigned char bytes[IMGZ_SHA256_BYTES];
};

#endif /* IMGZ_HASH_H */
