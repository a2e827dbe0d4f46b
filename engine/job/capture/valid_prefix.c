/* SPDX-License-Identifier: MIT */
#include "job/capture/valid_prefix.h"

#include <errno.h>
#include <inttypes.h>

#include "base/text.h"
#include "job/common/decode_stage.h"

struct search {
    struct imgz_job *job;
    const struct imgz_valid_prefix_config *config;
    struct imgz_decode_stage decode;
    struct imgz_valid_prefix *whole;
    bool ended; /* an item was bad: what follows does not count */
};

/* ---- The threads' bodies -------------------------------------------------------------------- */

static int feed(void *context, struct imgz_pipeline *pipeline)
{
    struct search *search = context;

    return imgz_image_feed_leftover(&search->decode.image, pipeline);
}

static int work(void *context, uint32_t worker_index, struct imgz_slot *slot)
{
    struct search *search = context;

    imgz_decode_stage_work(&search->decode, worker_index, slot);
    return 0;
}

static int add_item(struct search *search, const struct imgz_slot *slot)
{
    struct imgz_valid_prefix *whole = search->whole;
    const uint64_t segment_bytes = slot->stored_bytes - IMGZ_NOTE_CARRIER_BYTES;
    int rc = slot->kind == IMGZ_SLOT_ZERO
                 ? imgz_index_add_zero(&whole->index, slot->raw_bytes)
                 : imgz_index_add_chunk(&whole->index, (uint32_t)segment_bytes, &slot->raw_hash);

    if (rc < 0)
        return imgz_job_raise_memory(search->job);
    whole->raw_bytes = slot->raw_offset + slot->raw_bytes;
    whole->image_bytes = slot->image_offset + slot->stored_bytes;
    imgz_job_count(search->job, slot, whole->image_bytes);
    return 0;
}

/* Whether the item ends as one that counts must: at a whole chunk or the end of the disk. */
static bool ends_well(const struct search *search, const struct imgz_slot *slot)
{
    const struct imgz_frame_header *header = &search->config->header;
    const uint64_t end = slot->raw_offset + slot->raw_bytes;

    return end <= search->config->end_bytes &&
           (end % header->chunk_bytes == 0 || end == header->raw_bytes);
}

static int drain(void *context, struct imgz_pipeline *pipeline)
{
    struct search *search = context;
    struct imgz_slot *slot = NULL;
    int rc;

    while ((rc = imgz_pipeline_take(pipeline, &slot)) == 0) {
        if (slot->fault != IMGZ_FAULT_NONE || !ends_well(search, slot))
            search->ended = true;
        if (!search->ended)
            rc = add_item(search, slot);
        imgz_pipeline_give_back(pipeline, &slot);
        if (rc < 0)
            return rc;
    }
    return rc == -ENODATA ? 0 : rc;
}

static int raise_other_hash(const struct search *search, enum imgz_hash_kind found)
{
    const char *name = imgz_chunk_hash_name(imgz_job_hash_named(found));

    return imgz_latch_raise_cause(search->job->latch, imgz_cause(IMGZ_REASON_RESUME_OPTIONS),
                                  -EEXIST,
                                  imgz_sink_location(search->config->output, IMGZ_OFFSET_NONE),
                                  "resuming %s: it was started with the chunk hash %s",
                                  imgz_sink_path(search->config->output), name);
}

static int raise_other(const struct search *search, const struct imgz_frame_header *found)
{
    return imgz_latch_raise_cause(
        search->job->latch, imgz_cause(IMGZ_REASON_RESUME_OPTIONS), -EEXIST,
        imgz_sink_location(search->config->output, IMGZ_OFFSET_NONE),
        "resuming %s: %s holds a disk of %s in chunks of %u KiB, but %s has %s, and this run uses "
        "chunks of %u KiB",
        imgz_sink_path(search->config->output), imgz_sink_partial_path(search->config->output),
        imgz_text_size(found->raw_bytes).text, found->chunk_bytes / 1024, search->config->disk,
        imgz_text_size(search->config->header.raw_bytes).text,
        search->config->header.chunk_bytes / 1024);
}

/* Opens the file as an image. -ENODATA: it has not even a header. */
static int open_image(struct search *search)
{
    struct imgz_image *image = &search->decode.image;
    unsigned char bytes[IMGZ_FRAME_HEADER_BYTES];
    size_t done_bytes;
    int rc = imgz_sink_reopen(search->config->output, &image->source);

    if (rc < 0)
        return rc;
    imgz_source_use_cache(image->source);
    imgz_index_init(&image->index, search->config->header.chunk_bytes);
    rc = imgz_source_read_at(image->source, 0, bytes, sizeof(bytes), &done_bytes);
    if (rc < 0)
        return imgz_latch_raise_system(search->job->latch, rc,
                                       imgz_source_location(image->source, 0), "reading");
    if (imgz_frame_decode_header(bytes, done_bytes, &image->header) != IMGZ_FRAME_IMAGE)
        return -ENODATA;
    if (image->header.chunk_bytes != search->config->header.chunk_bytes ||
        image->header.raw_bytes != search->config->header.raw_bytes)
        return raise_other(search, &image->header);
    if (image->header.hash != search->config->header.hash)
        return raise_other_hash(search, image->header.hash);
    return 0;
}

/* ---- All of it ---------------------------------------------------------------------------- */

static int run(struct search *search)
{
    static const struct imgz_job_bodies bodies = {.feed = feed, .work = work, .drain = drain};
    int rc = open_image(search);

    if (rc == 0)
        rc = imgz_decode_stage_prepare(&search->decode, search->job);
    if (rc < 0)
        return rc;
    imgz_meter_set_total(&search->job->pipeline->meter,
                         imgz_source_size(search->decode.image.source));
    search->job->run_phase = IMGZ_PHASE_CHECK;
    rc = imgz_job_run(search->job, &bodies, search);
    search->job->run_phase = IMGZ_PHASE_COPY;
    return rc;
}

int imgz_valid_prefix_find(struct imgz_job *job, const struct imgz_valid_prefix_config *config,
                           struct imgz_valid_prefix *whole)
{
    struct search search = {
        .job = job,
        .config = config,
        .decode = {.raw_wanted = job->options.digests != NULL, .by_stored = true},
        .whole = whole,
    };
    int rc;

    *whole = (struct imgz_valid_prefix){0};
    imgz_index_init(&whole->index, config->header.chunk_bytes);
    rc = run(&search);
    imgz_decode_stage_release(&search.decode);
    if (rc == -ENODATA && !imgz_latch_raised(job->latch))
        rc = 0;
    if (rc == 0)
        imgz_log_line(&job->log, "%s holds %s of the disk, in its first %s; continuing from there",
                      imgz_sink_partial_path(config->output), imgz_text_size(whole->raw_bytes).text,
                      imgz_text_size(whole->image_bytes).text);
    return rc;
}

void imgz_valid_prefix_fini(struct imgz_valid_prefix *whole)
{
    imgz_index_fini(&whole->index);
}
