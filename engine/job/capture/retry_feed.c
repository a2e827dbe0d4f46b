/* SPDX-License-Identifier: MIT */
/*
 * Example: chunks of 1 MiB, a run of 100 MiB from 0 on, and 512 bytes missing at 5 MiB and at 5 MiB
 * + 4096:
 *
 *     [0, 5), [5, 6), [6, 100)    and only the second one is read again
 */
#include "job/capture/retry_feed.h"

#include <errno.h>

#include "image/chunk_decoder.h"
#include "image/image_feeder.h"
#include "io/aio/read_ahead.h"

/* Where the piece of a run that begins at 'at', a chunk's beginning, ends. */
static uint64_t find_piece_end(const struct imgz_retry_feed *feed, uint64_t at, uint64_t run_end)
{
    const uint64_t chunk_bytes = feed->image->header.chunk_bytes;
    const struct imgz_range_list *missing = feed->missing;
    const size_t i = imgz_range_list_index(missing, at);
    uint64_t next;

    if (at < feed->there_bytes)
        run_end = imgz_min(run_end, feed->there_bytes);
    if (i == missing->count || missing->ranges[i].offset >= run_end)
        return run_end;
    next = imgz_align_down(imgz_max(missing->ranges[i].offset, at), chunk_bytes);
    return imgz_min(next > at ? next : at + chunk_bytes, run_end);
}

/* Feeds the run as pieces; 'slot' holds it, checked, and becomes the first. */
static int feed_pieces(const struct imgz_retry_feed *feed, struct imgz_pipeline *pipeline,
                       struct imgz_slot *slot)
{
    const uint64_t end = slot->raw_offset + slot->raw_bytes;
    uint64_t at = slot->raw_offset;

    while (at < end) {
        const uint64_t piece_end = find_piece_end(feed, at, end);
        int rc = slot == NULL ? imgz_pipeline_take_free(pipeline, &slot) : 0;

        if (rc < 0)
            return rc;
        slot->kind = IMGZ_SLOT_ZERO;
        slot->raw_offset = at;
        slot->raw_bytes = piece_end - at;
        slot->read_deferred = false;
        rc = imgz_pipeline_feed(pipeline, &slot);
        if (rc < 0)
            return rc;
        at = piece_end;
    }
    return 0;
}

static bool must_be_cut(const struct imgz_retry_feed *feed, const struct imgz_slot *slot)
{
    if (slot->kind == IMGZ_SLOT_DATA)
        return false;
    return imgz_range_list_within(feed->missing, slot->raw_offset, slot->raw_bytes) ||
           (slot->raw_offset < feed->there_bytes &&
            feed->there_bytes < slot->raw_offset + slot->raw_bytes);
}

static int feed_item(const void *context, struct imgz_pipeline *pipeline,
                     const struct imgz_index_item *item)
{
    const struct imgz_retry_feed *feed = context;
    struct imgz_slot *slot = NULL;
    int rc = imgz_pipeline_take_free(pipeline, &slot);

    if (rc < 0)
        return rc;
    imgz_image_item_location(slot, item);
    if (!must_be_cut(feed, slot))
        return imgz_pipeline_feed(pipeline, &slot);
    imgz_image_fetch(feed->image, slot);
    if (slot->fault == IMGZ_FAULT_NONE)
        imgz_chunk_check_stored(slot);
    if (slot->fault == IMGZ_FAULT_NONE)
        return feed_pieces(feed, pipeline, slot);
    slot->read_deferred = false;
    return imgz_pipeline_feed(pipeline, &slot);
}

int imgz_retry_feed(const struct imgz_retry_feed *feed, struct imgz_pipeline *pipeline)
{
    return imgz_image_feed_items(feed->image, pipeline, feed_item, feed);
}
