/* SPDX-License-Identifier: MIT */
/*
 * The seam: turns a finished raw DEFLATE stream into a segment that another can follow.
 *
 * libdeflate has no flush: its last block carries BFINAL. Walking the Huffman codes without making
 * any output finds that block's header; its BFINAL is cleared, and an empty stored block brings the
 * end to a byte boundary.
 *
 * Place: worker threads, after libdeflate.
 *
 * Threads    any number; no state outside the arguments.
 * Ownership  the buffer stays the caller's.
 * Errors     -EBADMSG: not one valid, complete DEFLATE stream; the buffer is then unchanged.
 * Memory     none but the stack (under 32 KiB).
 */
#ifndef IMGZ_DEFLATE_REOPEN_H
#define IMGZ_DEFLATE_REOPEN_H

#include "base/base.h"

/* A segment is at most this much longer than the stream it came from: a spilled stored-block header
 * byte and LEN, NLEN (RFC 1951 section 3.2.4). */
#define IMGZ_DEFLATE_REOPEN_GROWTH_BYTES 5u

/* Reopens the DEFLATE stream of 'stream_bytes' at 'data', in place. 'data' must have room for
 * IMGZ_DEFLATE_REOPEN_GROWTH_BYTES more. '*segment_bytes' receives the segment's length:
 * byte-aligned at both ends, no final block. Bits after the final block's end are overwritten with
 * zeros. Back-references that reach before the stream's start are not noticed: no window is
 * kept. */
IMGZ_MUST_CHECK int imgz_deflate_reopen(unsigned char *data, size_t stream_bytes,
                                        size_t *segment_bytes);

/* The same for a stream that was made of these raw bytes. Its last block is searched for from the
 * end, which takes a tenth of the time (last_block.h), and what lies before it is not checked. If
 * it is not found so, the stream is walked. */
IMGZ_MUST_CHECK int imgz_deflate_reopen_known(unsigned char *data, size_t stream_bytes,
                                              const unsigned char *raw, size_t raw_bytes,
                                              size_t *segment_bytes);

#endif /* IMGZ_DEFLATE_REOPEN_H */
