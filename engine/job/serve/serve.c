/* SPDX-License-Identifier: MIT */
/*
 * The far end of a conversation: does what imgz on another host asks for, one request after the
 * other, until that closes the connection (io/remote/protocol.h).
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/pages.h"
#include "io/remote/protocol.h"
#include "io/remote/wire.h"
#include "io/source/source.h"
#include "job/common/job.h"
#include "job/serve/serve_encoded.h"

/* A piece and the rest of the blocks that it begins and ends in. */
#define BUFFER_BYTES ((size_t)IMGZ_PROTOCOL_READ_BYTES_MAX + 2 * (size_t)IMGZ_BLOCK_BYTES)

struct server {
    struct imgz_job job;
    struct imgz_wire wire;
    struct imgz_source *source; /* NULL: nothing is open */
    unsigned char *buffer;      /* begins with a page */
    struct imgz_wire_message request;
    struct imgz_wire_message reply;
};

/* ---- Replies ------------------------------------------------------------------------------ */

static int send_reply(struct server *server, const void *tail, size_t tail_bytes)
{
    return imgz_wire_send(&server->wire, &server->reply, tail, tail_bytes);
}

/* 'rc' < 0 is why the request failed. */
static int send_failed(struct server *server, int rc, const char *words)
{
    imgz_wire_begin(&server->reply, IMGZ_REPLY_FAILED);
    imgz_wire_put_u32(&server->reply, (uint32_t)-rc);
    imgz_wire_put_text(&server->reply, words);
    return send_reply(server, NULL, 0);
}

/* ---- OPEN --------------------------------------------------------------------------------- */

static int send_opened(struct server *server)
{
    const struct imgz_source *source = server->source;
    struct imgz_wire_message *reply = &server->reply;
    struct imgz_device device = {0};

    (void)imgz_source_describe(source, &device);
    imgz_wire_begin(reply, IMGZ_REPLY_OPENED);
    imgz_wire_put_u64(reply, imgz_source_size(source));
    imgz_wire_put_u32(reply, imgz_source_sector_bytes(source));
    imgz_wire_put_u32(reply, imgz_source_is(source, IMGZ_SOURCE_DEVICE) ? IMGZ_PROTOCOL_DEVICE
                                                                        : IMGZ_PROTOCOL_FILE);
    imgz_wire_put_u32(reply, imgz_source_is(source, IMGZ_SOURCE_HOLES));
    imgz_wire_put_u64(reply, imgz_source_data_bytes_max(source));
    imgz_wire_put_text(reply, device.model);
    imgz_wire_put_text(reply, device.serial);
    imgz_wire_put_u32(reply, device.logical_sector_bytes);
    imgz_wire_put_u32(reply, device.physical_sector_bytes);
    return send_reply(server, NULL, 0);
}

/* An error of its own each time: what cannot be opened ends no conversation. */
static int open_source(struct server *server, const struct imgz_source_config *config)
{
    struct imgz_latch *latch;
    int rc = imgz_latch_create(&latch);

    if (rc < 0)
        return send_failed(server, rc, "");
    rc = imgz_source_open(config, latch, &server->job.log, &server->source);
    if (rc < 0)
        rc = send_failed(server, rc, imgz_latch_error(latch)->text);
    else if (!imgz_source_is(server->source, IMGZ_SOURCE_RANDOM))
        rc = send_failed(server, -ESPIPE, "only files and drives can be read on another host");
    else
        rc = send_opened(server);
    imgz_latch_destroy(latch);
    return rc;
}

