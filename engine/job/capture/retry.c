/* SPDX-License-Identifier: MIT */
#include "job/capture/retry.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/text.h"
#include "image/image_error.h"
#include "io/ddmap/mapfile.h"
#include "job/capture/resume.h"
#include "job/capture/retry_stage.h"
#include "job/capture/same_disk.h"
#include "job/common/confined.h"
#include "job/common/recorded.h"
#include "job/common/source_size.h"
#include "job/common/steady.h"
#include "job/common/unreadable.h"

struct retry {
    struct imgz_job job;
    const char *source_path;
    const char *image_path;
    struct imgz_source *source;
    struct imgz_sink *output;
    struct imgz_name map_name;
    struct imgz_mapfile map;
    struct imgz_range_list missing;
    struct imgz_map_tracker partial_map;
    struct imgz_retry_stage stage; /* has the image */
};

/* ---- Opening ------------------------------------------------------------------------------ */

static int open_source(struct retry *retry)
{
    const struct imgz_source_config config = {
        .path = retry->source_path,
        .stage = IMGZ_STAGE_READ_SOURCE,
        .direct = retry->job.options.direct,
        .retry_count = retry->job.options.retry_count,
        .on_error = IMGZ_ON_ERROR_ZERO, /* what cannot be read stays as it is */
        .watchdog = retry->job.watchdog,
        .reach = imgz_job_reach(&retry->job),
    };

    return imgz_source_open(&config, retry->job.latch, &retry->job.log, &retry->source);
}

/* A disk of another size is another disk: see check_disk() for the rest. */
static int check_sizes(const struct retry *retry)
{
    const struct imgz_source *source = retry->source;
    const struct imgz_image *image = &retry->stage.decode.image;
    const struct imgz_location location = imgz_source_location(image->source, IMGZ_OFFSET_NONE);

    if (imgz_source_size(source) != imgz_image_raw_bytes(image))
        return imgz_latch_raise_usage(
            retry->job.latch, location,
            "the disk in %s has %s, but %s has %s: the image is of another disk, or of a copy that "
            "ended early; name another image, or capture the whole disk",
            retry->image_path, imgz_text_size(imgz_image_raw_bytes(image)).text,
            imgz_source_path(source), imgz_text_size(imgz_source_size(source)).text);
    if (retry->job.options.chunk_bytes != image->header.chunk_bytes)
        return imgz_latch_raise_cause(retry->job.latch, imgz_cause_usage(IMGZ_REASON_CHUNK_BYTES),
                                      -EINVAL, location,
                                      "%s has chunks of %" PRIu32 " KiB, not of %" PRIu32,
                                      retry->image_path, image->header.chunk_bytes / 1024,
                                      retry->job.options.chunk_bytes / 1024);
    return 0;
}

static int load_map(struct retry *retry)
{
    const char *path = retry->job.options.map_path;
    const struct imgz_location location = {IMGZ_STAGE_SETUP, path, IMGZ_OFFSET_NONE};
    int rc = imgz_map_tracker_open_name(&retry->map_name, path, retry->job.latch);

    if (rc == 0)
        rc = imgz_map_tracker_check_names(&retry->map_name, retry->image_path,
                                          imgz_source_status(retry->source), retry->job.latch);
    if (rc < 0)
        return rc;
    rc = imgz_mapfile_load(&retry->map_name, retry->job.latch, &retry->map);
    if (rc == -ENOENT)
        return imgz_latch_raise_system(retry->job.latch, rc, location, "reading");
    if (rc < 0)
        return rc;
    rc = imgz_mapfile_fit(&retry->map, imgz_source_size(retry->source));
    if (rc == -ERANGE)
        return imgz_latch_raise_usage(
            retry->job.latch, location,
            "%s covers %s, but %s has %s: it is the map of another disk; name another map", path,
            imgz_text_size(imgz_mapfile_end(&retry->map)).text, imgz_source_path(retry->source),
            imgz_text_size(imgz_source_size(retry->source)).text);
    return rc < 0 ? imgz_job_raise_memory(&retry->job) : 0;
}

