/* SPDX-License-Identifier: MIT */
/*
 * ISA-L's fast DEFLATE, in builds that have it (IMGZ_HAVE_ISAL).
 *
 * Place: used by deflate.c for IMGZ_LEVEL_FAST.
 *
 * Threads    one compressor belongs to one thread.
 * Errors     see each function.
 * Memory     all in create().
 */
#ifndef IMGZ_ISAL_H
#define IMGZ_ISAL_H

#include "base/base.h"

struct imgz_isal;

/* "isa-l 2.30.0 level 2". */
const char *imgz_isal_name(void);

/* 0, or -ENOMEM. */
IMGZ_MUST_CHECK int imgz_isal_create(struct imgz_isal **result);
void imgz_isal_destroy(struct imgz_isal *isal); /* accepts NULL */

/* Makes a segment in 'out', which has room for 'out_bytes'. 0; -ENOSPC: it would be no smaller than
 * stored blocks; -EBADMSG: what ISA-L gave is not a segment (a bug there). */
IMGZ_MUST_CHECK int imgz_isal_compress(struct imgz_isal *isal, const unsigned char *raw,
                                       size_t raw_bytes, unsigned char *out, size_t out_bytes,
                                       size_t *segment_bytes);

#endif /* IMGZ_ISAL_H */
