/* SPDX-License-Identifier: MIT */
/*
 * Restore: image -> feeder -> workers (inflate, check) -> sparse writer -> file or device;
 * for a pipe the bytes go out in order instead.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/chunk_reader.h"
#include "image/image_error.h"
#include "io/device/device.h"
#include "io/sink/append.h"
#include "io/sink/sparse.h"
#include "job/common/confined.h"
#include "job/common/decode_stage.h"
#include "job/common/unreadable.h"
#include "job/restore/device_restore.h"
#include "job/restore/readback.h"

struct restore {
    struct imgz_job job;
    const char *image_path;
    const char *target_path;
    struct imgz_decode_stage decode;
    struct imgz_sink *output;
    struct imgz_source *held; /* the target, to be read; NULL if all of it is written */
};

static bool has_flag(const struct restore *restore, enum imgz_flag flag)
{
    return imgz_job_has(&restore->job, flag);
}

/* ---- The threads' bodies -------------------------------------------------------------------- */

static int feed(void *context, struct imgz_pipeline *pipeline)
{
    struct restore *restore = context;

    (void)pipeline;
    return imgz_decode_stage_feed(&restore->decode, &restore->job);
}

static int work(void *context, uint32_t worker_index, struct imgz_slot *slot)
{
    struct restore *restore = context;

    imgz_decode_stage_work(&restore->decode, worker_index, slot);
    return 0;
}

/* Counts a good item, or raises what is wrong with it. */
static int accept_item(struct restore *restore, struct imgz_slot *slot)
{
    imgz_decode_stage_check_table(&restore->decode, slot);
    if (slot->fault != IMGZ_FAULT_NONE)
        return imgz_image_error_raise_fault(restore->job.latch, restore->decode.image.source, slot);
    imgz_job_count(&restore->job, slot, slot->image_offset + slot->stored_bytes);
    return 0;
}

/* The target holds it already, from an interrupted run or from before. */
static void skip_item(struct restore *restore, struct imgz_slot **slot)
{
    if (has_flag(restore, IMGZ_FLAG_RESUME))
        imgz_meter_take_over_item(&restore->job.pipeline->meter, *slot);
    restore->job.report.same_bytes += (*slot)->raw_bytes;
    imgz_pipeline_give_back(restore->job.pipeline, slot);
}

static int write_sparse(struct restore *restore, struct imgz_sparse *sparse)
{
    struct imgz_slot *slot = NULL;
    int rc;

    while ((rc = imgz_sparse_take(sparse, &slot)) == 0) {
        rc = accept_item(restore, slot);
        if (rc == 0 && slot->raw_offset == 0)
            rc = imgz_device_restore_begin(&restore->job, restore->output, slot);
        if (rc == 0 && slot->unchanged)
            skip_item(restore, &slot);
        else if (rc == 0)
            rc = imgz_sparse_put(sparse, &slot);
        if (rc < 0)
            return rc;
    }
    if (rc != -ENODATA)
        return rc;
    imgz_job_sum_up(&restore->job);
    return imgz_sparse_finish(sparse, restore->job.sum.raw_bytes);
}

static int drain_sparse(struct restore *restore, struct imgz_pipeline *pipeline)
{
    struct imgz_sparse *sparse = NULL;
    int rc = imgz_sparse_open(restore->output, pipeline, restore->job.raw_bytes_total, &sparse);

    if (rc < 0)
        return rc;
    rc = write_sparse(restore, sparse);
    restore->job.report.written_bytes = sparse->written_bytes;
    imgz_sparse_close(sparse);
    return rc;
}

/* 'zeros' are chunk_bytes of them. */
static int append_zeros(struct imgz_append *append, const unsigned char *zeros, uint64_t bytes,
                        uint32_t chunk_bytes)
{
    int rc = 0;

    while (rc == 0 && bytes > 0) {
        const uint64_t taken = imgz_min(bytes, chunk_bytes);

        rc = imgz_append_bytes(append, zeros, (size_t)taken);
        bytes -= taken;
    }
    return rc;
}