static int find_missing(struct retry *retry)
{
    const struct imgz_image *image = &retry->stage.decode.image;
    int rc = imgz_unreadable_find(&retry->map, &image->meta, imgz_source_size(retry->source),
                                  &retry->missing);

    if (rc == -EBADMSG)
        return imgz_image_error_raise(retry->job.latch, image->source, image->end.meta_offset,
                                      "its list of unreadable ranges is invalid");
    if (rc < 0)
        return imgz_job_raise_memory(&retry->job);
    imgz_log_line(&retry->job.log, "%s lacks %s in %s", retry->image_path,
                  imgz_text_size(retry->missing.bytes).text,
                  imgz_text_count(retry->missing.count, "place").text);
    return 0;
}

static bool wants_resume(const struct retry *retry)
{
    return imgz_job_has(&retry->job, IMGZ_FLAG_RESUME);
}

static bool is_dry(const struct retry *retry)
{
    return imgz_job_has(&retry->job, IMGZ_FLAG_DRY_RUN);
}

static int open_output(struct retry *retry)
{
    const struct imgz_sink_config config = {
        .path = retry->image_path,
        .stage = IMGZ_STAGE_WRITE_IMAGE,
        .force = true, /* it replaces the image that it is made from */
        .replaces = imgz_source_status(retry->stage.decode.image.source),
        .resume = wants_resume(retry),
        .dry_run = is_dry(retry),
        .map_kept = true,
        .discard = (retry->job.options.flags & IMGZ_FLAG_DISCARD_PARTIAL) != 0,
        .keep = true,
        .head_bytes = IMGZ_FRAME_HEADER_BYTES,
        .begins = imgz_resume_begins,
        .direct_wanted = true,
        .need_bytes = IMGZ_SIZE_UNKNOWN,
        .source = imgz_source_status(retry->source),
        .file_mode = retry->job.options.file_mode,
    };

    return imgz_sink_open(&config, retry->job.latch, &retry->job.log, &retry->output);
}

static int open_all(void *context)
{
    struct retry *retry = context;
    const struct imgz_reach reach = imgz_job_reach(&retry->job);
    int rc = open_source(retry);

    retry->stage.source = retry->source;
    if (rc == 0)
        rc = imgz_source_size_check_opened(&retry->job, retry->source);
    if (rc == 0)
        rc = imgz_image_init(retry->image_path, &reach, retry->job.latch, &retry->job.log,
                             &retry->stage.decode.image);
    if (rc == 0)
        rc = check_sizes(retry);
    if (rc == 0)
        rc = imgz_job_check_hash(&retry->job, retry->image_path,
                                 retry->stage.decode.image.header.hash);
    if (rc == 0)
        rc = load_map(retry);
    if (rc == 0)
        rc = find_missing(retry);
    return rc < 0 || retry->missing.count == 0 ? rc : open_output(retry);
}

/* ---- The job ------------------------------------------------------------------------------ */

/* Digests that the image has are computed again, unless others are asked for. */
static void adopt_digests(struct retry *retry)
{
    imgz_recorded_list(&retry->stage.decode.image.meta, retry->stage.recorded);
    if (retry->job.options.digests == NULL)
        retry->job.options.digests = retry->stage.recorded;
}

/* What the image has must be what the disk has. */
static int check_disk(struct retry *retry)
{
    const struct imgz_image *image = &retry->stage.decode.image;
    const struct imgz_same_disk samples = {
        .source = retry->source,
        .index = &image->index,
        .hash = image->header.hash,
        .raw_bytes = image->end.raw_bytes,
        .known_bad = &retry->missing,
    };
    uint64_t offset;
    int rc = imgz_same_disk_compare(&samples, &retry->job, &offset);

    if (rc != -EEXIST)
        return rc;
    return imgz_latch_raise_cause(retry->job.latch, imgz_cause(IMGZ_REASON_SOURCE_CHANGED), rc,
                                  imgz_source_location(retry->source, offset),
                                  "mending %s: %s differs from the image at offset %" PRIu64
                                  ": it is another disk, or has changed",
                                  retry->image_path, imgz_source_path(retry->source), offset);
}

