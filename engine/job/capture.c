/* SPDX-License-Identifier: MIT */
/*
 * Capture: source -> reader -> workers (zero test, hashes, compress) -> image writer -> image.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "image/image_writer.h"
#include "image/pack.h"
#include "io/device.h"
#include "io/reader.h"
#include "job/job.h"

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

static int write_items(struct capture *capture, struct imgz_image_writer *writer)
{
    struct imgz_slot *slot = NULL;
    int rc;

    while ((rc = imgz_line_take(capture->job.line, &slot)) == 0) {
        if (slot->fault == IMGZ_FAULT_READ)
            return imgz_reader_raise(&capture->source, capture->job.stop, slot);
        if (slot->fault != IMGZ_FAULT_NONE)
            return raise_codec(capture, slot);
        imgz_job_count(&capture->job, slot, imgz_image_writer_bytes(writer));
        rc = imgz_image_writer_put(writer, &slot);
        if (rc < 0)
            return rc;
    }
    return rc == -ENODATA ? 0 : rc;
}

static int add_closing_meta(struct capture *capture);

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
        rc = add_closing_meta(capture);
    }
    if (rc == 0)
        rc = imgz_image_writer_finish(&writer, &capture->job.sum, &capture->meta);
    capture->job.image_bytes = imgz_image_writer_bytes(&writer);
    imgz_image_writer_fini(&writer);
    return rc;
}

/* ---- Metadata ----------------------------------------------------------------------------- */

static int add_time(struct imgz_meta *meta, const char *key, time_t when)
{
    char text[32];
    struct tm parts;

    if (gmtime_r(&when, &parts) == NULL ||
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        return 0;
    return imgz_meta_add(meta, key, text);
}

static int add_device_meta(struct imgz_meta *meta, const struct imgz_source *source)
{
    struct imgz_device device;
    int rc;

    imgz_device_describe(source->status.st_rdev, &device);
    rc = imgz_meta_add(meta, "source.model", device.model);
    if (rc == 0)
        rc = imgz_meta_add(meta, "source.serial", device.serial);
    if (rc == 0)
        rc = imgz_meta_add_number(meta, "source.logical-sector-bytes", device.logical_sector_bytes);
    if (rc == 0)
        rc = imgz_meta_add_number(meta, "source.physical-sector-bytes",
                                  device.physical_sector_bytes);
    return rc;
}

static int add_machine_meta(struct capture *capture)
{
    static const char *const kinds[] = {
        [IMGZ_SOURCE_FILE] = "file",
        [IMGZ_SOURCE_DEVICE] = "device",
        [IMGZ_SOURCE_STREAM] = "stream",
    };
    struct imgz_meta *meta = &capture->meta;
    int rc = imgz_meta_add(meta, "tool", "imgz " IMGZ_VERSION);

    if (rc == 0)
        rc = imgz_meta_add(meta, "level", imgz_deflate_level_name(capture->job.options.level));
    if (rc == 0)
        rc = imgz_meta_add(meta, "source.path", capture->source.path);
    if (rc == 0)
        rc = imgz_meta_add(meta, "source.kind", kinds[capture->source.kind]);
    if (rc == 0)
        rc = imgz_meta_add_number(meta, "source.bytes", capture->job.sum.raw_bytes);
    if (rc == 0 && capture->source.kind == IMGZ_SOURCE_DEVICE)
        rc = add_device_meta(meta, &capture->source);
    if (rc == 0)
        rc = add_time(meta, "capture.start", capture->start_time);
    if (rc == 0)
        rc = add_time(meta, "capture.end", time(NULL));
    return rc;
}

static int add_digest_meta(struct capture *capture)
{
    const struct imgz_tally_sum *sum = &capture->job.sum;
    char key[32];
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < sum->digest_count; i++) {
        snprintf(key, sizeof(key), "digest.%s", sum->digests[i].name);
        rc = imgz_meta_add(&capture->meta, key, sum->digests[i].hex);
    }
    return rc;
}

/* What is known once everything was read. */
static int add_closing_meta(struct capture *capture)
{
    int rc = add_digest_meta(capture);

    if (rc == 0 && (capture->job.options.flags & IMGZ_FLAG_REPRODUCIBLE) == 0)
        rc = add_machine_meta(capture);
    return rc < 0 ? imgz_job_raise_memory(&capture->job) : 0;
}

/* ---- The job ------------------------------------------------------------------------------ */

static int open_both(void *context)
{
    struct capture *capture = context;
    const struct imgz_source_config source_config = {
        .path = capture->source_path,
        .stage = IMGZ_STAGE_READ_SOURCE,
        .direct = capture->job.options.direct,
    };
    const struct imgz_output_config output_config = {
        .path = capture->image_path,
        .stage = IMGZ_STAGE_WRITE_IMAGE,
        .force = (capture->job.options.flags & IMGZ_FLAG_FORCE) != 0,
        .direct_wanted = true,
        .need_bytes = IMGZ_SIZE_UNKNOWN,
        .source = &capture->source.status,
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
