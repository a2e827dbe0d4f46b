/* SPDX-License-Identifier: MIT */
#include "job/capture/retry_stage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "codec/stored.h"
#include "image/chunk_encoder.h"
#include "image/image_error.h"
#include "io/source/reader.h"
#include "job/capture/retry_feed.h"
#include "job/capture/retry_read.h"
#include "job/common/provenance.h"

/* The private state of one worker. */
struct imgz_retry_worker {
    struct imgz_chunk_encoder encoder;
    struct imgz_retry_read reread;
    uint64_t regained_bytes;
};

/* What a slot held as it came from the image; the image's sums are over that. */
struct imgz_retry_stage_was {
    enum imgz_slot_kind kind;
    struct imgz_hash raw_hash;
    struct imgz_sha256 raw_sha256;
    uint32_t raw_crc32;
    unsigned char *raw; /* for digests */
    bool source_failed; /* the slot's fault is the source's, not the image's */
};

/* Before the slot's raw bytes are changed. */
static void keep_raw(const struct imgz_retry_stage *stage, const struct imgz_slot *slot)
{
    unsigned char *kept;

    if (stage->was_raw == NULL || slot->kind == IMGZ_SLOT_ZERO)
        return;
    kept = stage->was_raw + (size_t)slot->slot_index * stage->job->chunk_bytes;
    memcpy(kept, slot->raw, (size_t)slot->raw_bytes);
    stage->was[slot->slot_index].raw = kept;
}

static int feed(void *context, struct imgz_pipeline *pipeline)
{
    struct imgz_retry_stage *stage = context;
    const struct imgz_retry_feed feed = {
        .image = &stage->decode.image,
        .missing = stage->missing,
        .there_bytes = stage->earlier.whole.raw_bytes,
    };

    stage->job->io_name = "pread";
    return imgz_retry_feed(&feed, pipeline);
}

/* True for a chunk that the image has in stored blocks: a compressed one is never so long. */
static bool is_stored(const struct imgz_slot *slot)
{
    return slot->kind == IMGZ_SLOT_DATA &&
           slot->stored_bytes ==
               IMGZ_NOTE_CARRIER_BYTES + imgz_stored_segment_bytes((size_t)slot->raw_bytes);
}

/* True if the new image has the item already. No item that is fed is there only in part. */
static bool is_there(const struct imgz_retry_stage *stage, const struct imgz_slot *slot)
{
    return slot->raw_offset < stage->earlier.whole.raw_bytes;
}

/* A slot that the feeder has read is either a part of a run of zeros, and checked, or bad, and will
 * be reported. */
static int work(void *context, uint32_t worker_index, struct imgz_slot *slot)
{
    struct imgz_retry_stage *stage = context;
    struct imgz_retry_worker *worker = &stage->workers[worker_index];
    struct imgz_retry_stage_was *was = &stage->was[slot->slot_index];

    if (slot->read_deferred)
        imgz_decode_stage_work(&stage->decode, worker_index, slot);
    slot->is_stored = is_stored(slot);
    *was = (struct imgz_retry_stage_was){.kind = slot->kind,
                                         .raw_hash = slot->raw_hash,
                                         .raw_sha256 = slot->raw_sha256,
                                         .raw_crc32 = slot->raw_crc32,
                                         .raw = slot->raw};
    if (slot->fault != IMGZ_FAULT_NONE || is_there(stage, slot) ||
        !imgz_range_list_within(stage->missing, slot->raw_offset, slot->raw_bytes))
        return 0;
    IMGZ_ASSERT(slot->raw_bytes <= stage->job->chunk_bytes);
    keep_raw(stage, slot);
    if (slot->kind == IMGZ_SLOT_ZERO)
        memset(slot->raw, 0, (size_t)slot->raw_bytes);
    worker->regained_bytes += imgz_retry_read_slot(&worker->reread, slot);
    was->source_failed = slot->fault != IMGZ_FAULT_NONE;
    if (was->source_failed)
        return 0;
    slot->kind = IMGZ_SLOT_DATA;
    imgz_chunk_encode_slot(&worker->encoder, slot);
    return 0;
}