/* Finds what an interrupted run left. */
static int find_earlier(struct retry *retry)
{
    struct imgz_retry_resume *earlier = &retry->stage.earlier;
    const struct imgz_retry_resume_config config = {
        .latch = retry->job.latch,
        .output = retry->output,
        .disk = retry->source_path,
        .old = &retry->stage.decode.image,
        .missing = &retry->missing,
    };
    int rc;

    if (!imgz_sink_taken_over(retry->output))
        return 0;
    rc = imgz_retry_resume_find(earlier, &retry->job, &config);
    imgz_source_set_known_bad(retry->source, &earlier->known_bad.bad);
    retry->job.report.resumed_bytes = earlier->whole.raw_bytes;
    return rc;
}

/* The map of the image as it grows; it goes with IMAGE.partial. */
static int begin_partial_map(struct retry *retry)
{
    const struct imgz_map_tracker_config config = {
        .name = imgz_sink_map_name(retry->output),
        .image_path = retry->image_path,
        .size_bytes = imgz_source_size(retry->source),
        .bad = &retry->job.unreadable,
        .force = true,
    };
    int rc = imgz_map_tracker_load(&retry->partial_map, &config, retry->job.latch, &retry->job.log);

    return rc < 0 ? rc
                  : imgz_map_tracker_begin(&retry->partial_map, IMGZ_MAP_TRACKER_ON,
                                           retry->stage.earlier.whole.raw_bytes, retry->job.latch);
}

/* The image replaces the old one, then the map is saved. */
static int commit(struct retry *retry)
{
    const char *map_path = retry->job.options.map_path;
    const struct imgz_location location = {IMGZ_STAGE_WRITE_IMAGE, map_path, IMGZ_OFFSET_NONE};
    const uint64_t size_bytes = imgz_source_size(retry->source);
    int rc = 0;

    if (retry->stage.regained_bytes > 0)
        rc = imgz_sink_commit(retry->output);
    else
        /* It equals the old one: there is nothing to resume. */
        imgz_sink_set_useless(retry->output);
    if (rc < 0)
        return rc;
    imgz_mapfile_fini(&retry->map);
    rc = imgz_mapfile_make(&retry->map, size_bytes, size_bytes, IMGZ_MAPFILE_FINISHED,
                           &retry->job.unreadable);
    if (rc == 0)
        rc = imgz_mapfile_save(&retry->map, &retry->map_name, size_bytes, true);
    return rc < 0 ? imgz_latch_raise_system(retry->job.latch, rc, location, "writing") : 0;
}

static int read_missing(struct retry *retry)
{
    int rc;

    retry->stage.output = retry->output;
    retry->job.write_fd = imgz_sink_local_fd(retry->output);
    rc = check_disk(retry);
    if (rc == 0)
        rc = find_earlier(retry);
    if (rc == 0)
        rc = begin_partial_map(retry);
    if (rc == 0)
        rc = imgz_retry_stage_prepare(&retry->stage);
    if (rc == 0)
        rc = imgz_job_run(&retry->job, &imgz_retry_stage_bodies, &retry->stage);
    if (rc == 0)
        rc = imgz_map_tracker_close(&retry->partial_map, IMGZ_MAP_TRACKER_KEPT, retry->job.latch);
    return rc < 0 ? rc : commit(retry);
}

