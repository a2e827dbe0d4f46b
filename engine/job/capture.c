/* SPDX-License-Identifier: MIT */
/*
 * Capture: source -> reader -> workers (zero test, hashes, compress) -> image writer -> image.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "image/image_writer.h"
#include "image/pack.h"
#include "io/reader.h"
#include "job/provenance.h"

struct capture {
    struct imgz_job job;
    const char *source_path;
    const char *image_path;
    struct imgz_source source;
    struct imgz_output output;
    struct imgz_meta meta;
    struct imgz_packer *packers; /* one per worker */
    time_t start_time;
};

/* ---- The crew's bodies -------------------------------------------------------------------- */

static int feed(void *context, struct imgz_line *line)
{
    struct capture *capture = context;
    const struct imgz_reader_config config = {
        .source = &capture->source,
        .size_bytes = capture->source.size_bytes,
        .chunk_bytes = capture->job.chunk_bytes,
        .zero_bytes_max = imgz_note_zero_bytes_max(capture->job.chunk_bytes),
        .io_name = &capture->job.io_name,
    };

    return imgz_reader_run(&config, line);
}

static int work(void *context, uint32_t worker_index, struct imgz_slot *slot)
{
    struct capture *capture = context;

    imgz_reader_fetch(&capture->source, slot);
    if (slot->fault != IMGZ_FAULT_READ)
        imgz_pack_slot(&capture->packers[worker_index], slot);
    return 0;
}

static int raise_codec(const struct capture *capture, const struct imgz_slot *slot)
{
    struct imgz_place place = imgz_source_place(&capture->source, slot->raw_offset);

    place.stage = IMGZ_STAGE_COMPRESS;
    return imgz_stop_raise(capture->job.stop, -EPROTO, place,
                           "compressing %s at offset %llu: %s made a stream that cannot be used; "
                           "choose another --level, and please report this",
                           capture->source.path, (unsigned long long)slot->raw_offset,
                           imgz_deflate_level_name(capture->job.options.level));
}

/* What is told of single places while the job runs: the report has them all. */
#define BAD_LINES_MAX 10u

/* Keeps what could not be read of a chunk. */
static int keep_unreadable(struct capture *capture, const struct imgz_slot *slot)
{
    struct imgz_badlist *list = &capture->job.unreadable;
    const size_t count_before = list->count;

    if (slot->bad_count == 0)
        return 0;
    if (imgz_badlist_add_slot(list, slot) < 0)
        return imgz_job_raise_memory(&capture->job);
    if (list->count != count_before && list->count <= BAD_LINES_MAX)
        imgz_log_line(&capture->job.log, "%s cannot be read at offset %llu: %llu bytes of zeros",
                      capture->source.path,
                      (unsigned long long)list->ranges[list->count - 1].offset,
                      (unsigned long long)list->ranges[list->count - 1].bytes);
    return 0;
}

static int accept_item(struct capture *capture, const struct imgz_slot *slot)
{
    if (slot->fault == IMGZ_FAULT_READ)
        return imgz_reader_raise(&capture->source, capture->job.stop, slot);
    if (slot->fault != IMGZ_FAULT_NONE)
        return raise_codec(capture, slot);
    return keep_unreadable(capture, slot);
}

static int write_items(struct capture *capture, struct imgz_image_writer *writer)
{
    struct imgz_slot *slot = NULL;
    int rc;

    while ((rc = imgz_line_take(capture->job.line, &slot)) == 0) {
        rc = accept_item(capture, slot);
        if (rc < 0)
            return rc;
        imgz_job_count(&capture->job, slot, imgz_image_writer_bytes(writer));
        rc = imgz_image_writer_put(writer, &slot);
        if (rc < 0)
            return rc;
    }
    return rc == -ENODATA ? 0 : rc;
}

/* What is known once everything was read. */
static int add_meta(struct capture *capture)
{
    const struct imgz_provenance provenance = {
        .job = &capture->job,
        .source = &capture->source,
        .start_time = capture->start_time,
    };
    int rc = imgz_provenance_add(&provenance, &capture->meta);

    return rc < 0 ? imgz_job_raise_memory(&capture->job) : 0;
}

static int drain(void *context, struct imgz_line *line)
{
    struct capture *capture = context;
    const struct imgz_frame_header header = {
        .chunk_bytes = capture->job.chunk_bytes,
        .raw_bytes = capture->source.size_bytes,
    };
    struct imgz_image_writer writer;
    int rc = imgz_image_writer_init(&writer, &capture->output, line, &header);

    if (rc == 0)
        rc = write_items(capture, &writer);
    if (rc == 0) {
        imgz_job_sum_up(&capture->job);
        rc = add_meta(capture);
    }
    if (rc == 0)
        rc = imgz_image_writer_finish(&writer, &capture->job.sum, &capture->meta);
    capture->job.image_bytes = imgz_image_writer_bytes(&writer);
    imgz_image_writer_fini(&writer);
    return rc;
}

