/* SPDX-License-Identifier: MIT */
/*
 * Feeds the chunks of an image to the pipeline: note and segment of each in a slot's stored buffer.
 *
 * A file is read by the workers, at the offsets its index gives. The feeder cuts a stream at its
 * notes, each of which says how long its segment is. The index at the stream's end must be the one
 * that was rebuilt on the way.
 *
 * Place: image -> [feeder] -> queue. Runs as the feeder's body in restore, verify and hash.
 *
 * Threads    the feeder's; fetch() a worker's.
 * Errors     raised: -EBADMSG for a bad image. What is wrong within a chunk is left to the workers.
 * Memory     a stream's index grows with it: 20 bytes per chunk.
 */
#ifndef IMGZ_IMAGE_FEEDER_H
#define IMGZ_IMAGE_FEEDER_H

#include "image/image.h"
#include "pipeline/pipeline.h"

/* When this returns 0, a stream's image->end, index, meta and image_bytes are complete. */
IMGZ_MUST_CHECK int imgz_image_feed(struct imgz_image *image, struct imgz_pipeline *pipeline);

/* Its two ways. */
IMGZ_MUST_CHECK int imgz_image_feed_file(struct imgz_image *image, struct imgz_pipeline *pipeline);
IMGZ_MUST_CHECK int imgz_image_feed_stream(struct imgz_image *image,
                                           struct imgz_pipeline *pipeline);

/* Feeds the items of an unfinished or damaged image file, up to the first place that cannot be one,
 * which is no error. What is within them is left to the workers, as always. */
IMGZ_MUST_CHECK int imgz_image_feed_leftover(struct imgz_image *image,
                                             struct imgz_pipeline *pipeline);

/* Fills a free slot with what the index says of one item; reading it is left to the worker. */
void imgz_image_item_location(struct imgz_slot *slot, const struct imgz_index_item *item);

/* Hands every item of an image file to 'feed', in order, and asks the kernel ahead for what it
 * will read. Ends with the first error. */
typedef int (*imgz_image_item_fn)(const void *context, struct imgz_pipeline *pipeline,
                                  const struct imgz_index_item *item);
IMGZ_MUST_CHECK int imgz_image_feed_items(const struct imgz_image *image,
                                          struct imgz_pipeline *pipeline, imgz_image_item_fn feed,
                                          const void *context);

/* For the worker, first of all: reads note and segment if that was left to it
 * (slot->read_deferred). It may leave the slot with IMGZ_FAULT_READ. */
void imgz_image_fetch(const struct imgz_image *image, struct imgz_slot *slot);

#endif /* IMGZ_IMAGE_FEEDER_H */