static int write_stream(struct restore *restore, struct imgz_append *append,
                        const unsigned char *zeros)
{
    struct imgz_slot *slot = NULL;
    int rc;

    while ((rc = imgz_pipeline_take(restore->job.pipeline, &slot)) == 0) {
        rc = accept_item(restore, slot);
        if (rc < 0)
            return rc;
        IMGZ_ASSERT(slot->checked);
        if (slot->kind == IMGZ_SLOT_DATA)
            rc = imgz_append_bytes(append, slot->raw, slot->raw_bytes);
        else
            rc = append_zeros(append, zeros, slot->raw_bytes, restore->job.chunk_bytes);
        if (rc < 0)
            return rc;
        imgz_pipeline_give_back(restore->job.pipeline, &slot);
    }
    if (rc != -ENODATA)
        return rc;
    imgz_job_sum_up(&restore->job);
    return imgz_append_finish(append);
}

static int drain_stream(struct restore *restore, struct imgz_pipeline *pipeline)
{
    unsigned char *zeros = calloc(1, restore->job.chunk_bytes);
    struct imgz_append *append = NULL;
    int rc;

    if (zeros == NULL)
        return imgz_job_raise_memory(&restore->job);
    rc = imgz_append_open(restore->output, pipeline, &append);
    if (rc == 0) {
        rc = write_stream(restore, append, zeros);
        restore->job.report.written_bytes = append->offset;
    }
    imgz_append_close(append);
    free(zeros);
    return rc;
}

static int drain(void *context, struct imgz_pipeline *pipeline)
{
    struct restore *restore = context;

    return imgz_sink_is(restore->output, IMGZ_SINK_RANDOM) ? drain_sparse(restore, pipeline)
                                                           : drain_stream(restore, pipeline);
}

/* ---- Reading the target ------------------------------------------------------------------- */

/* Comparing what was read back needs the image twice, which a pipe cannot give. */
static int check_paranoid(const struct restore *restore)
{
    const struct imgz_location location =
        imgz_source_location(restore->decode.image.source, IMGZ_OFFSET_NONE);

    if (!has_flag(restore, IMGZ_FLAG_PARANOID))
        return 0;
    if (has_flag(restore, IMGZ_FLAG_READ_BACK) && !restore->decode.image.seekable)
        return imgz_latch_raise_usage(restore->job.latch, location,
                                      "comparing the bytes read back needs the image a second "
                                      "time: give it as a file instead of a pipe");
    return 0;
}

static const char nothing_to_keep[] =
    "is not a block device: it is written from scratch, so there is nothing to keep";

/* Flags that rule out a pipe as the target: it keeps nothing that could be read. */
static const struct stream_rule {
    enum imgz_flag flag;
    const char *why;
} stream_rules[] = {
    {IMGZ_FLAG_READ_BACK, "is a pipe or the like and cannot be read back"},
    {IMGZ_FLAG_RESUME, "is a pipe or the like: a restore to it cannot be resumed"},
    {IMGZ_FLAG_DISCARD, "is not a block device: there is nothing to discard"},
    {IMGZ_FLAG_ONLY_CHANGED, nothing_to_keep},
};

/* NULL: there is none. */
static const struct stream_rule *find_stream_rule(const struct restore *restore)
{
    for (size_t i = 0; i < IMGZ_COUNT_OF(stream_rules); i++)
        if (has_flag(restore, stream_rules[i].flag))
            return &stream_rules[i];
    return NULL;
}

static int check_readable(const struct restore *restore)
{
    if (!has_flag(restore, IMGZ_FLAG_ONLY_CHANGED) ||
        imgz_sink_is(restore->output, IMGZ_SINK_DEVICE))
        return 0;
    return imgz_latch_raise_cause(restore->job.latch, imgz_cause_flags(IMGZ_FLAG_ONLY_CHANGED),
                                  -EINVAL, imgz_sink_location(restore->output, IMGZ_OFFSET_NONE),
                                  "%s %s", imgz_sink_path(restore->output), nothing_to_keep);
}

