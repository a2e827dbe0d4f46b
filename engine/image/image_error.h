/* SPDX-License-Identifier: MIT */
/*
 * The error messages for a bad image, or for a file that is not one image.
 *
 * Threads    any.
 * Errors     each function raises and returns -EBADMSG, or the system's error if a slot could not
 *            be read.
 */
#ifndef IMGZ_IMAGE_ERROR_H
#define IMGZ_IMAGE_ERROR_H

#include "format/frame.h"
#include "io/source/source.h"
#include "pipeline/latch.h"
#include "pipeline/slot.h"

/* "reading IMAGE at offset N: WHAT; the image is damaged ...". */
int imgz_image_error_raise(struct imgz_latch *latch, const struct imgz_source *source,
                           uint64_t offset, const char *what);

/* The file ends at 'offset', before the image does. */
int imgz_image_error_raise_cut(struct imgz_latch *latch, const struct imgz_source *source,
                               uint64_t offset);

/* The image is followed by something else. */
int imgz_image_error_raise_trailing(struct imgz_latch *latch, const struct imgz_source *source,
                                    uint64_t image_bytes, uint64_t behind_bytes);

/* The file does not begin as an image; 'sort', of its first 'bytes', is not IMGZ_FRAME_IMAGE. */
int imgz_image_error_raise_not_image(struct imgz_latch *latch, const struct imgz_source *source,
                                     enum imgz_frame_probe sort, size_t bytes);

/* What a worker found wrong with this slot. */
int imgz_image_error_raise_fault(struct imgz_latch *latch, const struct imgz_source *source,
                                 const struct imgz_slot *slot);

#endif /* IMGZ_IMAGE_ERROR_H */
