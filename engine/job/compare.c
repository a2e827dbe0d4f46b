/* SPDX-License-Identifier: MIT */
/*
 * Compare: source -> reader -> workers (zero test, XXH3-128) -> comparison with the hashes in the
 * image, chunk by chunk. Of the image only its end, sizes and hashes are read.
 */
#include "job/compare.h"

#include <errno.h>
#include <inttypes.h>

#include "codec/checksum.h"
#include "image/damage.h"
#include "image/image.h"
#include "job/scan.h"

struct compare {
    struct imgz_job *job;
    const char *image_path;
    struct imgz_image image;
    struct imgz_source source;
    struct imgz_scan scan; /* of the source */

    /* Owned by the drain. */
    struct imgz_index_cursor cursor;
    struct imgz_index_item item; /* of the image, at or before the chunk that is compared */
};

static int feed(void *context, struct imgz_line *line)
{
    struct compare *compare = context;

    (void)line;
    return imgz_scan_feed(&compare->scan);
}

static int work(void *context, uint32_t worker_index, struct imgz_slot *slot)
{
    struct compare *compare = context;

    imgz_scan_work(&compare->scan, worker_index, slot);
    return 0;
}

static int raise_size(const struct compare *compare, uint64_t source_bytes)
{
    struct imgz_place place = imgz_source_place(&compare->source, IMGZ_OFFSET_NONE);

    place.stage = IMGZ_STAGE_COMPARE;
    return imgz_stop_raise(compare->job->stop, -EBADMSG, place,
                           "comparing %s with %s: it has %" PRIu64
                           " bytes, the disk in the image has %" PRIu64
                           "; they are not the same disk",
                           compare->source.path, compare->image.source.path, source_bytes,
                           imgz_image_raw_bytes(&compare->image));
}

/* Moves on to the image's entry that holds disk offset 'offset', which is within the disk. */
static void find_item(struct compare *compare, uint64_t offset)
{
    while (offset >= compare->item.raw_offset + compare->item.raw_bytes) {
        int rc = imgz_index_next(&compare->cursor, &compare->item);

        IMGZ_ASSERT(rc == 0); /* the index was checked when it was loaded */
    }
}

static void compare_chunk(struct compare *compare, uint64_t offset, uint64_t bytes,
                          const struct imgz_hash *hash)
{
    const struct imgz_image *image = &compare->image;
    struct imgz_hash expected;

    find_item(compare, offset);
    if (compare->item.kind == IMGZ_NOTE_ZERO)
        expected = imgz_tally_zero_hash(compare->job->tally, bytes);
    else
        expected = image->index.hashes[compare->item.hash_index];
    if (imgz_hash_equal(hash, &expected))
        return;
    if (compare->job->bad_chunk_count == 0)
        compare->job->bad_offset = offset;
    compare->job->bad_chunk_count += 1;
}

static void compare_slot(struct compare *compare, const struct imgz_slot *slot)
{
    const uint64_t end = slot->raw_offset + slot->raw_bytes;
    uint64_t at = slot->raw_offset;

    while (at < end) {
        const uint64_t bytes = imgz_min(compare->job->chunk_bytes, end - at);
        const struct imgz_hash hash = slot->kind == IMGZ_SLOT_ZERO
                                          ? imgz_tally_zero_hash(compare->job->tally, bytes)
                                          : slot->raw_hash;

        compare_chunk(compare, at, bytes, &hash);
        at += bytes;
    }
}

static int drain(void *context, struct imgz_line *line)
{
    struct compare *compare = context;
    const uint64_t disk_bytes = imgz_image_raw_bytes(&compare->image);
    struct imgz_slot *slot = NULL;
    int rc;

    while ((rc = imgz_line_take(line, &slot)) == 0) {
        if (slot->raw_offset + slot->raw_bytes > disk_bytes)
            return raise_size(compare, slot->raw_offset + slot->raw_bytes);
        rc = imgz_scan_accept(&compare->scan, slot);
        if (rc < 0)
            return rc;
        compare_slot(compare, slot);
        imgz_line_give_back(line, &slot);
    }
    if (rc != -ENODATA)
        return rc;
    imgz_job_sum_up(compare->job);
    return compare->job->sum.raw_bytes == disk_bytes
               ? 0
               : raise_size(compare, compare->job->sum.raw_bytes);
}

