/* SPDX-License-Identifier: MIT */
/*
 * The disk in an image, read at random: any bytes, in any order, by any number of threads.
 *
 *     imgz_image_init() -> imgz_image_read_disk() ... -> imgz_image_fini()
 *
 * A read needs no job and no threads of its own. Chunks are inflated and proven against their
 * hashes, and each reader keeps its last one. So reading on in small pieces inflates each chunk
 * once.
 *
 * Threads    read from any. A thread takes a reader that nobody uses; there are as many as threads
 *            ever read at once.
 * Ownership  readers are the image's, and end with it.
 * Errors     of each call by itself, in 'error': -EBADMSG for a damaged chunk, otherwise the
 *            system's; -ENODATA where the disk ends before.
 * Memory     a chunk and its segment per reader.
 */
#ifndef IMGZ_IMAGE_ACCESS_H
#define IMGZ_IMAGE_ACCESS_H

#include "image/image.h"

struct imgz_image_readers;

/* For imgz_image_load() and imgz_image_fini(). */
IMGZ_MUST_CHECK int imgz_image_readers_create(struct imgz_image_readers **result);
void imgz_image_readers_destroy(struct imgz_image_readers *readers); /* accepts NULL */

/* Reads 'bytes' at 'offset' of the disk in an image that is a file: all of them. 'error' may be
 * NULL; it is written on failure only. */
IMGZ_MUST_CHECK int imgz_image_read_disk(const struct imgz_image *image, uint64_t offset,
                                         void *buffer, size_t bytes, struct imgz_error *error);

#endif /* IMGZ_IMAGE_ACCESS_H */
