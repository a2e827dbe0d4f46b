/* SPDX-License-Identifier: MIT */
/*
 * Feeds an image that is to be mended: as image_feeder.h does, but a run of zeros of which
 * something is missing is cut, so that every chunk that will be read again has a slot of its own.
 * And so is one across the place up to which the new image is there already.
 *
 * A run has one note for all of it. So it is checked here, before it is cut: its pieces go to the
 * workers read (slot->read_deferred is not set), with nothing in their stored buffers. A run that
 * is wrong goes as a whole, with its fault.
 *
 * Place: image -> [feeder] -> queue, in a retry.
 *
 * Threads    the feeder's.
 * Errors     none but the pipeline's.
 */
#ifndef IMGZ_RETRY_FEED_H
#define IMGZ_RETRY_FEED_H

#include "base/range_list.h"
#include "image/image.h"
#include "pipeline/pipeline.h"

struct imgz_retry_feed {
    const struct imgz_image *image;
    const struct imgz_range_list *missing;
    uint64_t there_bytes; /* of the disk: whole chunks */
};
IMGZ_MUST_CHECK int imgz_retry_feed(const struct imgz_retry_feed *feed,
                                    struct imgz_pipeline *pipeline);

#endif /* IMGZ_RETRY_FEED_H */
