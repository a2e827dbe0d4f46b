/* SPDX-License-Identifier: MIT */
/*
 * CRC-32 as gzip has it (RFC 1952 section 8).
 *
 * Place: used by checksum.c and hasher.c. The best variant for this processor is chosen at run
 * time.
 *
 * Threads    any number; no state.
 * Errors     none.
 */
#ifndef IMGZ_CRC32_H
#define IMGZ_CRC32_H

#include "base/base.h"

/* Extends 'crc' by the 'bytes' at 'data' (any alignment). 0 is the CRC of nothing. */
uint32_t imgz_crc32_update(uint32_t crc, const void *data, size_t bytes);

/* One way to do it, for tests and benchmarks that try them all. */
struct imgz_crc32_variant {
    const char *name;
    bool (*usable)(void); /* on this processor */
    uint32_t (*update)(uint32_t crc, const void *data, size_t bytes);
};

/* All variants built in, the portable one first, the best one last; '*count' receives how many. */
const struct imgz_crc32_variant *imgz_crc32_variants(size_t *count);

#endif /* IMGZ_CRC32_H */
