/* SPDX-License-Identifier: MIT */
/*
 * Hash: source -> reader -> workers (zero test, XXH3-128) -> sums. An image is hashed by what is
 * inside: see verify.c.
 */
#include <errno.h>

#include "image/image.h"
#include "job/common/confined.h"
#include "job/common/hash_stage.h"
#include "job/common/steady.h"
#include "job/verify/verify.h"

struct hash {
    struct imgz_job *job;
    struct imgz_hash_stage scan;
    struct imgz_steady steady;
    bool is_image;
};

static int feed(void *context, struct imgz_pipeline *pipeline)
{
    struct hash *hash = context;

    (void)pipeline;
    return imgz_hash_stage_feed(&hash->scan);
}

static int work(void *context, uint32_t worker_index, struct imgz_slot *slot)
{
    struct hash *hash = context;

    imgz_hash_stage_work(&hash->scan, worker_index, slot);
    return 0;
}

static int drain(void *context, struct imgz_pipeline *pipeline)
{
    struct hash *hash = context;
    struct imgz_slot *slot = NULL;
    int rc;

    while ((rc = imgz_pipeline_take(pipeline, &slot)) == 0) {
        rc = imgz_hash_stage_accept(&hash->scan, slot);
        if (rc < 0)
            return rc;
        imgz_pipeline_give_back(pipeline, &slot);
    }
    if (rc != -ENODATA)
        return rc;
    imgz_job_sum_up(hash->job);
    return 0;
}

static int hash_raw(struct hash *hash)
{
    static const struct imgz_job_bodies bodies = {.feed = feed, .work = work, .drain = drain};
    int rc = imgz_hash_stage_prepare(&hash->scan, hash->job->options.chunk_bytes,
                                     imgz_job_hash(hash->job));

    if (rc == 0)
        rc = imgz_job_run(hash->job, &bodies, hash);
    imgz_steady_end(&hash->steady, hash->job);
    imgz_hash_stage_release(&hash->scan);
    return rc;
}

static int look_inside(void *context)
{
    struct hash *hash = context;
    struct imgz_frame_header header;

    return imgz_image_recognize(hash->scan.source, hash->job->latch, &hash->is_image, &header);
}

/* Takes the source. */
static int hash_source(struct imgz_job *job, struct imgz_source **given)
{
    struct imgz_source *source = *given;
    struct hash hash = {
        .job = job,
        .scan = {.job = job, .source = source, .size_bytes = imgz_source_size(source)},
    };
    int rc;

    imgz_steady_begin(&hash.steady, job, source, NULL);
    imgz_confined_begin(job, &(struct imgz_confined){.source = source});
    rc = imgz_job_call(job, look_inside, &hash);
    if (rc == 0 && hash.is_image) {
        imgz_source_use_cache(source);
        imgz_source_set_stage(source, IMGZ_STAGE_READ_IMAGE);
        return imgz_verify_image(job, given);
    }
    if (rc == 0)
        rc = hash_raw(&hash);
    imgz_source_close(source);
    *given = NULL;
    return rc;
}

int imgz_hash(const char *path, const struct imgz_options *options, struct imgz_report *report,
              struct imgz_error *error)
{
    const struct imgz_job_request request = {IMGZ_JOB_HASH, options, report, error, NULL};
    struct imgz_source_config config = {.path = path, .stage = IMGZ_STAGE_READ_SOURCE};
    struct imgz_source *source = NULL;
    struct imgz_job job;
    int rc = imgz_job_begin(&job, &request);

    config.direct = job.options.direct;
    config.reach = imgz_job_reach(&job);
    if (rc == 0)
        rc = imgz_job_open_source(&job, &config, &source);
    if (rc == 0)
        rc = hash_source(&job, &source);
    if (rc == 0)
        imgz_job_finish(&job);
    return imgz_job_end(&job, rc);
}
