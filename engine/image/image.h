/* SPDX-License-Identifier: MIT */
/*
 * An image to be read: what its frame says, and for a file what its index and metadata say.
 *
 * Place: opened by restore, verify, hash and info; its chunks are fed by image_feeder.h.
 *
 * Threads    one at a time.
 * Ownership  owns the source.
 * Errors     raised: -EBADMSG for a bad image, otherwise the system's.
 * Memory     20 bytes per chunk for a file.
 */
#ifndef IMGZ_IMAGE_H
#define IMGZ_IMAGE_H

#include "format/frame.h"
#include "format/index.h"
#include "format/meta.h"
#include "io/source/source.h"

enum imgz_image_parts {
    IMGZ_IMAGE_SIZES, /* header and, if it is a file, end, sizes and metadata */
    IMGZ_IMAGE_ALL,   /* also hashes */
};

struct imgz_image_readers;

struct imgz_image {
    struct imgz_source *source; /* its own */
    struct imgz_frame_header header;
    bool seekable;        /* a file: what follows is loaded; a stream: the feeder fills it in */
    uint64_t image_bytes; /* where it ends; only padding follows */
    struct imgz_frame_end end;
    struct imgz_index index;
    struct imgz_meta meta;
    uint64_t data_bytes_max; /* a file: of the longest chunk of data, as its index says */
    uint64_t segment_bytes_max;
    struct imgz_image_readers *readers; /* a file: see image_access.h */
};

/* Whether a raw disk or an image was named: '*is_image' if 'source' begins as an image does, even a
 * damaged one; 'header' is then what it says, or zeros if that cannot be read. A block device is
 * never an image, whatever it begins with. */
IMGZ_MUST_CHECK int imgz_image_recognize(struct imgz_source *source, struct imgz_latch *latch,
                                         bool *is_image, struct imgz_frame_header *header);

/* Opens 'path' ('reach' may be NULL) and reads all parts. 'image' may be
 * uninitialized; on failure nothing is held. */
IMGZ_MUST_CHECK int imgz_image_init(const char *path, const struct imgz_reach *reach,
                                    struct imgz_latch *latch, struct imgz_log *log,
                                    struct imgz_image *image);

/* The same for an image whose source is open already, and whose other members are zero. Call
 * imgz_image_fini() in any case. */
IMGZ_MUST_CHECK int imgz_image_load(struct imgz_image *image, enum imgz_image_parts parts,
                                    struct imgz_latch *latch, struct imgz_log *log);
void imgz_image_fini(struct imgz_image *image);

/* Where the END note is, in an image that is loaded. */
static inline uint64_t imgz_image_tail_offset(const struct imgz_image *image)
{
    return image->image_bytes - imgz_frame_tail_bytes(image->header.hash);
}

/* The disk's size: from the end record, or from a stream's header (may be IMGZ_SIZE_UNKNOWN). */
uint64_t imgz_image_raw_bytes(const struct imgz_image *image);

/* How long the raw bytes of a data item, and the segment of any item, can be: the longest in the
 * image or, if that is not known yet, what chunk size and disk size allow. */
uint64_t imgz_image_data_bytes_max(const struct imgz_image *image);
uint64_t imgz_image_segment_bytes_max(const struct imgz_image *image);

/* Reads a carried payload. 'read' gives the next bytes of the image, all or none. The caller has
 * found note->payload_bytes plausible. Checks the payload's hash. */
typedef int (*imgz_image_read_fn)(void *context, void *buffer, size_t bytes);
IMGZ_MUST_CHECK int imgz_image_read_payload(imgz_image_read_fn read, void *context,
                                            const struct imgz_note *note, unsigned char *payload);

#endif /* IMGZ_IMAGE_H */
