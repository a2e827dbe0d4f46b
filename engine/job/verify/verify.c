/* SPDX-License-Identifier: MIT */
/*
 * Verify: image -> feeder -> workers (inflate, check) -> sums. Nothing is written; a bad chunk does
 * not end the job, so that the report says how many there are. A scrub is the same without
 * inflating: the notes' sums replace those of the raw bytes.
 */
#include "job/verify/verify.h"

#include <errno.h>
#include <inttypes.h>

#include "base/text.h"
#include "image/image_error.h"
#include "job/common/confined.h"
#include "job/common/decode_stage.h"
#include "job/common/unreadable.h"
#include "job/verify/compare.h"

struct verify {
    struct imgz_job *job;
    struct imgz_decode_stage decode;
    struct imgz_slot bad_slot; /* a copy of the first, for its error; its buffers are not used */
};

static int feed(void *context, struct imgz_pipeline *pipeline)
{
    struct verify *verify = context;

    (void)pipeline;
    return imgz_decode_stage_feed(&verify->decode, verify->job);
}

static int work(void *context, uint32_t worker_index, struct imgz_slot *slot)
{
    struct verify *verify = context;

    imgz_decode_stage_work(&verify->decode, worker_index, slot);
    return 0;
}

/* Data that is bad is counted; what cannot be read ends the job. */
static int take_item(struct verify *verify, struct imgz_slot *slot)
{
    struct imgz_job *job = verify->job;

    if (slot->fault == IMGZ_FAULT_READ)
        return imgz_image_error_raise_fault(job->latch, verify->decode.image.source, slot);
    imgz_decode_stage_check_table(&verify->decode, slot);
    if (slot->fault != IMGZ_FAULT_NONE) {
        if (job->report.bad_chunk_count == 0) {
            job->report.bad_offset = slot->raw_offset;
            verify->bad_slot = *slot;
        }
        job->report.bad_chunk_count += imgz_div_up(slot->raw_bytes, job->chunk_bytes);
    }
    /* With a gap nothing adds up any more. */
    if (job->report.bad_chunk_count == 0)
        imgz_job_count(job, slot, slot->image_offset + slot->stored_bytes);
    else
        imgz_meter_add(&job->pipeline->meter, slot);
    return 0;
}

static int drain(void *context, struct imgz_pipeline *pipeline)
{
    struct verify *verify = context;
    struct imgz_slot *slot = NULL;
    int rc;

    while ((rc = imgz_pipeline_take(pipeline, &slot)) == 0) {
        rc = take_item(verify, slot);
        if (rc < 0)
            return rc;
        imgz_pipeline_give_back(pipeline, &slot);
    }
    if (rc != -ENODATA)
        return rc;
    if (verify->job->report.bad_chunk_count == 0)
        imgz_job_sum_up(verify->job);
    return 0;
}

static int judge(struct verify *verify)
{
    const struct imgz_source *source = verify->decode.image.source;

    if (verify->job->report.bad_chunk_count == 0)
        return imgz_decode_stage_check_sum(&verify->decode, verify->job);
    imgz_log_line(&verify->job->log, "%s of %s bad",
                  imgz_text_count(verify->job->report.bad_chunk_count, "chunk").text,
                  imgz_source_path(source));
    return imgz_image_error_raise_fault(verify->job->latch, source, &verify->bad_slot);
}

static int open_image(void *context)
{
    struct verify *verify = context;

    return imgz_image_load(&verify->decode.image, IMGZ_IMAGE_ALL, verify->job->latch,
                           &verify->job->log);
}

int imgz_verify_image(struct imgz_job *job, struct imgz_source **source)
{
    static const struct imgz_job_bodies bodies = {.feed = feed, .work = work, .drain = drain};
    struct verify verify = {
        .job = job,
        .decode = {.image.source = *source,
                   .raw_wanted = job->options.digests != NULL,
                   .scrub = (job->options.flags & IMGZ_FLAG_SCRUB) != 0},
    };
    int rc;

    *source = NULL;
    rc = imgz_job_call(job, open_image, &verify);
    if (rc == 0)
        rc = imgz_job_check_hash(job, imgz_source_path(verify.decode.image.source),
                                 verify.decode.image.header.hash);
    if (rc == 0)
        rc = imgz_decode_stage_prepare(&verify.decode, job);
    if (rc == 0)
        rc = imgz_job_run(job, &bodies, &verify);
    if (rc == 0)
        rc = imgz_unreadable_tell(&verify.decode.image, job);
    if (rc == 0)
        rc = judge(&verify);
    imgz_decode_stage_release(&verify.decode);
    return rc;
}

static int verify_path(struct imgz_job *job, const char *path)
{
    const struct imgz_source_config config = {
        .path = path,
        .stage = IMGZ_STAGE_READ_IMAGE,
        .direct = IMGZ_DIRECT_OFF,
        .reach = imgz_job_reach(job),
    };
    struct imgz_source *source = NULL;
    int rc = imgz_job_open_source(job, &config, &source);

    if (rc < 0)
        return rc;
    imgz_confined_begin(job, &(struct imgz_confined){.source = source});
    return imgz_verify_image(job, &source);
}

int imgz_verify(const char *image, const char *against, const struct imgz_options *options,
                struct imgz_report *report, struct imgz_error *error)
{
    const struct imgz_job_request request = {IMGZ_JOB_VERIFY, options, report, error, against};
    struct imgz_job job;
    int rc = imgz_job_begin(&job, &request);

    if (rc == 0)
        rc = against != NULL ? imgz_compare_image(&job, image, against) : verify_path(&job, image);
    if (rc == 0)
        imgz_job_finish(&job);
    return imgz_job_end(&job, rc);
}