/* Finds out before it is written, not after. */
static int try_reading(const struct restore *restore)
{
    bool direct;
    int fd;

    if (!has_flag(restore, IMGZ_FLAG_READ_BACK) || imgz_sink_local_fd(restore->output) < 0)
        return 0;
    fd = imgz_source_open_again(imgz_sink_local_fd(restore->output), &direct);
    if (fd >= 0)
        return close(fd) < 0 ? -errno : 0;
    return imgz_latch_raise_cause(
        restore->job.latch,
        (struct imgz_cause){.reason = IMGZ_REASON_FLAG, .flags = IMGZ_FLAG_READ_BACK}, fd,
        imgz_sink_location(restore->output, IMGZ_OFFSET_NONE), "opening %s to read it back: %s",
        imgz_sink_path(restore->output),
        fd == -ENOTSUP ? "that needs /proc: mount it" : strerrordesc_np(-fd));
}

/* Opens the target for reading if it may hold something that need not be written. */
static int open_held(struct restore *restore)
{
    const bool resumed =
        has_flag(restore, IMGZ_FLAG_RESUME) &&
        (imgz_sink_is(restore->output, IMGZ_SINK_DEVICE) || imgz_sink_taken_over(restore->output));
    int rc;

    if (!resumed && !has_flag(restore, IMGZ_FLAG_ONLY_CHANGED))
        return 0;
    rc = imgz_sink_reopen(restore->output, &restore->held);
    if (rc == 0)
        restore->decode.target = restore->held;
    restore->decode.by_bytes = has_flag(restore, IMGZ_FLAG_PARANOID);
    return rc;
}

static int read_back(struct restore *restore)
{
    if (!has_flag(restore, IMGZ_FLAG_READ_BACK))
        return 0;
    return imgz_readback_run(&restore->job, &restore->decode.image, restore->output);
}

/* ---- The job ------------------------------------------------------------------------------ */

static uint32_t zero_cost(const struct imgz_sink *output)
{
    if (!imgz_sink_is(output, IMGZ_SINK_RANDOM))
        return IMGZ_METER_COST_DATA;
    if (!imgz_sink_is(output, IMGZ_SINK_DEVICE))
        return IMGZ_METER_COST_HOLE;
    return imgz_device_zeroes(imgz_sink_local_fd(output)) ? IMGZ_METER_COST_ZERO
                                                          : IMGZ_METER_COST_DATA;
}

static int open_both(void *context)
{
    struct restore *restore = context;
    const struct stream_rule *rule = find_stream_rule(restore);
    struct imgz_sink_config config = {
        .path = restore->target_path,
        .stage = IMGZ_STAGE_WRITE_TARGET,
        .force = has_flag(restore, IMGZ_FLAG_FORCE),
        .resume = has_flag(restore, IMGZ_FLAG_RESUME),
        .discard =
            has_flag(restore, IMGZ_FLAG_FORCE) || has_flag(restore, IMGZ_FLAG_DISCARD_PARTIAL),
        .keep = true,
        .dry_run = has_flag(restore, IMGZ_FLAG_DRY_RUN),
        .device_allowed = true,
        .why_no_stream = rule != NULL ? rule->why : NULL,
        .no_stream_flag = rule != NULL ? rule->flag : 0,
        .direct_wanted = true,
        .file_mode = restore->job.options.file_mode,
        .overrides = restore->job.options.overrides,
        .data_bytes = IMGZ_SIZE_UNKNOWN,
    };
    const struct imgz_reach reach = imgz_job_reach(&restore->job);
    int rc = imgz_image_init(restore->image_path, &reach, restore->job.latch, &restore->job.log,
                             &restore->decode.image);

    if (rc < 0)
        return rc;
    config.need_bytes = imgz_image_raw_bytes(&restore->decode.image);
    config.source = imgz_source_status(restore->decode.image.source);
    config.source_fd = imgz_source_local_fd(restore->decode.image.source);
    if (restore->decode.image.seekable) {
        const struct imgz_image *image = &restore->decode.image;
        struct imgz_index_sums sums;

        imgz_index_sum(&image->index, image->end.raw_bytes, image->end.raw_bytes, &sums);
        config.data_bytes = imgz_index_data_end(&image->index, image->end.raw_bytes);
        config.room_bytes = sums.data_bytes;
    }
    return imgz_sink_open(&config, restore->job.latch, &restore->job.log, &restore->output);
}

