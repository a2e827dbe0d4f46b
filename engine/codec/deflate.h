/* SPDX-License-Identifier: MIT */
/*
 * DEFLATE both ways, one chunk at a time, behind one interface: ISA-L, libdeflate and stored blocks
 * one way, a strict decoder of our own (inflate.c) the other.
 *
 * A segment is what compressing gives: whole DEFLATE blocks, byte-aligned at both ends, none final,
 * no back-reference before its start.
 *
 * Place: worker threads; one codec each.
 *
 * Threads    one codec belongs to one thread.
 * Ownership  buffers stay the caller's.
 * Errors     see each function.
 * Memory     all in create(): libdeflate needs 0.2 to 9 MiB by level, ISA-L 0.6 MiB.
 */
#ifndef IMGZ_DEFLATE_H
#define IMGZ_DEFLATE_H

#include "base/base.h"

struct imgz_deflate; /* a compressor */
struct imgz_inflate; /* a decompressor */

/* True if it is a level: IMGZ_LEVEL_FAST, or 0 to 12 (imgz.h). */
bool imgz_deflate_level_valid(int level);

/* "isa-l 2.30.0 level 2", "libdeflate 1.14 level 6", "stored": for logs and meta. Static text. */
const char *imgz_deflate_level_name(int level);

/* Room a segment may need: enough for 'raw_bytes' stored, and for every codec's working bound. */
size_t imgz_deflate_bound(size_t raw_bytes);

/* 0, or -ENOMEM. 'level' must be valid. */
IMGZ_MUST_CHECK int imgz_deflate_create(int level, struct imgz_deflate **result);
void imgz_deflate_destroy(struct imgz_deflate *deflate); /* accepts NULL */

enum imgz_deflate_form {
    IMGZ_DEFLATE_COMPRESSED,
    IMGZ_DEFLATE_STORED, /* incompressible, or level 0 */
};

/* Makes the segment for 'raw_bytes' > 0 bytes in 'out', which has room for imgz_deflate_bound().
 * The bytes depend on the raw bytes and the level alone. Never larger than stored blocks would be.
 * 0, or -EBADMSG if the library gave a stream that cannot be reopened (a bug there). */
IMGZ_MUST_CHECK int imgz_deflate_compress(struct imgz_deflate *deflate, const unsigned char *raw,
                                          size_t raw_bytes, unsigned char *out,
                                          size_t *segment_bytes, enum imgz_deflate_form *form);

/* 0, or -ENOMEM. */
IMGZ_MUST_CHECK int imgz_inflate_create(struct imgz_inflate **result);
void imgz_inflate_destroy(struct imgz_inflate *inflate); /* accepts NULL */

/* Inflates a segment to exactly 'raw_bytes'. 0, or -EBADMSG: it is not a segment as FORMAT.md
 * defines it, or not that long. 'raw' is then undefined. */
IMGZ_MUST_CHECK int imgz_inflate_segment(struct imgz_inflate *inflate, const unsigned char *segment,
                                         size_t segment_bytes, unsigned char *raw,
                                         size_t raw_bytes);

#endif /* IMGZ_DEFLATE_H */