/* ---- The job ------------------------------------------------------------------------------ */

static int open_both(void *context)
{
    struct capture *capture = context;
    const struct imgz_source_config source_config = {
        .path = capture->source_path,
        .stage = IMGZ_STAGE_READ_SOURCE,
        .direct = capture->job.options.direct,
        .retry_count = capture->job.options.retry_count,
        .on_error = capture->job.options.on_error,
    };
    const struct imgz_output_config output_config = {
        .path = capture->image_path,
        .stage = IMGZ_STAGE_WRITE_IMAGE,
        .force = (capture->job.options.flags & IMGZ_FLAG_FORCE) != 0,
        .direct_wanted = true,
        .need_bytes = IMGZ_SIZE_UNKNOWN,
        .source = &capture->source.status,
        .file_mode = capture->job.options.file_mode,
    };
    int rc =
        imgz_source_open(&source_config, capture->job.stop, &capture->job.log, &capture->source);

    if (rc < 0)
        return rc;
    return imgz_output_open(&output_config, capture->job.stop, &capture->job.log, &capture->output);
}

static int create_packers(struct capture *capture)
{
    const struct imgz_options *options = &capture->job.options;

    capture->packers = calloc(options->thread_count, sizeof(capture->packers[0]));
    if (capture->packers == NULL)
        return imgz_job_raise_memory(&capture->job);
    for (uint32_t i = 0; i < options->thread_count; i++) {
        if (imgz_packer_init(&capture->packers[i], options->level) < 0)
            return imgz_job_raise_memory(&capture->job);
    }
    imgz_log_line(&capture->job.log, "compressing with %s",
                  imgz_deflate_level_name(options->level));
    return 0;
}

/* A drive with more chunks than the table of hashes can hold is refused before it is read. Not a
 * file: its holes do not count. */
static int check_chunk_count(const struct capture *capture)
{
    const uint32_t chunk_bytes = capture->job.options.chunk_bytes;
    const uint64_t limit_bytes = (uint64_t)UINT32_MAX / IMGZ_HASH_BYTES * chunk_bytes;

    if (capture->source.kind != IMGZ_SOURCE_DEVICE || capture->source.size_bytes <= limit_bytes)
        return 0;
    return imgz_stop_raise(capture->job.stop, -EINVAL,
                           imgz_source_place(&capture->source, IMGZ_OFFSET_NONE),
                           "%s has more chunks of %u bytes than an image can hold; use a larger "
                           "--chunk-size",
                           capture->source.path, chunk_bytes);
}

static int prepare(struct capture *capture)
{
    const uint32_t chunk_bytes = capture->job.options.chunk_bytes;
    const struct imgz_job_needs needs = {
        .tally = {.chunk_bytes = chunk_bytes,
                  .digests = capture->job.options.digests,
                  .crc_wanted = true,
                  .raw_present = true},
        .stored_bytes = IMGZ_NOTE_CARRIER_BYTES + imgz_deflate_bound(chunk_bytes),
        .raw_bytes_total = capture->source.size_bytes,
    };
    int rc = check_chunk_count(capture);

    capture->job.read_fd = capture->source.fd;
    capture->job.write_fd = capture->output.fd;
    if (rc == 0)
        rc = imgz_job_prepare(&capture->job, &needs);
    return rc < 0 ? rc : create_packers(capture);
}

static void release(struct capture *capture)
{
    for (uint32_t i = 0; capture->packers != NULL && i < capture->job.options.thread_count; i++)
        imgz_packer_fini(&capture->packers[i]);
    free(capture->packers);
    imgz_meta_fini(&capture->meta);
    imgz_output_abandon(&capture->output);
    imgz_source_close(&capture->source);
}

int imgz_capture(const char *source, const char *image, const struct imgz_options *options,
                 struct imgz_report *report, struct imgz_error *error)
{
    static const struct imgz_job_bodies bodies = {.feed = feed, .work = work, .drain = drain};
    struct capture capture = {
        .source_path = source,
        .image_path = image,
        .source.fd = -1,
        .output = {.fd = -1, .direct_fd = -1, .lock_fd = -1, .directory_fd = -1},
        .start_time = time(NULL)};
    int rc = imgz_job_begin(&capture.job, options);

    if (rc == 0)
        rc = imgz_job_call(&capture.job, open_both, &capture);
    if (rc == 0)
        rc = prepare(&capture);
    if (rc == 0)
        rc = imgz_job_run(&capture.job, &bodies, &capture);
    if (rc == 0)
        rc = imgz_output_commit(&capture.output);
    if (rc == 0)
        imgz_job_finish(&capture.job);
    release(&capture);
    return imgz_job_end(&capture.job, rc, report, error);
}
