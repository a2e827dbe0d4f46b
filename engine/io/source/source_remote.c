/* SPDX-License-Identifier: MIT */
/*
 * Sources on other hosts, read by imgz there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "io/remote/item.h"
#include "io/remote/protocol.h"
#include "io/remote/session.h"
#include "io/source/source_ops.h"

/* The largest that the kernel knows (BLK_MAX_BLOCK_SIZE). */
#define SECTOR_BYTES_MAX 65536u

struct remote_source {
    struct imgz_source source;
    struct imgz_session *session;
    struct imgz_device device;    /* what the other host knows of it, if it is one */
    struct imgz_item_limits next; /* the encoded item that may come next */
};

static const struct remote_source *remote_of(const struct imgz_source *source)
{
    return (const struct remote_source *)(const void *)source;
}

/* ---- Operations --------------------------------------------------------------------------- */

static int read_piece(const struct remote_source *remote, uint64_t offset, void *buffer,
                      size_t bytes, size_t *done_bytes)
{
    struct imgz_wire_message request, reply;
    int rc;

    imgz_wire_begin(&request, IMGZ_REQUEST_READ);
    imgz_wire_put_u64(&request, offset);
    imgz_wire_put_u32(&request, (uint32_t)bytes);
    rc = imgz_session_ask(remote->session, &request, IMGZ_REPLY_DATA, &reply, buffer, bytes);
    if (rc == 0)
        rc = imgz_wire_end(&reply);
    *done_bytes = rc == 0 ? (size_t)reply.tail_bytes : 0;
    return rc;
}

static int read_at(const struct imgz_source *source, uint64_t offset, void *buffer, size_t bytes,
                   size_t *done_bytes)
{
    *done_bytes = 0;
    while (*done_bytes < bytes) {
        const size_t piece_bytes =
            (size_t)imgz_min(bytes - *done_bytes, IMGZ_PROTOCOL_READ_BYTES_MAX);
        size_t moved_bytes;
        int rc = read_piece(remote_of(source), offset + *done_bytes,
                            (unsigned char *)buffer + *done_bytes, piece_bytes, &moved_bytes);

        *done_bytes += moved_bytes;
        if (rc < 0 || moved_bytes < piece_bytes)
            return rc;
    }
    return 0;
}

/* An answer that does not lie in the source, or before 'from', would have the reader run astray. */
static int next_extent(const struct imgz_source *source, uint64_t from, struct imgz_extent *result)
{
    struct imgz_wire_message request, reply;
    int rc;

    imgz_wire_begin(&request, IMGZ_REQUEST_EXTENT);
    imgz_wire_put_u64(&request, from);
    rc = imgz_session_ask(remote_of(source)->session, &request, IMGZ_REPLY_EXTENT, &reply, NULL, 0);
    if (rc < 0)
        return rc;
    result->offset = imgz_wire_get_u64(&reply);
    result->end = imgz_wire_get_u64(&reply);
    rc = imgz_wire_end(&reply);
    if (rc == 0 && (result->offset < from || result->end < result->offset ||
                    result->end > source->size_bytes ||
                    (result->offset == result->end && result->end != source->size_bytes)))
        rc = -EPROTO;
    return rc;
}

/* ---- Encoded items ------------------------------------------------------------------------ */

static int begin_encoded(struct imgz_source *source, const struct imgz_encoded_range *range)
{
    struct remote_source *remote = (struct remote_source *)(void *)source;
    const bool segments = range->encoding.kind == IMGZ_ENCODING_SEGMENTS;
    struct imgz_wire_message request;

    remote->next = (struct imgz_item_limits){
        .offset = range->from_bytes,
        .end = range->end_bytes,
        .chunk_bytes = range->chunk_bytes,
        .zero_bytes_max = range->zero_bytes_max,
        .stored_bytes_max = segments ? range->stored_bytes_max : 0,
    };
    imgz_wire_begin(&request, IMGZ_REQUEST_ENCODED);
    imgz_wire_put_u64(&request, range->from_bytes);
    imgz_wire_put_u64(&request, range->end_bytes);
    imgz_wire_put_u32(&request, range->chunk_bytes);
    imgz_wire_put_u32(&request, (uint32_t)range->encoding.level);
    imgz_wire_put_u32(&request, (uint32_t)range->encoding.hash);
    imgz_wire_put_u32(&request, segments);
    return imgz_session_send(remote->session, &request);
}

/* One reply, taken into 'slot' if it is an item: 1; 0: it was the last. */
static int take_reply(struct remote_source *remote, struct imgz_wire_message *reply,
                      struct imgz_slot *slot)
{
    int rc;

    if (reply->type == IMGZ_REPLY_END && remote->next.offset == remote->next.end &&
        reply->tail_bytes == 0)
        return imgz_wire_end(reply);
    if (reply->type != IMGZ_REPLY_ITEM)
        return -EPROTO;
    rc = imgz_item_get(reply, &remote->next, slot);
    if (rc == 0)
        rc = imgz_session_take(remote->session, reply, slot->stored, slot->stored_bytes);
    remote->next.offset += slot->raw_bytes;
    slot->is_encoded = true;
    return rc < 0 ? rc : 1;
}

