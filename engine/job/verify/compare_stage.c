/* SPDX-License-Identifier: MIT */
#include "job/verify/compare_stage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/zero.h"
#include "image/chunk_reader.h"
#include "image/image_error.h"
#include "job/common/hash_stage.h"
#include "job/verify/expected.h"

struct match {
    struct imgz_job *job;
    const struct imgz_image *image;
    struct imgz_expected expected;       /* owned by the drain */
    struct imgz_hash_stage scan;         /* of the source */
    struct imgz_chunk_reader *unpackers; /* one per worker, to compare bytes; NULL: hashes are */
};

static int feed(void *context, struct imgz_pipeline *pipeline)
{
    struct match *match = context;

    (void)pipeline;
    return imgz_hash_stage_feed(&match->scan);
}

/* ---- By bytes: in the workers ------------------------------------------------------------- */

/* Whether the item begins with the same 'bytes' as the slot, at most a chunk. */
static bool is_equal(const struct imgz_slot *slot, const struct imgz_slot *item, uint64_t bytes)
{
    if (slot->kind == IMGZ_SLOT_ZERO)
        return item->kind == IMGZ_SLOT_ZERO || imgz_zero_test(item->raw, (size_t)bytes);
    return item->kind == IMGZ_SLOT_DATA && item->raw_bytes >= bytes &&
           memcmp(slot->raw, item->raw, (size_t)bytes) == 0;
}

static void note_failure(struct imgz_slot *slot, const struct imgz_slot *item)
{
    slot->image_failed = true;
    slot->fault = item->fault;
    slot->image_offset = item->image_offset;
    slot->read_rc = item->read_rc;
    slot->read_bytes = item->read_bytes;
}

/* What a stream has after the disk is reported by the drain. */
static void compare_bytes(const struct match *match, struct imgz_chunk_reader *chunks,
                          struct imgz_slot *slot)
{
    const uint64_t end = imgz_min(slot->raw_offset + slot->raw_bytes, match->image->end.raw_bytes);

    for (uint64_t at = slot->raw_offset; at < end; at += match->job->chunk_bytes) {
        imgz_chunk_reader_seek(chunks, at);
        if (chunks->slot.fault != IMGZ_FAULT_NONE) {
            note_failure(slot, &chunks->slot);
            return;
        }
        if (is_equal(slot, &chunks->slot, imgz_min(match->job->chunk_bytes, end - at)))
            continue;
        if (slot->differ_count == 0)
            slot->differ_offset = at;
        slot->differ_count += 1;
    }
}

static int work(void *context, uint32_t worker_index, struct imgz_slot *slot)
{
    struct match *match = context;

    imgz_hash_stage_work(&match->scan, worker_index, slot);
    if (match->unpackers != NULL && slot->fault == IMGZ_FAULT_NONE)
        compare_bytes(match, &match->unpackers[worker_index], slot);
    return 0;
}

static int create_unpackers(struct match *match)
{
    const uint32_t count = match->job->options.thread_count;

    if ((match->job->options.flags & IMGZ_FLAG_PARANOID) == 0)
        return 0;
    match->unpackers = calloc(count, sizeof(match->unpackers[0]));
    if (match->unpackers == NULL)
        return imgz_job_raise_memory(match->job);
    for (uint32_t i = 0; i < count; i++) {
        if (imgz_chunk_reader_init(&match->unpackers[i], match->image) < 0)
            return imgz_job_raise_memory(match->job);
    }
    return 0;
}

static void destroy_unpackers(struct match *match)
{
    for (uint32_t i = 0; match->unpackers != NULL && i < match->job->options.thread_count; i++)
        imgz_chunk_reader_fini(&match->unpackers[i]);
    free(match->unpackers);
}

static int raise_size(const struct match *match, uint64_t source_bytes)
{
    return imgz_expected_raise_size(&match->expected, match->scan.source, source_bytes);
}

/* ---- The drain ---------------------------------------------------------------------------- */

static int take_slot(struct match *match, struct imgz_slot *slot)
{
    int rc;

    if (slot->raw_offset + slot->raw_bytes > match->image->end.raw_bytes)
        return raise_size(match, slot->raw_offset + slot->raw_bytes);
    if (slot->image_failed)
        return imgz_image_error_raise_fault(match->job->latch, match->image->source, slot);
    rc = imgz_hash_stage_accept(&match->scan, slot);
    if (rc < 0)
        return rc;
    if (match->unpackers == NULL)
        imgz_expected_match(&match->expected, slot);
    else if (slot->differ_count > 0)
        imgz_expected_count(&match->expected, slot->differ_offset, slot->differ_count);
    return 0;
}

static int drain(void *context, struct imgz_pipeline *pipeline)
{
    struct match *match = context;
    const uint64_t disk_bytes = match->image->end.raw_bytes;
    struct imgz_slot *slot = NULL;
    int rc;

    while ((rc = imgz_pipeline_take(pipeline, &slot)) == 0) {
        rc = take_slot(match, slot);
        if (rc < 0)
            return rc;
        imgz_pipeline_give_back(pipeline, &slot);
    }
    if (rc != -ENODATA)
        return rc;
    imgz_job_sum_up(match->job);
    return match->job->sum.raw_bytes == disk_bytes ? 0
                                                   : raise_size(match, match->job->sum.raw_bytes);
}

/* A device may be larger than the disk that was restored to it: only the disk's size is read.
 * Anything else must have its size. */
static int find_size(struct match *match)
{
    struct imgz_hash_stage *scan = &match->scan;
    const uint64_t disk_bytes = match->image->end.raw_bytes;

    scan->size_bytes = imgz_source_size(scan->source);
    if (!imgz_source_is(scan->source, IMGZ_SOURCE_RANDOM) || scan->size_bytes == disk_bytes)
        return 0;
    if (!imgz_source_is(scan->source, IMGZ_SOURCE_DEVICE) || scan->size_bytes < disk_bytes)
        return raise_size(match, scan->size_bytes);
    scan->size_bytes = disk_bytes;
    return 0;
}

int imgz_compare_stage_run(struct imgz_job *job, const struct imgz_image *image,
                           struct imgz_source *source, const struct imgz_overlay *overlay)
{
    static const struct imgz_job_bodies bodies = {.feed = feed, .work = work, .drain = drain};
    struct match match = {
        .job = job,
        .image = image,
        .expected = {.job = job, .image = image},
        .scan = {.job = job,
                 .source = source,
                 .overlay = overlay,
                 .raw_wanted = (job->options.flags & IMGZ_FLAG_PARANOID) != 0},
    };
    int rc = find_size(&match);

    if (rc == 0)
        rc = imgz_hash_stage_prepare(&match.scan, image->header.chunk_bytes, image->header.hash);
    if (rc == 0)
        rc = create_unpackers(&match);
    if (rc == 0) {
        imgz_expected_begin(&match.expected, job, image, job->totals);
        rc = imgz_job_run(job, &bodies, &match);
    }
    imgz_hash_stage_release(&match.scan);
    destroy_unpackers(&match);
    return rc;
}
