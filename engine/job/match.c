/* SPDX-License-Identifier: MIT */
#include "job/match.h"

#include <errno.h>
#include <inttypes.h>

#include "codec/checksum.h"
#include "job/scan.h"

struct match {
    struct imgz_job *job;
    const struct imgz_image *image;
    struct imgz_scan scan; /* of the source */

    /* Owned by the drain. */
    struct imgz_index_cursor cursor;
    struct imgz_index_item item; /* of the image, at or before the chunk that is compared */
};

static int feed(void *context, struct imgz_line *line)
{
    struct match *match = context;

    (void)line;
    return imgz_scan_feed(&match->scan);
}

static int work(void *context, uint32_t worker_index, struct imgz_slot *slot)
{
    struct match *match = context;

    imgz_scan_work(&match->scan, worker_index, slot);
    return 0;
}

static int raise_size(const struct match *match, uint64_t source_bytes)
{
    struct imgz_place place = imgz_source_place(match->scan.source, IMGZ_OFFSET_NONE);

    place.stage = IMGZ_STAGE_COMPARE;
    return imgz_stop_raise(match->job->stop, -EBADMSG, place,
                           "comparing %s with %s: it has %" PRIu64
                           " bytes, the disk in the image has %" PRIu64
                           "; they are not the same disk",
                           match->scan.source->path, match->image->source.path, source_bytes,
                           match->image->end.raw_bytes);
}

/* Moves on to the image's entry that holds disk offset 'offset', which is within the disk. */
static void find_item(struct match *match, uint64_t offset)
{
    while (offset >= match->item.raw_offset + match->item.raw_bytes) {
        int rc = imgz_index_next(&match->cursor, &match->item);

        IMGZ_ASSERT(rc == 0); /* the index was checked when it was loaded */
    }
}

static void match_chunk(struct match *match, uint64_t offset, uint64_t bytes,
                        const struct imgz_hash *hash)
{
    struct imgz_hash expected;

    find_item(match, offset);
    if (match->item.kind == IMGZ_NOTE_ZERO)
        expected = imgz_tally_zero_hash(match->job->tally, bytes);
    else
        expected = match->image->index.hashes[match->item.hash_index];
    if (imgz_hash_equal(hash, &expected))
        return;
    if (match->job->bad_chunk_count == 0)
        match->job->bad_offset = offset;
    match->job->bad_chunk_count += 1;
}

static void match_slot(struct match *match, const struct imgz_slot *slot)
{
    const uint64_t end = slot->raw_offset + slot->raw_bytes;
    uint64_t at = slot->raw_offset;

    while (at < end) {
        const uint64_t bytes = imgz_min(match->job->chunk_bytes, end - at);
        const struct imgz_hash hash = slot->kind == IMGZ_SLOT_ZERO
                                          ? imgz_tally_zero_hash(match->job->tally, bytes)
                                          : slot->raw_hash;

        match_chunk(match, at, bytes, &hash);
        at += bytes;
    }
}

static int drain(void *context, struct imgz_line *line)
{
    struct match *match = context;
    const uint64_t disk_bytes = match->image->end.raw_bytes;
    struct imgz_slot *slot = NULL;
    int rc;

    while ((rc = imgz_line_take(line, &slot)) == 0) {
        if (slot->raw_offset + slot->raw_bytes > disk_bytes)
            return raise_size(match, slot->raw_offset + slot->raw_bytes);
        rc = imgz_scan_accept(&match->scan, slot);
        if (rc < 0)
            return rc;
        match_slot(match, slot);
        imgz_line_give_back(line, &slot);
    }
    if (rc != -ENODATA)
        return rc;
    imgz_job_sum_up(match->job);
    return match->job->sum.raw_bytes == disk_bytes ? 0
                                                   : raise_size(match, match->job->sum.raw_bytes);
}

/* A device may be larger than the disk that was restored to it: only so much is read. Anything else
 * must have its size. */
static int find_size(struct match *match)
{
    struct imgz_scan *scan = &match->scan;
    const uint64_t disk_bytes = match->image->end.raw_bytes;

    scan->size_bytes = scan->source->size_bytes;
    if (scan->source->kind == IMGZ_SOURCE_STREAM || scan->size_bytes == disk_bytes)
        return 0;
    if (scan->source->kind != IMGZ_SOURCE_DEVICE || scan->size_bytes < disk_bytes)
        return raise_size(match, scan->size_bytes);
    scan->size_bytes = disk_bytes;
    return 0;
}

int imgz_match_run(struct imgz_job *job, const struct imgz_image *image, struct imgz_source *source)
{
    static const struct imgz_job_bodies bodies = {.feed = feed, .work = work, .drain = drain};
    struct match match = {
        .job = job,
        .image = image,
        .scan = {.job = job, .source = source},
    };
    int rc = find_size(&match);

    if (rc == 0)
        rc = imgz_scan_prepare(&match.scan, image->header.chunk_bytes);
    if (rc == 0) {
        imgz_index_rewind(&image->index, image->end.raw_bytes, &match.cursor);
        rc = imgz_job_run(job, &bodies, &match);
    }
    imgz_scan_release(&match.scan);
    return rc;
}
