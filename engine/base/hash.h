/* SPDX-License-Identifier: MIT */
/* The type of an XXH3-128 value; codec/checksum.h makes and compares them. */
#ifndef IMGZ_HASH_H
#define IMGZ_HASH_H

#define IMGZ_HASH_BYTES 16u

/* As the image format stores it: the low 64 bits first, each half little-endian. */
struct imgz_hash {
    unsigned char bytes[IMGZ_HASH_BYTES];
};

#endif /* IMGZ_HASH_H */
