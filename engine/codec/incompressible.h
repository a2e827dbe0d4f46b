/* SPDX-License-Identifier: MIT */
/*
 * The incompressible test: would DEFLATE gain anything on this chunk?
 *
 * Place: worker threads, before compressing. Random, encrypted and well compressed data answers
 * yes; such a chunk is stored at memory speed instead of being deflated in vain.
 *
 * Threads    any number; no state.
 * Errors     none. A wrong yes costs size, a wrong no costs time; neither costs data.
 */
#ifndef IMGZ_INCOMPRESSIBLE_H
#define IMGZ_INCOMPRESSIBLE_H

#include "base/base.h"

/* True if a sample of 'data' looks incompressible. Deterministic: depends on the bytes alone. */
bool imgz_incompressible(const void *data, size_t bytes);

#endif /* IMGZ_INCOMPRESSIBLE_H */
