/* SPDX-License-Identifier: MIT */
/*
 * Capture: source -> reader -> workers (zero test, hashes, compress) -> image writer -> image.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "base/text.h"
#include "image/chunk_encoder.h"
#include "image/image_writer.h"
#include "io/source/reader.h"
#include "job/capture/read_map.h"
#include "job/capture/resume.h"
#include "job/capture/retry.h"
#include "job/common/confined.h"
#include "job/common/provenance.h"
#include "job/common/source_size.h"
#include "job/common/steady.h"

struct capture {
    struct imgz_job job;
    const char *source_path;
    const char *image_path;
    struct imgz_source *source;
    struct imgz_sink *output;
    struct imgz_read_map map;
    struct imgz_meta meta;
    struct imgz_resume leftover;         /* of an interrupted run, or empty */
    struct imgz_chunk_encoder *encoders; /* one per worker */
    time_t start_time;
    struct imgz_steady steady;
};

/* ---- The threads' bodies -------------------------------------------------------------------- */

/* Nothing more than necessary is read from a drive that is known to fail or to hang. */
static bool is_trusted(const struct imgz_options *options)
{
    return options->on_error == IMGZ_ON_ERROR_STOP && options->map_path == NULL &&
           options->timeout_s == 0;
}

static int feed(void *context, struct imgz_pipeline *pipeline)
{
    struct capture *capture = context;
    const struct imgz_reader_config config = {
        .source = capture->source,
        .from_bytes = capture->leftover.whole.raw_bytes,
        .size_bytes = imgz_source_size(capture->source),
        .chunk_bytes = capture->job.chunk_bytes,
        .zero_bytes_max = imgz_note_zero_bytes_max(capture->job.chunk_bytes),
        .survey = true,
        .look_for_free = is_trusted(&capture->job.options),
        .encoding = {IMGZ_ENCODING_SEGMENTS, capture->job.options.level,
                     imgz_job_hash(&capture->job)},
        .io_name = &capture->job.io_name,
    };

    return imgz_reader_run(&config, pipeline);
}

static int work(void *context, uint32_t worker_index, struct imgz_slot *slot)
{
    struct capture *capture = context;

    imgz_reader_fetch(capture->source, slot);
    if (slot->fault != IMGZ_FAULT_READ)
        imgz_chunk_encode_slot(&capture->encoders[worker_index], slot);
    return 0;
}

/* How many bad places are logged while the job runs: the report has them all. */
#define BAD_LINES_MAX 10u

/* Records what could not be read of a chunk. */
static int keep_unreadable(struct capture *capture, const struct imgz_slot *slot)
{
    struct imgz_range_list *list = &capture->job.unreadable;
    const size_t count_before = list->count;
    int rc;

    if (slot->unreadable_count == 0)
        return 0;
    rc = imgz_sink_mark(capture->output);
    if (rc < 0)
        return rc;
    if (imgz_slot_list_unreadable(slot, list) < 0)
        return imgz_job_raise_memory(&capture->job);
    if (list->count != count_before && list->count <= BAD_LINES_MAX)
        imgz_log_line(&capture->job.log,
                      "%s is unreadable at offset %" PRIu64 ": %s replaced by zeros",
                      imgz_source_path(capture->source), list->ranges[list->count - 1].offset,
                      imgz_text_size(list->ranges[list->count - 1].bytes).text);
    return 0;
}

static int accept_item(struct capture *capture, const struct imgz_slot *slot)
{
    if (slot->fault == IMGZ_FAULT_READ)
        return imgz_reader_raise(capture->source, capture->job.latch, slot);
    if (slot->fault != IMGZ_FAULT_NONE)
        return imgz_chunk_encode_raise(capture->job.latch, capture->source,
                                       capture->job.options.level, slot);
    return keep_unreadable(capture, slot);
}

