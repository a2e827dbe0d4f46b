/* SPDX-License-Identifier: MIT */
/*
 * The index says where every item lies, so the items are not read here: a slot tells its worker
 * what to read, and the kernel is asked to read ahead.
 */
#include <errno.h>

#include "image/image_feeder.h"
#include "io/aio/read_ahead.h"

void imgz_image_item_location(struct imgz_slot *slot, const struct imgz_index_item *item)
{
    slot->kind = item->kind == IMGZ_NOTE_ZERO ? IMGZ_SLOT_ZERO : IMGZ_SLOT_DATA;
    slot->raw_offset = item->raw_offset;
    slot->raw_bytes = item->raw_bytes;
    slot->image_offset = item->image_offset;
    slot->stored_bytes = IMGZ_NOTE_CARRIER_BYTES + item->segment_bytes;
    slot->read_deferred = true;
}

static int feed_item(const void *context, struct imgz_pipeline *pipeline,
                     const struct imgz_index_item *item)
{
    struct imgz_slot *slot = NULL;
    int rc = imgz_pipeline_take_free(pipeline, &slot);

    (void)context;
    if (rc < 0)
        return rc;
    imgz_image_item_location(slot, item);
    return imgz_pipeline_feed(pipeline, &slot);
}

int imgz_image_feed_items(const struct imgz_image *image, struct imgz_pipeline *pipeline,
                          imgz_image_item_fn feed, const void *context)
{
    struct imgz_read_ahead read_ahead = imgz_source_read_ahead(image->source);
    struct imgz_index_cursor cursor;
    struct imgz_index_item item;
    int rc;

    imgz_index_rewind(&image->index, image->end.raw_bytes, &cursor);
    while ((rc = imgz_index_next(&cursor, &item)) == 0) {
        imgz_read_ahead_move(&read_ahead, item.image_offset, image->end.index_offset);
        rc = feed(context, pipeline, &item);
        if (rc < 0)
            return rc;
    }
    IMGZ_ASSERT(rc == -ENODATA); /* the index was checked when it was loaded */
    return 0;
}

int imgz_image_feed_file(struct imgz_image *image, struct imgz_pipeline *pipeline)
{
    return imgz_image_feed_items(image, pipeline, feed_item, NULL);
}

void imgz_image_fetch(const struct imgz_image *image, struct imgz_slot *slot)
{
    if (slot->read_deferred)
        imgz_source_fetch(image->source, slot->image_offset, slot->stored,
                          (size_t)slot->stored_bytes, slot);
}

int imgz_image_feed(struct imgz_image *image, struct imgz_pipeline *pipeline)
{
    return image->seekable ? imgz_image_feed_file(image, pipeline)
                           : imgz_image_feed_stream(image, pipeline);
}