static int serve_open(struct server *server)
{
    const uint32_t direct = imgz_wire_get_u32(&server->request);
    const uint32_t on_error = imgz_wire_get_u32(&server->request);
    char path[PATH_MAX];
    const struct imgz_source_config config = {
        .path = path,
        .stage = IMGZ_STAGE_READ_SOURCE,
        .direct = (enum imgz_direct)direct,
        .on_error = (enum imgz_on_error)on_error,
        .retry_count = imgz_wire_get_u32(&server->request),
    };
    int rc;

    imgz_source_close(server->source);
    server->source = NULL;
    imgz_wire_get_text(&server->request, path, sizeof(path));
    rc = imgz_wire_end(&server->request);
    if (rc < 0)
        return rc;
    if (path[0] != '/' || direct > IMGZ_DIRECT_OFF || on_error > IMGZ_ON_ERROR_ZERO)
        return send_failed(server, -EINVAL, "");
    if (strlen(path) + 1 == sizeof(path)) /* it may have been cut: that would be another file */
        return send_failed(server, -ENAMETOOLONG, "");
    return open_source(server, &config);
}

/* ---- READ and EXTENT ---------------------------------------------------------------------- */

/* Reads whole blocks, as direct I/O wants them; '*start' is where the wanted bytes begin. */
static int read_blocks(const struct server *server, uint64_t offset, size_t bytes,
                       const unsigned char **start, size_t *done_bytes)
{
    const uint64_t from = imgz_align_down(offset, IMGZ_BLOCK_BYTES);
    const size_t before_bytes = (size_t)(offset - from);
    const size_t block_bytes = (size_t)imgz_align_up(before_bytes + bytes, IMGZ_BLOCK_BYTES);
    int rc = imgz_source_read_at(server->source, from, server->buffer, block_bytes, done_bytes);

    *start = server->buffer + before_bytes;
    *done_bytes -= imgz_min(*done_bytes, before_bytes);
    *done_bytes = imgz_min(*done_bytes, bytes);
    return rc;
}

static int serve_read(struct server *server)
{
    const uint64_t offset = imgz_wire_get_u64(&server->request);
    const uint32_t bytes = imgz_wire_get_u32(&server->request);
    const unsigned char *start;
    size_t done_bytes;
    int rc = imgz_wire_end(&server->request);

    if (rc < 0)
        return rc;
    if (server->source == NULL || bytes > IMGZ_PROTOCOL_READ_BYTES_MAX ||
        offset > imgz_source_size(server->source))
        return send_failed(server, -EINVAL, "");
    rc = read_blocks(server, offset, bytes, &start, &done_bytes);
    if (rc < 0)
        return send_failed(server, rc, "");
    imgz_wire_begin(&server->reply, IMGZ_REPLY_DATA);
    return send_reply(server, start, done_bytes);
}

static int serve_extent(struct server *server)
{
    const uint64_t from = imgz_wire_get_u64(&server->request);
    struct imgz_extent extent;
    int rc = imgz_wire_end(&server->request);

    if (rc < 0)
        return rc;
    if (server->source == NULL || from > imgz_source_size(server->source))
        return send_failed(server, -EINVAL, "");
    rc = imgz_source_next_extent(server->source, from, &extent);
    if (rc < 0)
        return send_failed(server, rc, "");
    imgz_wire_begin(&server->reply, IMGZ_REPLY_EXTENT);
    imgz_wire_put_u64(&server->reply, extent.offset);
    imgz_wire_put_u64(&server->reply, extent.end);
    return send_reply(server, NULL, 0);
}

/* ---- ENCODED ------------------------------------------------------------------------------ */

/* What of a request the job itself does not check. */
static bool is_possible(const struct server *server, const struct imgz_serve_encoded *request)
{
    return request->source != NULL && request->from_bytes <= request->end_bytes &&
           request->end_bytes <= imgz_source_size(server->source) && request->chunk_bytes > 0 &&
           request->from_bytes % request->chunk_bytes == 0 &&
           (request->hash == IMGZ_HASH_XXH3 || request->hash == IMGZ_HASH_SHA256);
}

