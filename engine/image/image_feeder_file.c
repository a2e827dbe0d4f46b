/* SPDX-License-Identifier: MIT */
/*
 * The index says where every item lies, so the items are not read here: a slot tells its worker
 * what to read, and the kernel is told ahead.
 */
#include <errno.h>

#include "image/image_feeder.h"
#include "io/aio/read_ahead.h"

void imgz_image_place_item(struct imgz_slot *slot, const struct imgz_index_item *item)
{
    slot->kind = item->kind == IMGZ_NOTE_ZERO ? IMGZ_SLOT_ZERO : IMGZ_SLOT_DATA;
    slot->raw_offset = item->raw_offset;
    slot->raw_bytes = item->raw_bytes;
    slot->image_offset = item->image_offset;
    slot->stored_bytes = IMGZ_NOTE_CARRIER_BYTES + item->segment_bytes;
    slot->unread = true;
}

static int feed_item(struct imgz_line *line, const struct imgz_index_item *item)
{
    struct imgz_slot *slot = NULL;
    int rc = imgz_line_take_free(line, &slot);

    if (rc < 0)
        return rc;
    imgz_image_place_item(slot, item);
    return imgz_line_feed(line, &slot);
}

int imgz_image_feed_file(struct imgz_image *image, struct imgz_line *line)
{
    struct imgz_ahead ahead = {.fd = image->source.fd};
    struct imgz_index_cursor cursor;
    struct imgz_index_item item;
    int rc;

    imgz_index_rewind(&image->index, image->end.raw_bytes, &cursor);
    while ((rc = imgz_index_next(&cursor, &item)) == 0) {
        imgz_ahead_move(&ahead, item.image_offset, image->end.index_offset);
        rc = feed_item(line, &item);
        if (rc < 0)
            return rc;
    }
    IMGZ_ASSERT(rc == -ENODATA); /* the index was checked when it was loaded */
    return 0;
}

void imgz_image_fetch(const struct imgz_image *image, struct imgz_slot *slot)
{
    if (slot->unread)
        imgz_source_fetch(&image->source, slot->image_offset, slot->stored,
                          (size_t)slot->stored_bytes, slot);
}

int imgz_image_feed(struct imgz_image *image, struct imgz_line *line)
{
    return image->seekable ? imgz_image_feed_file(image, line)
                           : imgz_image_feed_stream(image, line);
}
