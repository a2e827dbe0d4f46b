/* SPDX-License-Identifier: MIT */
/*
 * How fast can memory be read at all? Sums of 64-bit words, by loads as wide as those of each
 * variant of the zero test. No test of every byte can be much faster.
 */
#ifndef IMGZ_BENCH_MEMORY_READ_H
#define IMGZ_BENCH_MEMORY_READ_H

#include <stddef.h>
#include <stdint.h>

namespace bench
{

/* Adds up the words at 'data'; 'bytes' is a multiple of 256. */
using sum_function = uint64_t (*)(const unsigned char *data, size_t bytes);

/* The sum by loads as wide as those of the zero test's variant 'name'. */
sum_function find_sum(const char *name);

} // namespace bench

#endif /* IMGZ_BENCH_MEMORY_READ_H */
