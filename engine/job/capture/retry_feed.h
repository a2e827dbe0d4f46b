/* SPDX-License-Identifier: MIT */
/*
 * Feeds the old image of a retry as image_feeder.h does, but cuts some runs of zeros. If something
 * of a run is missing, every chunk that will be read again gets a slot of its own. A run is also
 * cut where the part ends that the new image has already.
 *
 * A run has one note for all of it. So it is checked here, before it is cut: its pieces go to the
 * workers as read (slot->read_deferred is not set), with nothing in their stored buffers. A bad run
 * goes as a whole, with its fault.
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
