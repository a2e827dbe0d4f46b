/* SPDX-License-Identifier: MIT */
/*
 * Writes an image: header, the items in disk order, index, metadata, end.
 *
 * Chunks arrive with note and segment made by their worker. Zero runs are merged here, cut at the
 * format's limit counted from where the run begins: the bytes do not depend on how the zeros came
 * in, as holes, as chunks or both.
 *
 * Place: order -> [image writer] -> append. Part of capture's drain.
 *
 * Threads    the drain's.
 * Ownership  put takes the slot unless it fails; it holds back at most one, the carrier of the
 *            current zero run.
 * Errors     raised.
 * Memory     the index grows with the disk: 20 bytes per chunk.
 */
#ifndef IMGZ_IMAGE_WRITER_H
#define IMGZ_IMAGE_WRITER_H

#include "format/frame.h"
#include "format/index.h"
#include "format/meta.h"
#include "image/totals.h"
#include "io/sink/append.h"

struct imgz_image_writer {
    struct imgz_append *append; /* NULL: it could not be opened */
    struct imgz_index index;
    uint32_t chunk_bytes;
    struct imgz_slot *run; /* a zero run that may still grow, or NULL */
};

/* 'header' is what the image begins with. 'writer' may be uninitialized and must stay at its place
 * until fini. */
IMGZ_MUST_CHECK int imgz_image_writer_init(struct imgz_image_writer *writer, struct imgz_sink *sink,
                                           struct imgz_pipeline *pipeline,
                                           const struct imgz_frame_header *header);
/* Gives back the slot that is held back: without finish, the zeros it stands for are not in the
 * file. */
void imgz_image_writer_fini(struct imgz_image_writer *writer);

/* Instead of init: goes on after the first 'image_bytes' of the sink, which hold the header and the
 * items of 'index'. Takes the index. */
IMGZ_MUST_CHECK int imgz_image_writer_resume(struct imgz_image_writer *writer,
                                             struct imgz_sink *sink, struct imgz_pipeline *pipeline,
                                             uint64_t image_bytes, struct imgz_index *index);

IMGZ_MUST_CHECK int imgz_image_writer_put(struct imgz_image_writer *writer,
                                          struct imgz_slot **slot);

/* See imgz_append_settle(). A run of zeros that may still grow is not part of it. */
IMGZ_MUST_CHECK int imgz_image_writer_settle(struct imgz_image_writer *writer);

/* Writes the rest, and flushes. */
IMGZ_MUST_CHECK int imgz_image_writer_finish(struct imgz_image_writer *writer,
                                             const struct imgz_totals_sum *sum,
                                             const struct imgz_meta *meta);

/* Bytes written so far. */
uint64_t imgz_image_writer_bytes(const struct imgz_image_writer *writer);

#endif /* IMGZ_IMAGE_WRITER_H */
