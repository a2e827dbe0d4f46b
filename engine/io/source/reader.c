/* SPDX-License-Identifier: MIT */
#include "io/source/reader.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "io/aio/aio_loop.h"
#include "io/aio/read_ahead.h"
#include "io/source/rescue.h"
#include "io/source/source_ops.h"
#include "io/source/survey.h"

/* A hole shorter than this inside a chunk is read along with its neighbours: another request costs
 * about as much as copying 64 KiB. */
#define GAP_BYTES_MIN ((uint64_t)64 << 10)

/* Requests under way per slot at most: a chunk cut by holes of GAP_BYTES_MIN. Only bounds the ring;
 * when it is full the reader handles results first. */
#define REQUESTS_PER_SLOT 2u

/* Nobody waits longer for a forecast. */
#define SURVEY_NS_MAX ((uint64_t)100000000)

struct reader {
    const struct imgz_reader_config *config;
    struct imgz_pipeline *pipeline;
    struct imgz_aio_loop loop;
    struct imgz_read_ahead read_ahead;
    struct imgz_extent extent; /* the data at or after the place that is looked at */
    uint64_t surveyed_end;     /* the meter does not know holes after it */
};

static int raise_short(struct imgz_latch *latch, const struct imgz_source *source, uint64_t offset)
{
    return imgz_latch_raise(
        latch, -ENODATA, imgz_source_location(source, offset),
        "reading %s: it ended at offset %" PRIu64
        " but had %s when it was opened; something is shrinking it; stop that, and run again",
        source->path, offset, imgz_text_size(source->size_bytes).text);
}

static uint32_t deadline_entry(const struct imgz_slot *slot)
{
    return IMGZ_WATCHDOG_OF_SLOT(slot->slot_index);
}

/* Passes on a slot whose last read has ended. */
static int feed_read(struct reader *reader, struct imgz_slot *slot)
{
    imgz_watchdog_end(reader->config->source->watchdog, deadline_entry(slot));
    return imgz_pipeline_feed(reader->pipeline, &slot);
}

/* A read ended: passes its slot on if it was the last one for it. */
static int handle_result(void *context, const struct imgz_aio_result *result)
{
    struct reader *reader = context;
    struct imgz_slot *slot = result->request.owner;
    const uint64_t end = result->request.offset + result->done_bytes;

    slot->pending_count -= 1;
    if (result->rc < 0 && imgz_rescue_worthwhile(result->rc))
        slot->read_deferred = true; /* its worker reads it again */
    else if (result->rc < 0)
        return imgz_latch_raise_system(reader->pipeline->latch, result->rc,
                                       imgz_source_location(reader->config->source, end),
                                       "reading");
    else if (result->done_bytes < result->request.need_bytes)
        return raise_short(reader->pipeline->latch, reader->config->source, end);
    return slot->pending_count == 0 ? feed_read(reader, slot) : 0;
}

/* The ring costs 5 ms to make; a file that the workers read may never need it. */
static int create_io(struct reader *reader)
{
    const struct imgz_source *source = reader->config->source;
    struct imgz_aio_config config = {
        .depth_count = REQUESTS_PER_SLOT * imgz_pool_slot_count(reader->pipeline->pool),
        .fds = &source->fd,
        .fd_count = 1,
    };
    int rc;

    imgz_pool_pinned_memory(reader->pipeline->pool, &config.memory, &config.memory_bytes);
    rc = imgz_aio_create(&config, &reader->loop.io);
    if (rc < 0)
        return imgz_latch_raise_system(reader->pipeline->latch, rc, reader->loop.location,
                                       "preparing to read");
    imgz_log_line(reader->pipeline->log, "reading %s by %s", source->path,
                  imgz_aio_describe(reader->loop.io));
    *reader->config->io_name = imgz_aio_name(reader->loop.io);
    return 0;
}

static int take_slot(struct reader *reader, struct imgz_slot **result)
{
    if (reader->loop.io == NULL)
        return imgz_pipeline_take_free(reader->pipeline, result);
    return imgz_aio_loop_take(&reader->loop, imgz_pipeline_try_take_free, imgz_pipeline_take_free,
                              result);
}

