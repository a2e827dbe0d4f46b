/* SPDX-License-Identifier: MIT */
/*
 * Integers at any address: the only way the engine reads and writes disk formats. Its own are
 * little-endian; some file systems' are big-endian.
 */
#ifndef IMGZ_BYTES_H
#define IMGZ_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t imgz_get_le16(const unsigned char *at)
{
    uint16_t value;

    memcpy(&value, at, sizeof(value));
    return le16toh(value);
}

static inline uint32_t imgz_get_le32(const unsigned char *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof(value));
    return le32toh(value);
}

static inline uint64_t imgz_get_le64(const unsigned char *at)
{
    uint64_t value;

    memcpy(&value, at, sizeof(value));
    return le64toh(value);
}

static inline uint16_t imgz_get_be16(const unsigned char *at)
{
    uint16_t value;

    memcpy(&value, at, sizeof(value));
    return be16toh(value);
}

static inline uint32_t imgz_get_be32(const unsigned char *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof(value));
    return be32toh(value);
}

static inline uint64_t imgz_get_be64(const unsigned char *at)
{
    uint64_t value;

    memcpy(&value, at, sizeof(value));
    return be64toh(value);
}

static inline void imgz_put_le16(unsigned char *at, uint16_t value)
{
    value = htole16(value);
    memcpy(at, &value, sizeof(value));
}

static inline void imgz_put_le32(unsigned char *at, uint32_t value)
{
    value = htole32(value);
    memcpy(at, &value, sizeof(value));
}

static inline void imgz_put_le64(unsigned char *at, uint64_t value)
{
    value = htole64(value);
    memcpy(at, &value, sizeof(value));
}

#endif /* IMGZ_BYTES_H */
