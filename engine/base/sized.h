/* SPDX-License-Identifier: MIT */
/*
 * Structs that cross the border of the library. Each begins with 'uint32_t struct_bytes', in which
 * the program says how large the struct is that it was compiled with: so members can be added at
 * the end, and programs of either age keep working. All that is copied from or to a program's
 * struct goes through here.
 *
 *   program older   its struct is shorter: it is given no more than that, and what it cannot set
 *                   keeps its default
 *   program newer   its struct is longer: the part that this library does not know is set to zero;
 *                   of options it must be zero, or the program asks for what cannot be done
 *
 * Threads    any; no state.
 */
#ifndef IMGZ_SIZED_H
#define IMGZ_SIZED_H

#include "base/base.h"

/* What no struct of ours will ever exceed: a larger number is memory that nobody set. */
#define IMGZ_SIZED_BYTES_MAX 65536u

/* For the macros below: the functions get the address of 'struct_bytes', which comes first. */
bool imgz_sized_is_set_up(const uint32_t *struct_bytes);
void imgz_sized_give(uint32_t *to, const uint32_t *from, size_t from_bytes);
IMGZ_MUST_CHECK int imgz_sized_take(uint32_t *to, size_t to_bytes, const uint32_t *from);

/* Whether a program's struct, which may be NULL, says how large it is. */
#define IMGZ_SIZED_IS_SET_UP(object)                                                               \
    ((object) == NULL || imgz_sized_is_set_up(&(object)->struct_bytes))

/* Copies our struct into the program's, which is set up, but for its size. */
#define IMGZ_SIZED_GIVE(to, from)                                                                  \
    imgz_sized_give(&(to)->struct_bytes, &(from)->struct_bytes, sizeof(*(from)))

/* Copies the program's struct, which is set up, over ours, but for its size: where it is shorter,
 * ours stays. 0, or -E2BIG if it has something set that we do not know. */
#define IMGZ_SIZED_TAKE(to, from)                                                                  \
    imgz_sized_take(&(to)->struct_bytes, sizeof(*(to)), &(from)->struct_bytes)

#endif /* IMGZ_SIZED_H */
