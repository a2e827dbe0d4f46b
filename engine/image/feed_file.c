/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "image/damage.h"
#include "image/image_feeder.h"
#include "io/ahead.h"
#include "io/pump.h"

struct file_feeder {
    struct imgz_image *image;
    struct imgz_line *line;
    struct imgz_pump pump;
    struct imgz_ahead ahead;
};

static int handle_result(void *context, const struct imgz_io_result *result)
{
    struct file_feeder *feeder = context;
    const struct imgz_source *source = &feeder->image->source;
    const uint64_t end = result->request.offset + result->done_bytes;
    struct imgz_slot *slot = result->request.owner;

    slot->pending_count -= 1;
    if (result->rc < 0)
        return imgz_stop_raise_system(feeder->line->stop, result->rc,
                                      imgz_source_place(source, end), "reading");
    if (result->done_bytes < result->request.need_bytes)
        return imgz_damage_raise(feeder->line->stop, source, end, "it ends here");
    return imgz_line_feed(feeder->line, &slot);
}

static int feed_item(struct file_feeder *feeder, const struct imgz_index_item *item)
{
    const uint64_t bytes = IMGZ_NOTE_CARRIER_BYTES + item->segment_bytes;
    struct imgz_io_request request = {
        .kind = IMGZ_IO_READ,
        .offset = item->image_offset,
        .bytes = bytes,
        .need_bytes = bytes,
    };
    struct imgz_slot *slot = NULL;
    int rc = imgz_pump_take(&feeder->pump, imgz_line_try_take_free, imgz_line_take_free, &slot);

    if (rc < 0)
        return rc;
    slot->kind = item->kind == IMGZ_NOTE_ZERO ? IMGZ_SLOT_ZERO : IMGZ_SLOT_DATA;
    slot->raw_offset = item->raw_offset;
    slot->raw_bytes = item->raw_bytes;
    slot->image_offset = item->image_offset;
    slot->stored_bytes = bytes;
    slot->pending_count = 1;
    request.buffer = slot->stored;
    request.owner = slot;
    imgz_ahead_move(&feeder->ahead, item->image_offset, feeder->image->end.index_offset);
    rc = imgz_pump_submit(&feeder->pump, &request);
    return rc < 0 ? rc : imgz_pump_flush(&feeder->pump);
}

static int feed_items(struct file_feeder *feeder)
{
    struct imgz_index_cursor cursor;
    struct imgz_index_item item;
    int rc;

    imgz_index_rewind(&feeder->image->index, feeder->image->end.raw_bytes, &cursor);
    while ((rc = imgz_index_next(&cursor, &item)) == 0) {
        rc = feed_item(feeder, &item);
        if (rc < 0)
            return rc;
    }
    IMGZ_ASSERT(rc == -ENODATA); /* the index was checked when it was loaded */
    return imgz_pump_settle(&feeder->pump);
}

int imgz_image_feed_file(struct imgz_image *image, struct imgz_line *line, const char **io_name)
{
    struct file_feeder feeder = {
        .image = image,
        .line = line,
        .ahead = {.fd = image->source.fd},
        .pump = {.line = line,
                 .handle = handle_result,
                 .place = imgz_source_place(&image->source, IMGZ_OFFSET_NONE)},
    };
    struct imgz_io_config config = {
        .depth_count = imgz_pool_slot_count(line->pool),
        .fds = &image->source.fd,
        .fd_count = 1,
    };
    int rc;

    feeder.pump.context = &feeder;
    imgz_pool_memory(line->pool, &config.memory, &config.memory_bytes);
    rc = imgz_io_create(&config, &feeder.pump.io);
    if (rc < 0)
        return imgz_stop_raise_system(line->stop, rc, feeder.pump.place, "preparing to read");
    imgz_log_line(line->log, "reading %s by %s", image->source.path,
                  imgz_io_describe(feeder.pump.io));
    *io_name = imgz_io_name(feeder.pump.io);
    rc = feed_items(&feeder);
    imgz_io_destroy(feeder.pump.io);
    return rc;
}

int imgz_image_feed(struct imgz_image *image, struct imgz_line *line, const char **io_name)
{
    if (image->seekable)
        return imgz_image_feed_file(image, line, io_name);
    *io_name = "read";
    return imgz_image_feed_stream(image, line);
}