/* Looks up the extent at or after 'from', unless it is the current one. */
static int look_up_extent(struct reader *reader, uint64_t from)
{
    const struct imgz_source *source = reader->config->source;
    int rc;

    if (from < reader->extent.end)
        return 0;
    if (!imgz_source_is(source, IMGZ_SOURCE_HOLES)) {
        reader->extent = (struct imgz_extent){from, reader->config->size_bytes};
        return 0;
    }
    imgz_watchdog_begin(source->watchdog, IMGZ_WATCHDOG_ONCE, from);
    rc = imgz_source_next_extent(source, from, &reader->extent);
    imgz_watchdog_end(source->watchdog, IMGZ_WATCHDOG_ONCE);
    if (rc < 0)
        return imgz_latch_raise_system(reader->pipeline->latch, rc,
                                       imgz_source_location(source, from), "looking for holes in");
    if (reader->extent.offset >= reader->config->size_bytes)
        return 0;
    /* Read by whole blocks: an extent that starts or ends within one is widened. */
    reader->extent.offset = imgz_align_down(reader->extent.offset, IMGZ_BLOCK_BYTES);
    reader->extent.end =
        imgz_min(imgz_align_up(reader->extent.end, IMGZ_BLOCK_BYTES), reader->config->size_bytes);
    return 0;
}

/* It was counted as data. */
static void correct_total(struct reader *reader, uint64_t hole_bytes)
{
    struct imgz_meter *meter = &reader->pipeline->meter;

    imgz_meter_reduce_total(meter, imgz_meter_weigh(meter, hole_bytes, 0) -
                                       imgz_meter_weigh(meter, 0, hole_bytes));
}