static int send_items(struct server *server, const struct imgz_serve_encoded *request)
{
    struct imgz_error error = {.struct_bytes = sizeof(error)};
    int rc = imgz_serve_encoded(&server->wire, request, &error);

    if (rc == -EPIPE)
        return -ENODATA;
    if (rc < 0)
        return send_failed(server, rc, error.text);
    imgz_wire_begin(&server->reply, IMGZ_REPLY_END);
    return send_reply(server, NULL, 0);
}

static int serve_encoded(struct server *server)
{
    struct imgz_serve_encoded request = {.source = server->source};
    int rc;

    request.from_bytes = imgz_wire_get_u64(&server->request);
    request.end_bytes = imgz_wire_get_u64(&server->request);
    request.chunk_bytes = imgz_wire_get_u32(&server->request);
    request.level = (int32_t)imgz_wire_get_u32(&server->request);
    request.hash = (enum imgz_hash_kind)imgz_wire_get_u32(&server->request);
    request.segments_wanted = imgz_wire_get_u32(&server->request) != 0;
    rc = imgz_wire_end(&server->request);
    if (rc < 0)
        return rc;
    return is_possible(server, &request) ? send_items(server, &request)
                                         : send_failed(server, -EINVAL, "");
}

/* ---- The conversation --------------------------------------------------------------------- */

static int serve_request(struct server *server)
{
    if (server->request.tail_bytes != 0)
        return -EPROTO;
    switch (server->request.type) {
    case IMGZ_REQUEST_OPEN:
        return serve_open(server);
    case IMGZ_REQUEST_READ:
        return serve_read(server);
    case IMGZ_REQUEST_EXTENT:
        return serve_extent(server);
    case IMGZ_REQUEST_ENCODED:
        return serve_encoded(server);
    default:
        return -EPROTO;
    }
}

static int greet(struct server *server)
{
    char line[64];
    int length =
        snprintf(line, sizeof(line), "%s%u\n", IMGZ_PROTOCOL_GREETING, IMGZ_PROTOCOL_VERSION);

    return imgz_wire_write(&server->wire, line, (size_t)length);
}

static int converse(struct server *server)
{
    const struct imgz_location location = {IMGZ_STAGE_SETUP, "the connection", IMGZ_OFFSET_NONE};
    int rc = greet(server);

    while (rc == 0) {
        rc = imgz_wire_receive(&server->wire, &server->request);
        if (rc == 0)
            rc = serve_request(server);
    }
    if (rc == -ENODATA)
        return 0;
    if (rc == -EPROTO)
        return imgz_latch_raise(server->job.latch, rc, location,
                                "what arrives is no request of imgz; this command is for imgz "
                                "on another host, which starts it by ssh");
    return imgz_latch_raise_system(server->job.latch, rc, location, "serving");
}

static int run(struct server *server, int in_fd, int out_fd)
{
    server->wire = (struct imgz_wire){
        .in_fd = in_fd,
        .out_fd = out_fd,
        .stop_fd = imgz_latch_fd(server->job.latch),
        .remark_fd = -1,
        .needs_reader = true,
    };
    imgz_wire_widen(out_fd);
    server->buffer = imgz_pages_map(BUFFER_BYTES);
    if (server->buffer == MAP_FAILED) {
        server->buffer = NULL;
        return imgz_job_raise_memory(&server->job);
    }
    return converse(server);
}

int imgz_serve(int in_fd, int out_fd, const struct imgz_options *options, struct imgz_error *error)
{
    const struct imgz_job_request request = {IMGZ_JOB_SERVE, options, NULL, error, NULL};
    struct server *server = calloc(1, sizeof(*server));
    int rc;

    if (server == NULL)
        return imgz_job_refuse(&request, -ENOMEM);
    rc = imgz_job_begin(&server->job, &request);
    if (rc == 0)
        rc = run(server, in_fd, out_fd);
    imgz_source_close(server->source);
    if (server->buffer != NULL)
        munmap(server->buffer, BUFFER_BYTES);
    rc = imgz_job_end(&server->job, rc);
    free(server);
    return rc;
}
