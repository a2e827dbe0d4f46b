/* SPDX-License-Identifier: MIT */
/*
 * The canonical segment of a run of zeros: a function of its length alone (FORMAT.md).
 *
 * Place: made by chunk_encoder.c; compared by the workers of restore and verify, never inflated.
 *
 * Threads    any number; no state.
 * Errors     none.
 */
#ifndef IMGZ_ZERO_RUN_H
#define IMGZ_ZERO_RUN_H

#include "base/base.h"

/* Length of the segment for 'raw_bytes' >= 1 zeros: about raw_bytes / 1032 + 16. */
uint64_t imgz_zero_run_segment_bytes(uint64_t raw_bytes);

/* Writes that segment to 'out', which has room for imgz_zero_run_segment_bytes(raw_bytes). It is
 * one dynamic-Huffman DEFLATE block that is not final, closed by an empty stored block. */
void imgz_zero_run_make(uint64_t raw_bytes, unsigned char *out);

/* True if the 'segment_bytes' at 'data' are exactly that segment. */
bool imgz_zero_run_match(uint64_t raw_bytes, const unsigned char *data, uint64_t segment_bytes);

#endif /* IMGZ_ZERO_RUN_H */
