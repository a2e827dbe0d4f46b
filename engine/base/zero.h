/* SPDX-License-Identifier: MIT */
/*
 * The zero test: is a buffer, or each 4 KiB block of it, all zero bytes?
 *
 * Place: worker threads, on every chunk. The best variant for this processor is chosen at run time.
 *
 * Threads    any number; no state.
 * Errors     none.
 */
#ifndef IMGZ_ZERO_H
#define IMGZ_ZERO_H

#include "base/base.h"

/* True if all 'bytes' (0 or more) bytes at 'data' (any alignment) are zero. Reads nothing outside
 * them. Data that is not zero is usually noticed within its first bytes. */
bool imgz_zero_test(const void *data, size_t bytes);

/* Sets map[i] to 1 where the i-th IMGZ_BLOCK_BYTES block of 'data' is all zero, otherwise to 0; the
 * last block may be short. 'map' has ceil(bytes / IMGZ_BLOCK_BYTES) elements. Returns the number of
 * ones. */
uint32_t imgz_zero_map(const void *data, size_t bytes, uint8_t *map);

/* One way to do the test, for tests and benchmarks that try them all. */
struct imgz_zero_variant {
    const char *name;
    bool (*usable)(void); /* on this processor */
    bool (*test)(const void *data, size_t bytes);
};

/* All variants built in, the portable one first; '*count' receives how many. */
const struct imgz_zero_variant *imgz_zero_variants(size_t *count);

#endif /* IMGZ_ZERO_H */