/* The table of hashes is bound to the image by the root hash alone: a table of another disk would
 * be whole in itself. */
static int check_root(const struct compare *compare)
{
    const struct imgz_image *image = &compare->image;

    if (imgz_hash_equal(&compare->job->sum.root_hash, &image->end.root_hash))
        return 0;
    return imgz_damage_raise(compare->job->stop, &image->source, image->end.hashes_offset,
                             "the table of hashes does not fit the root hash");
}

static int judge(const struct compare *compare)
{
    const struct imgz_job *job = compare->job;
    struct imgz_place place = imgz_source_place(&compare->source, job->bad_offset);

    place.stage = IMGZ_STAGE_COMPARE;
    if (job->bad_chunk_count == 0)
        return check_root(compare);
    return imgz_stop_raise(job->stop, -EBADMSG, place,
                           "comparing %s with %s: %" PRIu64 " of %" PRIu64
                           " chunks of %u bytes differ, the first at offset %" PRIu64
                           "; restore it again, or capture it anew",
                           compare->source.path, compare->image.source.path, job->bad_chunk_count,
                           job->sum.chunk_count, job->chunk_bytes, job->bad_offset);
}

/* A device may be larger than the disk that was restored to it: only so much is compared. Anything
 * else must have its size. */
static int find_size(struct compare *compare)
{
    struct imgz_scan *scan = &compare->scan;
    const uint64_t disk_bytes = imgz_image_raw_bytes(&compare->image);

    scan->size_bytes = compare->source.size_bytes;
    if (compare->source.kind == IMGZ_SOURCE_STREAM || scan->size_bytes == disk_bytes)
        return 0;
    if (compare->source.kind != IMGZ_SOURCE_DEVICE || scan->size_bytes < disk_bytes)
        return raise_size(compare, scan->size_bytes);
    scan->size_bytes = disk_bytes;
    return 0;
}

static int run(struct compare *compare)
{
    static const struct imgz_job_bodies bodies = {.feed = feed, .work = work, .drain = drain};
    int rc = find_size(compare);

    if (rc == 0)
        rc = imgz_scan_prepare(&compare->scan, compare->image.header.chunk_bytes);
    if (rc < 0)
        return rc;
    compare->job->image_bytes = compare->image.source.size_bytes;
    imgz_index_rewind(&compare->image.index, imgz_image_raw_bytes(&compare->image),
                      &compare->cursor);
    rc = imgz_job_run(compare->job, &bodies, compare);
    return rc < 0 ? rc : judge(compare);
}

static int open_image(void *context)
{
    struct compare *compare = context;
    const struct imgz_place place = {IMGZ_STAGE_READ_IMAGE, compare->image_path, IMGZ_OFFSET_NONE};
    int rc = imgz_image_init(compare->image_path, IMGZ_IMAGE_ALL, compare->job->stop,
                             &compare->job->log, &compare->image);

    if (rc < 0 || compare->image.seekable)
        return rc;
    imgz_image_fini(&compare->image);
    return imgz_stop_raise(
        compare->job->stop, -EINVAL, place,
        "the hashes of an image are at its end: to compare with it, give it as a "
        "file instead of a pipe");
}

int imgz_compare_image(struct imgz_job *job, const char *image, const char *against)
{
    const struct imgz_source_config config = {
        .path = against,
        .stage = IMGZ_STAGE_READ_SOURCE,
        .direct = job->options.direct,
    };
    struct compare compare = {
        .job = job,
        .image_path = image,
        .image.source.fd = -1,
        .scan = {.job = job, .source = &compare.source},
    };
    int rc = imgz_job_call(job, open_image, &compare);

    if (rc == 0)
        rc = imgz_source_open(&config, job->stop, &job->log, &compare.source);
    if (rc == 0) {
        rc = run(&compare);
        imgz_scan_release(&compare.scan);
        imgz_source_close(&compare.source);
    }
    imgz_image_fini(&compare.image);
    return rc;
}
