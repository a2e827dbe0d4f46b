/* SPDX-License-Identifier: MIT */
/*
 * Gives the raw bytes of an image's chunks, checked, one at a time.
 *
 * Place: a worker that compares a disk with an image byte by byte; and image_access.c.
 *
 * Threads    one; workers that take chunks in disk order each have their own.
 * Ownership  owns its buffers; the image is the caller's.
 * Errors     init: -ENOMEM and as imgz_chunk_decoder_init(). What is wrong with an item is in its
 *            slot.
 * Memory     a chunk and its segment, in init().
 */
#ifndef IMGZ_CHUNK_READER_H
#define IMGZ_CHUNK_READER_H

#include "image/chunk_decoder.h"
#include "image/image.h"

struct imgz_chunk_reader {
    const struct imgz_image *image;
    struct imgz_chunk_decoder decoder;
    struct imgz_index_cursor cursor;
    struct imgz_index_item item; /* where the cursor is */
    struct imgz_slot slot;       /* that item: its raw bytes, proven (checked), or its fault */
    unsigned char *memory;
    uint64_t memory_bytes;
};

/* 'image' is a file. If it was loaded with its hashes, chunks are compared with them. 'chunks' may
 * be uninitialized; call fini in any case. */
IMGZ_MUST_CHECK int imgz_chunk_reader_init(struct imgz_chunk_reader *chunks,
                                           const struct imgz_image *image);
void imgz_chunk_reader_fini(struct imgz_chunk_reader *chunks); /* accepts one that is all zero */

/* Makes chunks->slot the item that holds 'offset', which is within the disk. A run of zeros is
 * checked and has no raw bytes. */
void imgz_chunk_reader_seek(struct imgz_chunk_reader *chunks, uint64_t offset);

#endif /* IMGZ_CHUNK_READER_H */
