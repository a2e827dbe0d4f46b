/* SPDX-License-Identifier: MIT */
/*
 * Stored blocks: a segment that holds the raw bytes as they are (RFC 1951 section 3.2.4).
 *
 * Place: used by the compressors, for level 0 and for data that does not get smaller.
 *
 * Threads    any number; no state.
 * Errors     none.
 */
#ifndef IMGZ_STORED_H
#define IMGZ_STORED_H

#include "base/base.h"

/* Length of the segment for 'raw_bytes' >= 1 bytes: 5 bytes more for each 65535. */
size_t imgz_stored_segment_bytes(size_t raw_bytes);

/* Writes that segment to 'out', which must not overlap 'raw'. */
void imgz_stored_make(const unsigned char *raw, size_t raw_bytes, unsigned char *out);

#endif /* IMGZ_STORED_H */