static int write_items(struct capture *capture, struct imgz_image_writer *writer)
{
    struct imgz_slot *slot = NULL;
    int rc;

    while ((rc = imgz_pipeline_take(capture->job.pipeline, &slot)) == 0) {
        const uint64_t end = slot->raw_offset + slot->raw_bytes;

        rc = accept_item(capture, slot);
        if (rc == 0)
            rc = imgz_source_size_check_grown(&capture->job, capture->source, end);
        if (rc < 0)
            return rc;
        imgz_job_count(&capture->job, slot, imgz_image_writer_bytes(writer));
        rc = imgz_image_writer_put(writer, &slot);
        if (rc < 0)
            return rc;
        if (imgz_map_tracker_due(&capture->map.keep))
            rc = imgz_image_writer_settle(writer);
        if (rc < 0)
            return rc;
        imgz_map_tracker_move(&capture->map.keep, end);
    }
    return rc == -ENODATA ? 0 : rc;
}

/* What is known once everything was read. */
static int add_meta(struct capture *capture)
{
    const struct imgz_provenance provenance = {
        .job = &capture->job,
        .source = capture->source,
        .start_time = capture->start_time,
    };
    int rc = imgz_provenance_add(&provenance, &capture->meta);

    return rc < 0 ? imgz_job_raise_memory(&capture->job) : 0;
}

static struct imgz_frame_header make_header(const struct capture *capture)
{
    return (struct imgz_frame_header){
        .hash = imgz_job_hash(&capture->job),
        .chunk_bytes = capture->job.options.chunk_bytes,
        .raw_bytes = imgz_source_size(capture->source),
    };
}

static int init_writer(struct capture *capture, struct imgz_pipeline *pipeline,
                       struct imgz_image_writer *writer)
{
    struct imgz_valid_prefix *there = &capture->leftover.whole;
    const struct imgz_frame_header header = make_header(capture);

    if (there->image_bytes > 0)
        return imgz_image_writer_resume(writer, capture->output, pipeline, there->image_bytes,
                                        &there->index);
    return imgz_image_writer_init(writer, capture->output, pipeline, &header);
}

static int drain(void *context, struct imgz_pipeline *pipeline)
{
    struct capture *capture = context;
    struct imgz_image_writer writer;
    int rc = init_writer(capture, pipeline, &writer);

    if (rc == 0)
        rc = write_items(capture, &writer);
    if (rc == 0) {
        imgz_job_sum_up(&capture->job);
        rc = imgz_source_size_check_ended(&capture->job, capture->source,
                                          capture->job.sum.raw_bytes);
    }
    if (rc == 0)
        rc = add_meta(capture);
    if (rc == 0)
        rc = imgz_image_writer_finish(&writer, &capture->job.sum, &capture->meta);
    capture->job.report.image_bytes = imgz_image_writer_bytes(&writer);
    imgz_image_writer_fini(&writer);
    return rc;
}

/* ---- The job ------------------------------------------------------------------------------ */

static bool wants_resume(const struct capture *capture)
{
    return imgz_job_has(&capture->job, IMGZ_FLAG_RESUME);
}

static bool is_dry(const struct capture *capture)
{
    return imgz_job_has(&capture->job, IMGZ_FLAG_DRY_RUN);
}

static const char cannot_be_resumed[] = "is a pipe or the like: a capture from or to it cannot be "
                                        "resumed";

static int check_resumable(const struct capture *capture)
{
    const struct imgz_location location = imgz_source_location(capture->source, IMGZ_OFFSET_NONE);

    if (!wants_resume(capture) || imgz_source_is(capture->source, IMGZ_SOURCE_RANDOM))
        return 0;
    return imgz_latch_raise_cause(capture->job.latch, imgz_cause_flags(IMGZ_FLAG_RESUME), -EINVAL,
                                  location, "%s %s", imgz_source_path(capture->source),
                                  cannot_be_resumed);
}

/* A pipe cannot be read again from where it stopped. And a map describes only one image: if a run
 * with force fails, the map describes the existing one again. */
static bool can_go_on(const struct capture *capture)
{
    const bool map_returns = capture->job.options.map_path != NULL && !wants_resume(capture) &&
                             (capture->job.options.flags & IMGZ_FLAG_FORCE) != 0;

    return imgz_source_is(capture->source, IMGZ_SOURCE_RANDOM) && !map_returns;
}