static int next_encoded(struct imgz_source *source, struct imgz_slot *slot)
{
    struct remote_source *remote = (struct remote_source *)(void *)source;
    struct imgz_wire_message reply;
    int rc = imgz_session_receive(remote->session, &reply);

    if (rc == 0)
        rc = take_reply(remote, &reply, slot);
    if (rc < 0)
        imgz_session_give_up(remote->session);
    return rc;
}

/* ---- What it is --------------------------------------------------------------------------- */

static void describe(const struct imgz_source *source, struct imgz_device *device)
{
    *device = remote_of(source)->device;
}

static void close_remote(struct imgz_source *source)
{
    struct remote_source *remote = (struct remote_source *)(void *)source;

    imgz_session_close(remote->session);
    free(remote);
}

static const struct imgz_source_ops file_ops = {
    .kind = "file",
    .read_at = read_at,
    .next_extent = next_extent,
    .begin_encoded = begin_encoded,
    .next_encoded = next_encoded,
    .close = close_remote,
};

static const struct imgz_source_ops device_ops = {
    .kind = "device",
    .read_at = read_at,
    .describe = describe,
    .begin_encoded = begin_encoded,
    .next_encoded = next_encoded,
    .close = close_remote,
};

/* ---- Opening ------------------------------------------------------------------------------ */

static int raise_opening(const struct remote_source *remote, int rc, struct imgz_latch *latch)
{
    const struct imgz_source *source = &remote->source;
    const struct imgz_location location = imgz_source_location(source, IMGZ_OFFSET_NONE);
    const char *words = imgz_session_words(remote->session);
    const struct imgz_cause cause =
        imgz_cause(rc == -EACCES ? IMGZ_REASON_REMOTE_RIGHTS : IMGZ_REASON_NONE);

    if (words[0] == '\0')
        return imgz_latch_raise_system(latch, rc, location, "opening");
    return imgz_latch_raise_cause(latch, cause, rc, location, "%s says: %s", source->path, words);
}

/* What the other end says of itself decides no address and no length here but by these fields. */
static int take_opened(struct remote_source *remote, struct imgz_wire_message *reply)
{
    struct imgz_source *source = &remote->source;
    struct imgz_device *device = &remote->device;
    uint32_t kind, holes;

    source->size_bytes = imgz_wire_get_u64(reply);
    source->sector_bytes = imgz_wire_get_u32(reply);
    kind = imgz_wire_get_u32(reply);
    holes = imgz_wire_get_u32(reply);
    source->data_bytes_max = imgz_wire_get_u64(reply);
    imgz_wire_get_text(reply, device->model, sizeof(device->model));
    imgz_wire_get_text(reply, device->serial, sizeof(device->serial));
    device->logical_sector_bytes = imgz_wire_get_u32(reply);
    device->physical_sector_bytes = imgz_wire_get_u32(reply);
    imgz_make_printable(device->model);
    imgz_make_printable(device->serial);
    if (imgz_wire_end(reply) < 0 || source->size_bytes > INT64_MAX ||
        (kind != IMGZ_PROTOCOL_FILE && kind != IMGZ_PROTOCOL_DEVICE) ||
        (kind == IMGZ_PROTOCOL_DEVICE && holes != 0) || source->sector_bytes < IMGZ_SECTOR_BYTES ||
        source->sector_bytes > SECTOR_BYTES_MAX ||
        (source->sector_bytes & (source->sector_bytes - 1)) != 0)
        return -EPROTO;
    source->ops = kind == IMGZ_PROTOCOL_DEVICE ? &device_ops : &file_ops;
    source->traits = IMGZ_SOURCE_RANDOM | IMGZ_SOURCE_ENCODES |
                     (kind == IMGZ_PROTOCOL_DEVICE ? IMGZ_SOURCE_DEVICE : 0u) |
                     (holes != 0 ? IMGZ_SOURCE_HOLES : 0u);
    return 0;
}

static int open_there(struct remote_source *remote, const char *path,
                      const struct imgz_source_config *config, struct imgz_latch *latch)
{
    struct imgz_wire_message request, reply;
    int rc;

    imgz_wire_begin(&request, IMGZ_REQUEST_OPEN);
    imgz_wire_put_u32(&request, (uint32_t)config->direct);
    imgz_wire_put_u32(&request, (uint32_t)config->on_error);
    imgz_wire_put_u32(&request, config->retry_count);
    imgz_wire_put_text(&request, path);
    rc = imgz_session_ask(remote->session, &request, IMGZ_REPLY_OPENED, &reply, NULL, 0);
    if (rc == 0)
        rc = take_opened(remote, &reply);
    return rc < 0 ? raise_opening(remote, rc, latch) : 0;
}

int imgz_source_remote_open(const struct imgz_source_config *config,
                            const struct imgz_address *address, struct imgz_latch *latch,
                            struct imgz_log *log, struct imgz_source **result)
{
    struct remote_source *remote = calloc(1, sizeof(*remote));
    const struct imgz_location location = {config->stage, config->path, IMGZ_OFFSET_NONE};
    int rc;

    if (remote == NULL)
        return imgz_latch_raise_system(latch, -ENOMEM, location, "opening");
    imgz_source_init(&remote->source, &file_ops, config);
    rc = imgz_session_open(address, &config->reach, location, latch, log, &remote->session);
    if (rc == 0)
        rc = open_there(remote, address->path, config, latch);
    if (rc < 0) {
        close_remote(&remote->source);
        return rc;
    }
    *result = &remote->source;
    return 0;
}
