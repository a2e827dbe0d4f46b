/* SPDX-License-Identifier: MIT */
/*
 * xxHash's XXH3, by the best instructions of this processor.
 *
 * A library built with run-time dispatch has AVX2 and AVX-512 variants beside SSE2, the least of
 * x86-64; its second header maps the functions' names to them. In cache AVX2 reaches 35 GB/s, SSE2
 * 12 (Zen 3). Elsewhere the plain functions are the best there are.
 */
#ifndef IMGZ_XXH3_H
#define IMGZ_XXH3_H

#include <xxhash.h>

#if defined(__x86_64__) && __has_include(<xxh_x86dispatch.h>)
#include <xxh_x86dispatch.h>
#endif

#endif /* IMGZ_XXH3_H */