static int open_output(struct capture *capture)
{
    const struct imgz_options *options = &capture->job.options;
    const struct imgz_sink_config config = {
        .path = capture->image_path,
        .stage = IMGZ_STAGE_WRITE_IMAGE,
        .force = (options->flags & IMGZ_FLAG_FORCE) != 0,
        .resume = wants_resume(capture),
        .discard = (options->flags & (IMGZ_FLAG_FORCE | IMGZ_FLAG_DISCARD_PARTIAL)) != 0,
        .keep = can_go_on(capture),
        .head_bytes = IMGZ_FRAME_HEADER_BYTES,
        .begins = imgz_resume_begins,
        .map_kept = imgz_read_map_keeps_own(&capture->map),
        .dry_run = is_dry(capture),
        .why_no_stream = wants_resume(capture) ? cannot_be_resumed : NULL,
        .no_stream_flag = IMGZ_FLAG_RESUME,
        .direct_wanted = true,
        .need_bytes = IMGZ_SIZE_UNKNOWN,
        .source = imgz_source_status(capture->source),
        .file_mode = options->file_mode,
    };

    return imgz_sink_open(&config, capture->job.latch, &capture->job.log, &capture->output);
}

/* Opens what is read and written. */
static int open_both(void *context)
{
    struct capture *capture = context;
    const struct imgz_source_config source_config = {
        .path = capture->source_path,
        .stage = IMGZ_STAGE_READ_SOURCE,
        .direct = capture->job.options.direct,
        .retry_count = capture->job.options.retry_count,
        .on_error = capture->job.options.on_error,
        .watchdog = capture->job.watchdog,
        .reach = imgz_job_reach(&capture->job),
    };
    int rc =
        imgz_source_open(&source_config, capture->job.latch, &capture->job.log, &capture->source);

    capture->map.source = capture->source;
    if (rc == 0)
        rc = imgz_source_size_check_opened(&capture->job, capture->source);
    if (rc == 0)
        rc = imgz_read_map_load(&capture->map);
    if (rc == 0)
        rc = check_resumable(capture);
    return rc < 0 ? rc : open_output(capture);
}

/* A program that fails to read a disk often ends without writing a byte. That must not give
 * something that looks like an image. An empty file is a different matter: anybody can see that it
 * is empty. */
static int check_not_empty(void *context)
{
    struct capture *capture = context;
    const struct stat *status = imgz_source_status(capture->source);
    unsigned char byte;
    size_t done_bytes;
    int rc;

    if (imgz_source_is(capture->source, IMGZ_SOURCE_RANDOM) ||
        (status != NULL && S_ISREG(status->st_mode)) ||
        (capture->job.options.flags & IMGZ_FLAG_ALLOW_EMPTY) != 0 ||
        capture->job.options.source_bytes != IMGZ_SIZE_UNKNOWN)
        return 0;
    rc = imgz_source_peek(capture->source, capture->job.latch, &byte, sizeof(byte), &done_bytes);
    if (rc < 0 || done_bytes > 0)
        return rc;
    return imgz_latch_raise_cause(
        capture->job.latch, imgz_cause(IMGZ_REASON_EMPTY), -ENODATA,
        imgz_source_location(capture->source, 0),
        "reading %s: it ended before the first byte; the program that writes to it may have failed",
        imgz_source_path(capture->source));
}

/* Looks at what an interrupted run left. */
static int take_over(struct capture *capture)
{
    const struct imgz_resume_config config = {
        .output = capture->output,
        .source = capture->source,
        .header = make_header(capture),
        .map_name = imgz_read_map_earlier(&capture->map, capture->output),
    };
    int rc;

    if (!imgz_sink_taken_over(capture->output))
        return 0;
    rc = imgz_resume_find(&capture->leftover, &capture->job, &config);
    imgz_source_set_known_bad(capture->source, &capture->leftover.known_bad.bad);
    capture->job.report.resumed_bytes = capture->leftover.whole.raw_bytes;
    return rc;
}

static int create_packers(struct capture *capture)
{
    const struct imgz_options *options = &capture->job.options;

    capture->encoders = calloc(options->thread_count, sizeof(capture->encoders[0]));
    if (capture->encoders == NULL)
        return imgz_job_raise_memory(&capture->job);
    for (uint32_t i = 0; i < options->thread_count; i++) {
        if (imgz_chunk_encoder_init(&capture->encoders[i], options->level,
                                    imgz_job_hash(&capture->job)) < 0)
            return imgz_job_raise_memory(&capture->job);
        if (options->digests != NULL && imgz_source_is(capture->source, IMGZ_SOURCE_ENCODES) &&
            imgz_chunk_encoder_want_raw(&capture->encoders[i], imgz_job_hash(&capture->job)) < 0)
            return imgz_job_raise_memory(&capture->job);
    }
    imgz_log_line(&capture->job.log, "compressing with %s",
                  imgz_deflate_level_name(options->level));
    return 0;
}