/* Feeds the hole from 'from' to 'end' as ZERO slots. */
static int feed_hole(struct reader *reader, uint64_t from, uint64_t end)
{
    if (reader->config->survey && end > reader->surveyed_end)
        correct_total(reader, end - imgz_max(from, reader->surveyed_end));
    while (from < end) {
        struct imgz_slot *slot = NULL;
        int rc = take_slot(reader, &slot);

        if (rc < 0)
            return rc;
        slot->kind = IMGZ_SLOT_ZERO;
        slot->raw_offset = from;
        slot->raw_bytes = imgz_min(end - from, reader->config->zero_bytes_max);
        from += slot->raw_bytes;
        rc = imgz_pipeline_feed(reader->pipeline, &slot);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Queues a read of disk bytes 'from' to 'end' into their place in the slot. A direct read asks for
 * whole blocks: at the end of the disk, more than there is. */
static int submit_read(struct reader *reader, struct imgz_slot *slot, uint64_t from, uint64_t end)
{
    const bool direct = imgz_source_is(reader->config->source, IMGZ_SOURCE_DIRECT);
    const struct imgz_aio_request request = {
        .kind = IMGZ_AIO_READ,
        .offset = from,
        .bytes = direct ? imgz_align_up(end - from, IMGZ_BLOCK_BYTES) : end - from,
        .need_bytes = end - from,
        .buffer = slot->raw + (from - slot->raw_offset),
        .owner = slot,
    };

    imgz_read_ahead_move(&reader->read_ahead, from, imgz_max(reader->extent.end, end));
    imgz_watchdog_begin(reader->config->source->watchdog, deadline_entry(slot), from);
    slot->pending_count += 1;
    return imgz_aio_loop_submit(&reader->loop, &request);
}

/* Queues reads for the data in the slot's chunk and clears its holes. */
static int read_extents(struct reader *reader, struct imgz_slot *slot)
{
    const uint64_t end = slot->raw_offset + slot->raw_bytes;
    uint64_t at = slot->raw_offset;

    while (at < end) {
        uint64_t data_end;
        int rc = look_up_extent(reader, at);

        if (rc < 0)
            return rc;
        if (reader->extent.offset > at && reader->extent.offset - at >= GAP_BYTES_MIN) {
            const uint64_t hole_end = imgz_min(reader->extent.offset, end);

            memset(slot->raw + (at - slot->raw_offset), 0, hole_end - at);
            at = hole_end;
            continue;
        }
        data_end = imgz_min(reader->extent.end, end);
        rc = submit_read(reader, slot, at, data_end);
        if (rc < 0)
            return rc;
        at = data_end;
    }
    return 0;
}

/* True for what is left to the worker: all data that is not read directly, and what a ring cannot
 * read. */
static bool is_deferred(const struct reader *reader, uint64_t from, uint64_t end)
{
    const struct imgz_source *source = reader->config->source;

    return source->fd < 0 || (!imgz_source_is(source, IMGZ_SOURCE_DIRECT) &&
                              reader->extent.offset <= from && reader->extent.end >= end);
}

/* Reads the chunk in which the current extent has data, or leaves it to its worker, as it does if a
 * part must not be tried. */
static int read_chunk(struct reader *reader, uint64_t from, uint64_t end)
{
    const struct imgz_source *source = reader->config->source;
    struct imgz_slot *slot = NULL;
    int rc = take_slot(reader, &slot);

    if (rc < 0)
        return rc;
    slot->kind = IMGZ_SLOT_DATA;
    slot->raw_offset = from;
    slot->raw_bytes = end - from;
    if (imgz_source_knows_bad(source, from, end - from)) {
        slot->read_deferred = true;
        return imgz_pipeline_feed(reader->pipeline, &slot);
    }
    if (is_deferred(reader, from, end)) {
        imgz_read_ahead_move(&reader->read_ahead, from, reader->extent.end);
        slot->read_deferred = true;
        return imgz_pipeline_feed(reader->pipeline, &slot);
    }
    if (reader->loop.io == NULL) {
        rc = create_io(reader);
        if (rc < 0)
            return rc;
    }
    /* One more than there are reads, so that none of them is the last while reads are added. */
    slot->pending_count = 1;
    rc = read_extents(reader, slot);
    if (rc == 0)
        rc = imgz_aio_loop_flush(&reader->loop);
    slot->pending_count -= 1;
    if (rc == 0 && slot->pending_count == 0)
        rc = feed_read(reader, slot);
    return rc;
}

/* Where the hole at 'from' ends, in whole chunks; 'from' if the chunk there has data. */
static int find_hole_end(struct reader *reader, uint64_t from, uint64_t *hole_end)
{
    const uint64_t size_bytes = reader->config->size_bytes;
    int rc = look_up_extent(reader, from);

    if (rc < 0)
        return rc;
    *hole_end = reader->extent.offset >= size_bytes
                    ? size_bytes
                    : imgz_align_down(reader->extent.offset, reader->config->chunk_bytes);
    *hole_end = imgz_max(*hole_end, from);
    return 0;
}

static int read_all(struct reader *reader)
{
    const uint64_t size_bytes = reader->config->size_bytes;
    uint64_t at = reader->config->from_bytes;

    while (at < size_bytes) {
        uint64_t end;
        int rc = find_hole_end(reader, at, &end);

        if (rc == 0 && end > at) {
            rc = feed_hole(reader, at, end);
        } else if (rc == 0) {
            end = at + imgz_min(reader->config->chunk_bytes, size_bytes - at);
            rc = read_chunk(reader, at, end);
        }
        if (rc < 0)
            return rc;
        at = end;
    }
    return reader->loop.io != NULL ? imgz_aio_loop_settle(&reader->loop) : 0;
}

static int survey(struct reader *reader)
{
    const struct imgz_reader_config *config = reader->config;
    struct imgz_meter *meter = &reader->pipeline->meter;
    struct imgz_survey found = {
        .chunk_bytes = config->chunk_bytes,
        .size_bytes = config->size_bytes,
        .from_bytes = config->from_bytes,
        .ns_max = SURVEY_NS_MAX,
        .blanks = config->look_for_free ? &meter->blanks : NULL,
    };
    uint64_t before;
    int rc = imgz_survey_run(&found, config->source);

    if (rc < 0)
        return imgz_latch_raise_system(reader->pipeline->latch, rc, reader->loop.location,
                                       "looking for holes in");
    before = imgz_meter_weigh(meter, found.before.data_bytes, found.before.hole_bytes);
    imgz_meter_set_total(meter, before + imgz_meter_weigh(meter, found.behind.data_bytes,
                                                          found.behind.hole_bytes));
    imgz_meter_take_over(meter, before);
    reader->surveyed_end = found.end;
    if (meter->blanks.free_bytes > 0)
        imgz_log_line(reader->pipeline->log, "%s of %s are free space",
                      imgz_text_size(meter->blanks.free_bytes).text,
                      imgz_source_path(config->source));
    return 0;
}

/* True if the source is to encode what it reads. Not where reading may hang, or some of it is not
 * to be tried: only here that is known. */
static bool comes_encoded(const struct reader *reader)
{
    const struct imgz_source *source = reader->config->source;

    return imgz_source_is(source, IMGZ_SOURCE_ENCODES) &&
           reader->config->encoding.kind != IMGZ_ENCODING_NONE && source->watchdog == NULL &&
           (source->known_bad == NULL || source->known_bad->count == 0);
}

static int raise_encoded(const struct reader *reader, int rc, uint64_t offset)
{
    return imgz_latch_raise_system(reader->pipeline->latch, rc,
                                   imgz_source_location(reader->config->source, offset), "reading");
}

static int read_encoded(struct reader *reader)
{
    const struct imgz_reader_config *config = reader->config;
    const struct imgz_source_ops *ops = config->source->ops;
    const struct imgz_encoded_range range = {
        .from_bytes = config->from_bytes,
        .end_bytes = config->size_bytes,
        .chunk_bytes = config->chunk_bytes,
        .zero_bytes_max = config->zero_bytes_max,
        .stored_bytes_max = imgz_pool_stored_bytes(reader->pipeline->pool),
        .encoding = config->encoding,
    };
    uint64_t at = range.from_bytes;
    int rc = ops->begin_encoded(config->source, &range);

    *config->io_name = "ssh";
    while (rc >= 0) {
        struct imgz_slot *slot = NULL;

        rc = imgz_pipeline_take_free(reader->pipeline, &slot);
        if (rc < 0)
            return rc;
        rc = ops->next_encoded(config->source, slot);
        if (rc <= 0) {
            imgz_pipeline_untake(reader->pipeline, &slot);
            break;
        }
        at += slot->raw_bytes;
        rc = imgz_pipeline_feed(reader->pipeline, &slot);
        if (rc < 0)
            return rc;
    }
    return rc < 0 ? raise_encoded(reader, rc, at) : 0;
}

static int run_random(struct reader *reader)
{
    const struct imgz_source *source = reader->config->source;
    int rc = reader->config->survey ? survey(reader) : 0;

    if (rc < 0)
        return rc;
    if (comes_encoded(reader))
        return read_encoded(reader);
    *reader->config->io_name = "pread";
    if (imgz_source_is(source, IMGZ_SOURCE_DIRECT))
        rc = create_io(reader);
    else
        imgz_log_line(reader->pipeline->log, "reading %s by pread in the workers", source->path);
    if (rc == 0)
        rc = read_all(reader);
    imgz_aio_destroy(reader->loop.io);
    return rc;
}

/* One chunk after the other until the stream ends. */
static int run_stream(struct reader *reader)
{
    struct imgz_source *source = reader->config->source;
    const uint32_t chunk_bytes = reader->config->chunk_bytes;
    uint64_t at = 0;
    size_t done_bytes = chunk_bytes;

    *reader->config->io_name = "read";
    while (done_bytes == chunk_bytes) {
        struct imgz_slot *slot = NULL;
        int rc = imgz_pipeline_take_free(reader->pipeline, &slot);

        if (rc < 0)
            return rc;
        rc = imgz_source_read(source, reader->pipeline->latch, slot->raw, chunk_bytes, &done_bytes);
        if (rc < 0)
            return imgz_latch_raise_system(reader->pipeline->latch, rc,
                                           imgz_source_location(source, at + done_bytes),
                                           "reading");
        if (done_bytes == 0) {
            imgz_pipeline_untake(reader->pipeline, &slot);
            break;
        }
        slot->kind = IMGZ_SLOT_DATA;
        slot->raw_offset = at;
        slot->raw_bytes = done_bytes;
        at += done_bytes;
        rc = imgz_pipeline_feed(reader->pipeline, &slot);
        if (rc < 0)
            return rc;
    }
    return 0;
}

void imgz_reader_fetch(const struct imgz_source *source, struct imgz_slot *slot)
{
    if (slot->read_deferred)
        imgz_source_fetch(source, slot->raw_offset, slot->raw, (size_t)slot->raw_bytes, slot);
}

int imgz_reader_raise(const struct imgz_source *source, struct imgz_latch *latch,
                      const struct imgz_slot *slot)
{
    const uint64_t offset = slot->raw_offset + slot->read_bytes;

    IMGZ_ASSERT(slot->fault == IMGZ_FAULT_READ);
    if (slot->read_rc == 0)
        return raise_short(latch, source, offset);
    if (!imgz_rescue_worthwhile(slot->read_rc))
        return imgz_latch_raise_system(latch, slot->read_rc, imgz_source_location(source, offset),
                                       "reading");
    return imgz_latch_raise_cause(latch, imgz_cause(IMGZ_REASON_UNREADABLE), slot->read_rc,
                                  imgz_source_location(source, offset),
                                  "reading %s at offset %" PRIu64
                                  ": %s; check cables and 'dmesg', and try again",
                                  source->path, offset, strerrordesc_np(-slot->read_rc));
}

int imgz_reader_run(const struct imgz_reader_config *config, struct imgz_pipeline *pipeline)
{
    struct reader reader = {
        .config = config,
        .pipeline = pipeline,
        .read_ahead = imgz_source_read_ahead(config->source),
        .loop = {.pipeline = pipeline,
                 .handle = handle_result,
                 .location = imgz_source_location(config->source, IMGZ_OFFSET_NONE)},
    };

    IMGZ_ASSERT(config->zero_bytes_max % config->chunk_bytes == 0);
    reader.loop.context = &reader;
    return imgz_source_is(config->source, IMGZ_SOURCE_RANDOM) ? run_random(&reader)
                                                              : run_stream(&reader);
}