/* Compares what the image said of the item with the rest of the image. */
static int accept_old(struct imgz_retry_stage *stage, const struct imgz_slot *slot)
{
    const struct imgz_retry_stage_was *was = &stage->was[slot->slot_index];
    struct imgz_slot old = *slot;

    old.kind = was->kind;
    old.raw_hash = was->raw_hash;
    old.raw_sha256 = was->raw_sha256;
    old.raw_crc32 = was->raw_crc32;
    old.raw = was->raw;
    if (was->source_failed || slot->fault == IMGZ_FAULT_CODEC)
        old.fault = IMGZ_FAULT_NONE;
    imgz_decode_stage_check_table(&stage->decode, &old);
    if (old.fault != IMGZ_FAULT_NONE)
        return imgz_image_error_raise_fault(stage->job->latch, stage->decode.image.source, &old);
    imgz_totals_add(stage->old_tally, &old);
    return 0;
}

static int accept_item(struct imgz_retry_stage *stage, const struct imgz_slot *slot)
{
    int rc = accept_old(stage, slot);

    if (rc < 0)
        return rc;
    if (slot->fault == IMGZ_FAULT_READ)
        return imgz_reader_raise(stage->source, stage->job->latch, slot);
    if (slot->fault != IMGZ_FAULT_NONE)
        return imgz_chunk_encode_raise(stage->job->latch, stage->source, stage->job->options.level,
                                       slot);
    if (slot->unreadable_count == 0)
        return 0;
    rc = imgz_sink_mark(stage->output);
    if (rc < 0)
        return rc;
    return imgz_slot_list_unreadable(slot, &stage->job->unreadable) < 0
               ? imgz_job_raise_memory(stage->job)
               : 0;
}

static int write_item(struct imgz_retry_stage *stage, struct imgz_slot **slot)
{
    const uint64_t end = (*slot)->raw_offset + (*slot)->raw_bytes;
    int rc;

    imgz_job_count(stage->job, *slot, imgz_image_writer_bytes(&stage->writer));
    rc = imgz_image_writer_put(&stage->writer, slot);
    if (rc == 0 && imgz_map_tracker_due(stage->partial_map))
        rc = imgz_image_writer_settle(&stage->writer);
    if (rc == 0)
        imgz_map_tracker_move(stage->partial_map, end);
    return rc;
}

static int write_items(struct imgz_retry_stage *stage)
{
    struct imgz_slot *slot = NULL;
    int rc;

    while ((rc = imgz_pipeline_take(stage->job->pipeline, &slot)) == 0) {
        rc = accept_item(stage, slot);
        if (rc < 0)
            return rc;
        if (is_there(stage, slot)) /* counted when it was found */
            imgz_pipeline_give_back(stage->job->pipeline, &slot);
        else
            rc = write_item(stage, &slot);
        if (rc < 0)
            return rc;
    }
    return rc == -ENODATA ? 0 : rc;
}

/* Checks the old image as a whole, then makes the new one's sums. */
static int sum_up(struct imgz_retry_stage *stage)
{
    struct imgz_totals_sum old;

    imgz_totals_finish(stage->old_tally, &old);
    imgz_job_sum_up(stage->job);
    stage->regained_bytes = stage->earlier.regained_bytes;
    for (uint32_t i = 0; i < stage->job->options.thread_count; i++)
        stage->regained_bytes += stage->workers[i].regained_bytes;
    return imgz_decode_stage_check_total(&stage->decode, stage->job, &old);
}

static int add_meta(struct imgz_retry_stage *stage)
{
    const struct imgz_provenance provenance = {
        .job = stage->job,
        .source = stage->source,
        .start_time = stage->start_time,
    };
    int rc = imgz_provenance_renew(&provenance, &stage->decode.image.meta, &stage->meta);

    if (rc == -E2BIG)
        return imgz_image_error_raise(stage->job->latch, stage->decode.image.source,
                                      stage->decode.image.end.meta_offset,
                                      "it has far more metadata than any capture writes");
    return rc < 0 ? imgz_job_raise_memory(stage->job) : 0;
}

/* If nothing was gained, the image stays as it is. */
static int finish_image(struct imgz_retry_stage *stage)
{
    int rc = sum_up(stage);

    if (rc < 0 || stage->regained_bytes == 0)
        return rc;
    rc = add_meta(stage);
    if (rc < 0)
        return rc;
    rc = imgz_image_writer_finish(&stage->writer, &stage->job->sum, &stage->meta);
    stage->job->report.image_bytes = imgz_image_writer_bytes(&stage->writer);
    return rc;
}