/* A drive with more chunks than the table of hashes can hold is refused before it is read. A file
 * is not: its holes do not count. */
static int check_chunk_count(const struct capture *capture)
{
    const uint32_t chunk_bytes = capture->job.options.chunk_bytes;
    const uint64_t limit_bytes = (uint64_t)UINT32_MAX / IMGZ_HASH_BYTES * chunk_bytes;

    if (!imgz_source_is(capture->source, IMGZ_SOURCE_DEVICE) ||
        imgz_source_size(capture->source) <= limit_bytes)
        return 0;
    return imgz_latch_raise_cause(capture->job.latch, imgz_cause_usage(IMGZ_REASON_TOO_MANY_CHUNKS),
                                  -EINVAL, imgz_source_location(capture->source, IMGZ_OFFSET_NONE),
                                  "%s has more chunks of %u bytes than an image can hold",
                                  imgz_source_path(capture->source), chunk_bytes);
}

/* Holes of a file have no chunks. */
static uint64_t index_bytes(const struct capture *capture)
{
    const struct imgz_source *source = capture->source;

    if (!imgz_source_is(source, IMGZ_SOURCE_RANDOM))
        return 0;
    return imgz_div_up(imgz_source_data_bytes_max(source), capture->job.options.chunk_bytes) *
           (IMGZ_INDEX_ENTRY_BYTES + IMGZ_HASH_BYTES);
}

static int prepare(struct capture *capture)
{
    const uint32_t chunk_bytes = capture->job.options.chunk_bytes;
    const struct imgz_job_needs needs = {
        .totals = {.chunk_bytes = chunk_bytes,
                   .hash = imgz_job_hash(&capture->job),
                   .digests = capture->job.options.digests,
                   .crc_wanted = true,
                   .raw_present = true},
        .raw_bytes = chunk_bytes,
        .index_bytes = index_bytes(capture),
        .worker_bytes = imgz_chunk_encoder_bytes(capture->job.options.level),
        .stored_bytes = IMGZ_NOTE_CARRIER_BYTES + imgz_deflate_bound(chunk_bytes),
        .raw_bytes_total = imgz_source_size(capture->source),
        .continues = capture->leftover.whole.image_bytes > 0,
    };
    int rc = check_chunk_count(capture);

    capture->job.read_fd = imgz_source_local_fd(capture->source);
    capture->job.write_fd = imgz_sink_local_fd(capture->output);
    if (rc == 0)
        rc = imgz_job_prepare(&capture->job, &needs);
    /* For progress only: buffers are made for any size. */
    if (!imgz_source_is(capture->source, IMGZ_SOURCE_RANDOM))
        capture->job.raw_bytes_total = capture->job.options.source_bytes;
    return rc < 0 ? rc : create_packers(capture);
}

/* If the source became shorter, no later run can go on. */
static void judge_output(struct capture *capture)
{
    if (capture->output != NULL && imgz_latch_error(capture->job.latch)->code == -ENODATA &&
        !wants_resume(capture))
        imgz_sink_set_useless(capture->output);
}

static enum imgz_map_tracker_end end_of_map(const struct capture *capture, int rc)
{
    if (rc == 0)
        return IMGZ_MAP_TRACKER_WHOLE;
    return capture->output != NULL && imgz_sink_keeps(capture->output) ? IMGZ_MAP_TRACKER_KEPT
                                                                       : IMGZ_MAP_TRACKER_LOST;
}

/* Ends what is written; 'rc' is the job's result so far. */
static int end_written(struct capture *capture, int rc)
{
    int map_rc;

    /* As after a crash: what there is so far stays. */
    if (capture->job.left.drain)
        return rc;
    judge_output(capture);
    map_rc =
        imgz_map_tracker_close(&capture->map.keep, end_of_map(capture, rc), capture->job.latch);
    if (rc == 0)
        rc = map_rc;
    imgz_sink_close(capture->output);
    capture->output = NULL;
    return rc;
}

