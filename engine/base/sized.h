/* SPDX-License-Identifier: MIT */
/*
 * Structs that cross the library's boundary. Each begins with 'uint32_t struct_bytes', the size of
 * the struct that the program was compiled with. So members can be added at the end, and older and
 * newer programs keep working. Every copy from or to a program's struct goes through here.
 *
 *   program older   its struct is shorter: it gets only what fits, and what it cannot set keeps its
 *                   default
 *   program newer   its struct is longer: the part that this library does not know is set to zero;
 *                   in options it must be zero, or the program asks for something unknown
 *
 * Threads    any; no state.
 */
#ifndef IMGZ_SIZED_H
#define IMGZ_SIZED_H

#include "base/base.h"

/* No struct of ours will ever be larger: a larger number is memory that nobody set. */
#define IMGZ_SIZED_BYTES_MAX 65536u

/* For the macros below: the functions get the address of 'struct_bytes', which comes first. */
bool imgz_sized_is_set_up(const uint32_t *struct_bytes);
void imgz_sized_give(uint32_t *to, const uint32_t *from, size_t from_bytes);
IMGZ_MUST_CHECK int imgz_sized_take(uint32_t *to, size_t to_bytes, const uint32_t *from);

/* Whether a program's struct, which may be NULL, says how large it is. */
#define IMGZ_SIZED_IS_SET_UP(object)                                                               \
    ((object) == NULL || imgz_sized_is_set_up(&(object)->struct_bytes))

/* Copies our struct into the program's, which is set up, except for its size. */
#define IMGZ_SIZED_GIVE(to, from)                                                                  \
    imgz_sized_give(&(to)->struct_bytes, &(from)->struct_bytes, sizeof(*(from)))

/* Copies the program's struct, which is set up, over ours, except for its size. Where it is
 * shorter, ours stays. 0, or -E2BIG if it sets something that we do not know. */
#define IMGZ_SIZED_TAKE(to, from)                                                                  \
    imgz_sized_take(&(to)->struct_bytes, sizeof(*(to)), &(from)->struct_bytes)

#endif /* IMGZ_SIZED_H */
