/* SPDX-License-Identifier: MIT */
#include "job/serve/serve_encoded.h"

#include <errno.h>
#include <stdlib.h>

#include "codec/deflate.h"
#include "format/note.h"
#include "image/chunk_encoder.h"
#include "io/remote/item.h"
#include "io/remote/protocol.h"
#include "io/source/reader.h"
#include "job/common/job.h"

struct serve {
    struct imgz_job job;
    struct imgz_wire *wire;
    const struct imgz_serve_encoded *request;
    struct imgz_chunk_encoder *encoders; /* one per worker */
};

/* ---- The threads' bodies ------------------------------------------------------------------- */

static int feed(void *context, struct imgz_pipeline *pipeline)
{
    struct serve *serve = context;
    const struct imgz_reader_config config = {
        .source = serve->request->source,
        .from_bytes = serve->request->from_bytes,
        .size_bytes = serve->request->end_bytes,
        .chunk_bytes = serve->request->chunk_bytes,
        .zero_bytes_max = imgz_note_zero_bytes_max(serve->request->chunk_bytes),
        .io_name = &serve->job.io_name,
    };

    return imgz_reader_run(&config, pipeline);
}

static int work(void *context, uint32_t worker_index, struct imgz_slot *slot)
{
    struct serve *serve = context;

    imgz_reader_fetch(serve->request->source, slot);
    if (slot->fault == IMGZ_FAULT_READ)
        return 0;
    if (serve->request->segments_wanted)
        imgz_chunk_encode_slot(&serve->encoders[worker_index], slot);
    else
        imgz_chunk_hash_slot(serve->encoders[worker_index].hasher, slot);
    return 0;
}

static int send_item(struct serve *serve, struct imgz_slot *slot)
{
    struct imgz_wire_message message;
    int rc;

    if (slot->fault == IMGZ_FAULT_CODEC)
        return imgz_chunk_encode_raise(serve->job.latch, serve->request->source,
                                       serve->request->level, slot);
    /* The near end makes runs of zeros of its own, and of what was not read there is nothing. */
    if (slot->kind == IMGZ_SLOT_ZERO || slot->fault != IMGZ_FAULT_NONE)
        slot->stored_bytes = 0;
    imgz_wire_begin(&message, IMGZ_REPLY_ITEM);
    imgz_item_put(&message, slot);
    rc = imgz_wire_send(serve->wire, &message, slot->stored, slot->stored_bytes);
    if (rc < 0)
        return imgz_latch_raise(serve->job.latch, -EPIPE,
                                imgz_source_location(serve->request->source, slot->raw_offset),
                                "the connection is lost");
    return 0;
}

static int drain(void *context, struct imgz_pipeline *pipeline)
{
    struct serve *serve = context;
    struct imgz_slot *slot = NULL;
    int rc;

    while ((rc = imgz_pipeline_take(pipeline, &slot)) == 0) {
        rc = send_item(serve, slot);
        if (rc < 0)
            return rc;
        imgz_pipeline_give_back(pipeline, &slot);
    }
    return rc == -ENODATA ? 0 : rc;
}

/* ---- The job ------------------------------------------------------------------------------ */

static int create_encoders(struct serve *serve)
{
    const uint32_t count = serve->job.options.thread_count;
    const int level = serve->request->segments_wanted ? serve->request->level : 0; /* no codec */

    serve->encoders = calloc(count, sizeof(serve->encoders[0]));
    if (serve->encoders == NULL)
        return imgz_job_raise_memory(&serve->job);
    for (uint32_t i = 0; i < count; i++)
        if (imgz_chunk_encoder_init(&serve->encoders[i], level, serve->request->hash) < 0)
            return imgz_job_raise_memory(&serve->job);
    return 0;
}

static int prepare(struct serve *serve)
{
    const uint32_t chunk_bytes = serve->request->chunk_bytes;
    const struct imgz_job_needs needs = {
        .totals = {.chunk_bytes = chunk_bytes, .hash = serve->request->hash, .raw_present = true},
        .raw_bytes = chunk_bytes,
        .stored_bytes = serve->request->segments_wanted
                            ? IMGZ_NOTE_CARRIER_BYTES + imgz_deflate_bound(chunk_bytes)
                            : 0,
        .worker_bytes = imgz_chunk_encoder_bytes(serve->request->level),
        .raw_bytes_total = serve->request->end_bytes,
    };
    int rc;

    serve->job.read_fd = imgz_source_local_fd(serve->request->source);
    rc = imgz_job_prepare(&serve->job, &needs);
    return rc < 0 ? rc : create_encoders(serve);
}

static void release(struct serve *serve)
{
    for (uint32_t i = 0; serve->encoders != NULL && i < serve->job.options.thread_count; i++)
        imgz_chunk_encoder_fini(&serve->encoders[i]);
    free(serve->encoders);
}

int imgz_serve_encoded(struct imgz_wire *wire, const struct imgz_serve_encoded *request,
                       struct imgz_error *error)
{
    static const struct imgz_job_bodies bodies = {.feed = feed, .work = work, .drain = drain};
    struct imgz_options options;
    const struct imgz_job_request job_request = {IMGZ_JOB_SERVE_ENCODED, &options, NULL, error,
                                                 NULL};
    struct serve serve = {.wire = wire, .request = request};
    const int stop_fd = wire->stop_fd;
    int rc;

    imgz_options_init(&options, sizeof(options));
    options.level = request->level;
    options.chunk_bytes = request->chunk_bytes;
    rc = imgz_job_begin(&serve.job, &job_request);
    if (rc == 0)
        rc = prepare(&serve);
    if (rc == 0) {
        wire->stop_fd = imgz_latch_fd(serve.job.latch);
        rc = imgz_job_run(&serve.job, &bodies, &serve);
        wire->stop_fd = stop_fd;
    }
    release(&serve);
    return imgz_job_end(&serve.job, rc);
}
