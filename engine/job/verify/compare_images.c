/* SPDX-License-Identifier: MIT */
/*
 * other image -> feeder -> workers (inflate, check) -> comparison.
 *
 * If chunks have the same size and hash in both, their hashes are compared as they are. Otherwise
 * the drain hashes the bytes again in chunks of the first image's size, and adds these up in totals
 * of their own. That is many times faster than inflating them.
 */
#include "job/verify/compare_images.h"

#include <errno.h>
#include <inttypes.h>

#include "image/image_error.h"
#include "job/common/decode_stage.h"
#include "job/verify/expected.h"
#include "job/verify/rehash.h"

struct twins {
    struct imgz_job *job;
    const struct imgz_image *image;
    struct imgz_decode_stage decode; /* of the other */
    struct imgz_expected expected;

    /* NULL if chunks have the same size and hash. */
    struct imgz_rehash *rehash;
    struct imgz_totals *totals;
};

static int feed(void *context, struct imgz_pipeline *pipeline)
{
    struct twins *twins = context;

    (void)pipeline;
    return imgz_decode_stage_feed(&twins->decode, twins->job);
}

static int work(void *context, uint32_t worker_index, struct imgz_slot *slot)
{
    struct twins *twins = context;

    imgz_decode_stage_work(&twins->decode, worker_index, slot);
    return 0;
}

static void take_rehashed(void *context, const struct imgz_slot *slot)
{
    struct twins *twins = context;

    imgz_totals_add(twins->totals, slot);
    imgz_expected_match(&twins->expected, slot);
}

static int take_item(struct twins *twins, struct imgz_slot *slot)
{
    const uint64_t end = slot->raw_offset + slot->raw_bytes;

    imgz_decode_stage_check_table(&twins->decode, slot);
    if (slot->fault != IMGZ_FAULT_NONE)
        return imgz_image_error_raise_fault(twins->job->latch, twins->decode.image.source, slot);
    if (end > twins->image->end.raw_bytes)
        return imgz_expected_raise_size(&twins->expected, twins->decode.image.source, end);
    imgz_job_count(twins->job, slot, slot->image_offset + slot->stored_bytes);
    if (twins->rehash != NULL)
        imgz_rehash_add(twins->rehash, slot);
    else
        imgz_expected_match(&twins->expected, slot);
    return 0;
}

static int drain(void *context, struct imgz_pipeline *pipeline)
{
    struct twins *twins = context;
    struct imgz_slot *slot = NULL;
    int rc;

    while ((rc = imgz_pipeline_take(pipeline, &slot)) == 0) {
        rc = take_item(twins, slot);
        if (rc < 0)
            return rc;
        imgz_pipeline_give_back(pipeline, &slot);
    }
    if (rc != -ENODATA)
        return rc;
    if (twins->rehash != NULL)
        imgz_rehash_finish(twins->rehash);
    imgz_job_sum_up(twins->job);
    return 0;
}

static int load_other(void *context)
{
    struct twins *twins = context;

    return imgz_image_load(&twins->decode.image, IMGZ_IMAGE_ALL, twins->job->latch,
                           &twins->job->log);
}

/* Prepares to make chunks of the first image's size and hash, if those of the other differ. */
static int prepare_rehash(struct twins *twins)
{
    const uint32_t chunk_bytes = twins->image->header.chunk_bytes;
    const enum imgz_hash_kind hash = twins->image->header.hash;
    const struct imgz_rehash_config config = {chunk_bytes, hash, take_rehashed, twins};
    const struct imgz_totals_config totals = {.chunk_bytes = chunk_bytes, .hash = hash};

    if (chunk_bytes == twins->decode.image.header.chunk_bytes &&
        hash == twins->decode.image.header.hash)
        return 0;
    twins->decode.raw_wanted = true;
    if (imgz_rehash_create(&config, &twins->rehash) < 0 ||
        imgz_totals_create(&totals, &twins->totals) < 0)
        return imgz_job_raise_memory(twins->job);
    return 0;
}

/* Only workers that have chunks of the image's size can compare bytes: not here. */
static int check_paranoid(const struct twins *twins)
{
    const struct imgz_source *other = twins->decode.image.source;

    if ((twins->job->options.flags & IMGZ_FLAG_PARANOID) == 0)
        return 0;
    return imgz_latch_raise_cause(
        twins->job->latch, imgz_cause(IMGZ_REASON_TWO_IMAGES), -EOPNOTSUPP,
        imgz_source_location(other, IMGZ_OFFSET_NONE),
        "comparing %s with %s: imgz compares two images by hashes only, not by bytes",
        imgz_source_path(other), imgz_source_path(twins->image->source));
}

static int prepare(struct twins *twins)
{
    const struct imgz_image *other = &twins->decode.image;
    int rc = check_paranoid(twins);

    if (rc == 0)
        rc = imgz_job_call(twins->job, load_other, twins);

    if (rc == 0)
        rc = prepare_rehash(twins);
    if (rc == 0)
        rc = imgz_decode_stage_prepare(&twins->decode, twins->job);
    if (rc < 0)
        return rc;
    imgz_expected_begin(&twins->expected, twins->job, twins->image,
                        twins->totals != NULL ? twins->totals : twins->job->totals);
    if (other->seekable && other->end.raw_bytes != twins->image->end.raw_bytes)
        return imgz_expected_raise_size(&twins->expected, other->source, other->end.raw_bytes);
    return 0;
}

/* The job's sum is now the other image's own; that must be right before it says anything. */
static int judge(struct twins *twins)
{
    struct imgz_job *job = twins->job;
    struct imgz_totals_sum sum;
    int rc = imgz_decode_stage_check_sum(&twins->decode, job);

    job->report.image_bytes = twins->image->image_bytes;
    if (rc == 0 && job->sum.raw_bytes != twins->image->end.raw_bytes)
        rc = imgz_expected_raise_size(&twins->expected, twins->decode.image.source,
                                      job->sum.raw_bytes);
    if (rc < 0 || twins->totals == NULL)
        return rc;
    imgz_totals_finish(twins->totals, &sum);
    job->sum.hash = sum.hash;
    job->sum.root_hash = sum.root_hash;
    job->sum.root_sha256_known = sum.root_sha256_known;
    job->sum.root_sha256 = sum.root_sha256;
    job->sum.chunk_count = sum.chunk_count;
    job->chunk_bytes = twins->image->header.chunk_bytes;
    return 0;
}

int imgz_compare_images_run(struct imgz_job *job, const struct imgz_image *image,
                            struct imgz_source *other)
{
    static const struct imgz_job_bodies bodies = {.feed = feed, .work = work, .drain = drain};
    struct twins twins = {
        .job = job,
        .image = image,
        .decode = {.image.source = other, .raw_wanted = job->options.digests != NULL},
    };
    int rc = prepare(&twins);

    if (rc == 0)
        rc = imgz_job_run(job, &bodies, &twins);
    if (rc == 0)
        rc = judge(&twins);
    imgz_rehash_destroy(twins.rehash);
    imgz_totals_destroy(twins.totals);
    twins.decode.image.source = NULL;
    imgz_decode_stage_release(&twins.decode);
    return rc;
}