/* Checks all that is known before the first byte is read. */
static int allow(struct restore *restore)
{
    int rc = check_readable(restore);

    if (rc == 0)
        rc = check_paranoid(restore);
    if (rc == 0)
        rc = try_reading(restore);
    if (rc == 0)
        rc = imgz_device_restore_allow(&restore->job, &restore->decode.image, restore->output);
    return rc;
}

static int run(struct restore *restore)
{
    static const struct imgz_job_bodies bodies = {.feed = feed, .work = work, .drain = drain};
    const struct imgz_confined kept = {.source = restore->decode.image.source,
                                       .output = restore->output};
    int rc = open_held(restore);

    if (rc < 0)
        return rc;
    imgz_confined_begin(&restore->job, &kept);
    restore->job.write_fd = imgz_sink_local_fd(restore->output);
    restore->decode.zero_cost = zero_cost(restore->output);
    rc = imgz_decode_stage_prepare(&restore->decode, &restore->job);
    if (rc == 0)
        rc = imgz_job_run(&restore->job, &bodies, restore);
    if (rc == 0)
        rc = imgz_decode_stage_check_sum(&restore->decode, &restore->job);
    if (rc == 0)
        rc = imgz_unreadable_tell(&restore->decode.image, &restore->job);
    if (rc == 0)
        rc = read_back(restore);
    if (rc == 0)
        rc = imgz_device_restore_end(&restore->job, restore->output);
    return rc < 0 ? rc : imgz_sink_commit(restore->output);
}

/* ---- Without writing ---------------------------------------------------------------------- */

/* Checks what a run checks with the first item; from a pipe there is none yet. */
static int check_first(struct restore *restore)
{
    const struct imgz_image *image = &restore->decode.image;
    struct imgz_chunk_reader chunks;
    int rc;

    if (!image->seekable || image->end.raw_bytes == 0)
        return 0;
    rc = imgz_chunk_reader_init(&chunks, image);
    if (rc < 0) {
        imgz_chunk_reader_fini(&chunks);
        return imgz_job_raise_memory(&restore->job);
    }
    imgz_chunk_reader_seek(&chunks, 0);
    if (chunks.slot.fault != IMGZ_FAULT_NONE)
        rc = imgz_image_error_raise_fault(restore->job.latch, image->source, &chunks.slot);
    else
        rc = imgz_device_restore_check(&restore->job, restore->output, &chunks.slot);
    imgz_chunk_reader_fini(&chunks);
    return rc;
}

/* Instead of run(). */
static int plan(struct restore *restore)
{
    const struct imgz_image *image = &restore->decode.image;
    struct imgz_job *job = &restore->job;
    struct imgz_index_sums sums = {0};

    imgz_index_sum(&image->index, image->end.raw_bytes, image->end.raw_bytes, &sums);
    job->raw_bytes_total = imgz_image_raw_bytes(image);
    job->chunk_bytes = image->header.chunk_bytes;
    job->sum.raw_bytes = job->raw_bytes_total;
    job->sum.zero_bytes = sums.zero_bytes;
    job->report.image_bytes = image->image_bytes;
    job->report.written_bytes = sums.data_bytes;
    job->report.room_bytes = imgz_sink_room_bytes(restore->output);
    job->report.partial_bytes = imgz_sink_partial_bytes(restore->output);
    return check_first(restore);
}

int imgz_restore(const char *image, const char *target, const struct imgz_options *options,
                 struct imgz_report *report, struct imgz_error *error)
{
    const struct imgz_job_request request = {IMGZ_JOB_RESTORE, options, report, error, NULL};
    struct restore restore = {.image_path = image,
                              .target_path = target,
                              .decode = {.raw_wanted = true}};
    int rc = imgz_job_begin(&restore.job, &request);

    if (rc == 0)
        rc = imgz_job_call(&restore.job, open_both, &restore);
    if (rc == 0)
        rc = allow(&restore);
    if (rc == 0)
        rc = has_flag(&restore, IMGZ_FLAG_DRY_RUN) ? plan(&restore) : run(&restore);
    if (rc == 0)
        imgz_job_finish(&restore.job);
    imgz_source_close(restore.held);
    imgz_sink_close(restore.output);
    imgz_decode_stage_release(&restore.decode);
    return imgz_job_end(&restore.job, rc);
}