/* Nothing is missing: what the image says of itself is the result. */
static void adopt_sum(struct retry *retry)
{
    const struct imgz_image *image = &retry->stage.decode.image;
    struct imgz_index_sums sums;

    imgz_index_sum(&image->index, image->end.raw_bytes, image->end.raw_bytes, &sums);
    retry->job.sum = (struct imgz_totals_sum){
        .raw_bytes = image->end.raw_bytes,
        .zero_bytes = sums.zero_bytes,
        .chunk_count = imgz_div_up(image->end.raw_bytes, image->header.chunk_bytes),
        .crc32 = image->end.raw_crc32,
        .hash = image->header.hash,
        .root_hash = image->end.root_hash,
        .root_sha256 = image->end.root_sha256,
    };
    retry->job.sum_done = true;
    retry->job.chunk_bytes = image->header.chunk_bytes;
    retry->job.report.image_bytes = image->image_bytes;
}

static void release(struct retry *retry)
{
    imgz_retry_stage_release(&retry->stage);
    imgz_range_list_fini(&retry->missing);
    imgz_mapfile_fini(&retry->map);
    imgz_name_close(&retry->map_name);
    imgz_source_close(retry->source);
}

/* If a thread that writes was left behind, what there is so far stays, as after a crash. */
static void end_written(struct retry *retry)
{
    if (retry->job.left.drain)
        return;
    (void)!imgz_map_tracker_close(&retry->partial_map, IMGZ_MAP_TRACKER_KEPT, retry->job.latch);
    imgz_sink_close(retry->output);
    retry->output = NULL;
}

bool imgz_retry_wanted(const char *image, const struct imgz_job_request *request)
{
    struct imgz_options options;
    struct stat status;

    return imgz_job_complete_options(request->options, &options) == 0 && options.map_path != NULL &&
           (options.flags & IMGZ_FLAG_FORCE) == 0 && strcmp(image, "-") != 0 &&
           stat(image, &status) == 0 && S_ISREG(status.st_mode) &&
           stat(options.map_path, &status) == 0;
}

static int retry_steadily(struct retry *retry)
{
    const struct imgz_confined kept = {
        .source = retry->source,
        .other = retry->stage.decode.image.source,
        .output = retry->output,
        .map = &retry->map_name,
    };
    struct imgz_steady steady;
    int rc;

    imgz_steady_begin(&steady, &retry->job, retry->source, retry->output);
    adopt_digests(retry);
    imgz_confined_begin(&retry->job, &kept);
    rc = read_missing(retry);
    if (rc == 0)
        imgz_steady_end(&steady, &retry->job);
    return rc;
}

static int run(struct retry *retry, const struct imgz_job_request *request)
{
    int rc = imgz_job_begin(&retry->job, request);

    retry->job.deadline_path = retry->source_path;
    if (rc == 0)
        rc = imgz_job_call(&retry->job, open_all, retry);
    if (rc == 0 && (is_dry(retry) || retry->missing.count == 0))
        adopt_sum(retry);
    else if (rc == 0)
        rc = retry_steadily(retry);
    end_written(retry);
    if (rc == 0)
        imgz_job_finish(&retry->job);
    retry->job.report.mended = true;
    retry->job.report.missing_bytes = retry->missing.bytes;
    retry->job.report.regained_bytes = retry->stage.regained_bytes;
    return rc;
}

/* On the heap: a thread that is left behind may still use it. */
static struct retry *create(const char *source, const char *image)
{
    struct retry *retry = calloc(1, sizeof(*retry));

    if (retry == NULL)
        return NULL;
    *retry = (struct retry){
        .source_path = source,
        .image_path = image,
        .map_name = IMGZ_NAME_NONE,
        .stage = {.job = &retry->job,
                  .missing = &retry->missing,
                  .partial_map = &retry->partial_map,
                  .start_time = time(NULL)},
    };
    return retry;
}

int imgz_retry(const char *source, const char *image, const struct imgz_job_request *request)
{
    struct retry *retry = create(source, image);
    bool left;
    int rc;

    if (retry == NULL)
        return imgz_job_refuse(request, -ENOMEM);
    rc = run(retry, request);
    left = retry->job.left.any;
    if (!left)
        release(retry);
    rc = imgz_job_end(&retry->job, rc);
    if (!left)
        free(retry);
    return rc;
}