static void release(struct capture *capture)
{
    for (uint32_t i = 0; capture->encoders != NULL && i < capture->job.options.thread_count; i++)
        imgz_chunk_encoder_fini(&capture->encoders[i]);
    free(capture->encoders);
    imgz_meta_fini(&capture->meta);
    imgz_resume_fini(&capture->leftover);
    imgz_read_map_fini(&capture->map);
    imgz_source_close(capture->source);
}

/* A dry run: instead of reading and writing. */
static int plan(struct capture *capture)
{
    int rc = check_chunk_count(capture);

    imgz_steady_begin(&capture->steady, &capture->job, capture->source, capture->output);
    capture->job.sum.raw_bytes = imgz_source_size(capture->source);
    capture->job.chunk_bytes = capture->job.options.chunk_bytes;
    capture->job.report.room_bytes = imgz_sink_room_bytes(capture->output);
    capture->job.report.partial_bytes = imgz_sink_partial_bytes(capture->output);
    imgz_sink_close(capture->output);
    capture->output = NULL;
    return rc;
}

/* First looks for who may write to the source, because that takes the rights that are given up. */
static void confine(struct capture *capture)
{
    const struct imgz_confined kept = {.source = capture->source,
                                       .output = capture->output,
                                       .map = imgz_read_map_named(&capture->map)};

    imgz_steady_begin(&capture->steady, &capture->job, capture->source, capture->output);
    imgz_confined_begin(&capture->job, &kept);
}

static int run(struct capture *capture, const struct imgz_job_request *request)
{
    static const struct imgz_job_bodies bodies = {.feed = feed, .work = work, .drain = drain};
    int rc = imgz_job_begin(&capture->job, request);

    capture->job.deadline_path = capture->source_path;
    if (rc == 0)
        rc = imgz_job_call(&capture->job, open_both, capture);
    if (rc == 0 && is_dry(capture))
        return plan(capture);
    if (rc == 0)
        confine(capture);
    if (rc == 0)
        rc = take_over(capture);
    if (rc == 0)
        rc = imgz_job_call(&capture->job, check_not_empty, capture);
    if (rc == 0)
        rc = imgz_read_map_begin(&capture->map, capture->output, capture->leftover.whole.raw_bytes);
    if (rc == 0)
        rc = prepare(capture);
    if (rc == 0)
        rc = imgz_job_run(&capture->job, &bodies, capture);
    if (rc == 0)
        imgz_steady_end(&capture->steady, &capture->job);
    if (rc == 0)
        rc = imgz_read_map_settle(&capture->map);
    if (rc == 0)
        rc = imgz_sink_commit(capture->output);
    rc = end_written(capture, rc);
    if (rc == 0)
        imgz_job_finish(&capture->job);
    return rc;
}

/* On the heap: a thread that is left behind may still use it. */
static struct capture *create(const char *source, const char *image)
{
    struct capture *capture = calloc(1, sizeof(*capture));

    if (capture != NULL)
        *capture = (struct capture){
            .source_path = source,
            .image_path = image,
            .map = {.job = &capture->job, .image_path = image, .name = IMGZ_NAME_NONE},
            .start_time = time(NULL)};
    return capture;
}

static int capture_anew(const char *source, const char *image,
                        const struct imgz_job_request *request)
{
    struct capture *capture = create(source, image);
    bool left;
    int rc;

    if (capture == NULL)
        return imgz_job_refuse(request, -ENOMEM);
    rc = run(capture, request);
    left = capture->job.left.any;
    if (!left)
        release(capture);
    rc = imgz_job_end(&capture->job, rc);
    if (!left)
        free(capture);
    return rc;
}

int imgz_capture(const char *source, const char *image, const struct imgz_options *options,
                 struct imgz_report *report, struct imgz_error *error)
{
    const struct imgz_job_request request = {IMGZ_JOB_CAPTURE, options, report, error, NULL};

    return imgz_retry_wanted(image, &request) ? imgz_retry(source, image, &request)
                                              : capture_anew(source, image, &request);
}