static int init_writer(struct imgz_retry_stage *stage, struct imgz_pipeline *pipeline)
{
    struct imgz_valid_prefix *there = &stage->earlier.whole;

    if (there->image_bytes == 0)
        return imgz_image_writer_init(&stage->writer, stage->output, pipeline,
                                      &stage->decode.image.header);
    return imgz_image_writer_resume(&stage->writer, stage->output, pipeline, there->image_bytes,
                                    &there->index);
}

static int drain(void *context, struct imgz_pipeline *pipeline)
{
    struct imgz_retry_stage *stage = context;
    int rc = init_writer(stage, pipeline);

    if (rc == 0)
        rc = write_items(stage);
    if (rc == 0)
        rc = finish_image(stage);
    imgz_image_writer_fini(&stage->writer);
    return rc;
}

const struct imgz_job_bodies imgz_retry_stage_bodies = {.feed = feed, .work = work, .drain = drain};

/* ---- Making it ---------------------------------------------------------------------------- */

static int create_was(struct imgz_retry_stage *stage)
{
    const uint32_t count = imgz_pool_slot_count(stage->job->pipeline->pool);

    stage->was = calloc(count, sizeof(stage->was[0]));
    if (stage->was == NULL)
        return imgz_job_raise_memory(stage->job);
    if (stage->recorded[0] == '\0')
        return 0;
    stage->was_raw = calloc(count, stage->job->chunk_bytes);
    return stage->was_raw == NULL ? imgz_job_raise_memory(stage->job) : 0;
}

static int create_hands(struct imgz_retry_stage *stage)
{
    const enum imgz_hash_kind hash = stage->decode.image.header.hash;
    const uint32_t count = stage->job->options.thread_count;

    stage->workers = calloc(count, sizeof(stage->workers[0]));
    if (stage->workers == NULL)
        return imgz_job_raise_memory(stage->job);
    for (uint32_t i = 0; i < count; i++) {
        struct imgz_retry_worker *worker = &stage->workers[i];

        worker->reread =
            (struct imgz_retry_read){.source = stage->source, .missing = stage->missing};
        worker->reread.scratch = malloc(stage->job->chunk_bytes);
        if (worker->reread.scratch == NULL ||
            imgz_chunk_encoder_init(&worker->encoder, stage->job->options.level, hash) < 0)
            return imgz_job_raise_memory(stage->job);
    }
    return 0;
}

int imgz_retry_stage_prepare(struct imgz_retry_stage *stage)
{
    const uint32_t chunk_bytes = stage->decode.image.header.chunk_bytes;
    const struct imgz_totals_config old_config = {.chunk_bytes = chunk_bytes,
                                                  .hash = stage->decode.image.header.hash,
                                                  .digests = stage->recorded,
                                                  .crc_wanted = true,
                                                  .raw_present = true};
    int rc;

    stage->decode.raw_wanted = true;
    stage->decode.continues = stage->earlier.whole.raw_bytes > 0;
    stage->decode.worker_bytes = chunk_bytes + imgz_chunk_encoder_bytes(stage->job->options.level);
    stage->decode.raw_bytes_min = chunk_bytes;
    stage->decode.stored_bytes_min = IMGZ_NOTE_CARRIER_BYTES + imgz_deflate_bound(chunk_bytes);
    rc = imgz_decode_stage_prepare(&stage->decode, stage->job);
    if (rc < 0)
        return rc;
    imgz_meter_take_over(&stage->job->pipeline->meter,
                         imgz_decode_stage_weigh(&stage->decode, stage->job,
                                                 stage->earlier.whole.raw_bytes));
    if (imgz_totals_create(&old_config, &stage->old_tally) < 0)
        return imgz_job_raise_memory(stage->job);
    rc = create_was(stage);
    return rc < 0 ? rc : create_hands(stage);
}

void imgz_retry_stage_release(struct imgz_retry_stage *stage)
{
    for (uint32_t i = 0; stage->workers != NULL && i < stage->job->options.thread_count; i++) {
        imgz_chunk_encoder_fini(&stage->workers[i].encoder);
        free(stage->workers[i].reread.scratch);
    }
    free(stage->workers);
    free(stage->was);
    free(stage->was_raw);
    imgz_totals_destroy(stage->old_tally);
    imgz_meta_fini(&stage->meta);
    imgz_retry_resume_fini(&stage->earlier);
    imgz_decode_stage_release(&stage->decode);
}
