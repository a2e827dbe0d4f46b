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

struct mend {
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

static int open_source(struct mend *mend)
{
    const struct imgz_source_config config = {
        .path = mend->source_path,
        .stage = IMGZ_STAGE_READ_SOURCE,
        .direct = mend->job.options.direct,
        .retry_count = mend->job.options.retry_count,
        .on_error = IMGZ_ON_ERROR_ZERO, /* what cannot be read stays as it is */
        .watchdog = mend->job.watchdog,
    };

    return imgz_source_open(&config, mend->job.latch, &mend->job.log, &mend->source);
}

/* A disk of another size is another disk: see check_disk() for the rest. */
static int check_sizes(const struct mend *mend)
{
    const struct imgz_source *source = mend->source;
    const struct imgz_image *image = &mend->stage.decode.image;
    const struct imgz_location location = imgz_source_location(image->source, IMGZ_OFFSET_NONE);

    if (imgz_source_size(source) != imgz_image_raw_bytes(image))
        return imgz_latch_raise_usage(
            mend->job.latch, location,
            "the disk in %s has %s, but %s has %s: it is of another disk, or of "
            "a copy that ended early; name "
            "another, or capture all of it",
            mend->image_path, imgz_text_size(imgz_image_raw_bytes(image)).text,
            imgz_source_path(source), imgz_text_size(imgz_source_size(source)).text);
    if (mend->job.options.chunk_bytes != image->header.chunk_bytes)
        return imgz_latch_raise_usage(mend->job.latch, location,
                                      "%s has chunks of %" PRIu32 " KiB, not of %" PRIu32
                                      ": use --chunk-size %" PRIu32 "K, or name another image",
                                      mend->image_path, image->header.chunk_bytes / 1024,
                                      mend->job.options.chunk_bytes / 1024,
                                      image->header.chunk_bytes / 1024);
    return 0;
}

static int load_map(struct mend *mend)
{
    const char *path = mend->job.options.map_path;
    const struct imgz_location location = {IMGZ_STAGE_SETUP, path, IMGZ_OFFSET_NONE};
    int rc = imgz_map_tracker_open_name(&mend->map_name, path, mend->job.latch);

    if (rc == 0)
        rc = imgz_map_tracker_check_names(&mend->map_name, mend->image_path,
                                          imgz_source_status(mend->source), mend->job.latch);
    if (rc < 0)
        return rc;
    rc = imgz_mapfile_load(&mend->map_name, mend->job.latch, &mend->map);
    if (rc == -ENOENT)
        return imgz_latch_raise_system(mend->job.latch, rc, location, "reading");
    if (rc < 0)
        return rc;
    rc = imgz_mapfile_fit(&mend->map, imgz_source_size(mend->source));
    if (rc == -ERANGE)
        return imgz_latch_raise_usage(
            mend->job.latch, location,
            "%s is the map of %s, but %s has %s: it is of another disk; name another map", path,
            imgz_text_size(imgz_mapfile_end(&mend->map)).text, imgz_source_path(mend->source),
            imgz_text_size(imgz_source_size(mend->source)).text);
    return rc < 0 ? imgz_job_raise_memory(&mend->job) : 0;
}

static int find_missing(struct mend *mend)
{
    const struct imgz_image *image = &mend->stage.decode.image;
    int rc = imgz_unreadable_find(&mend->map, &image->meta, imgz_source_size(mend->source),
                                  &mend->missing);

    if (rc == -EBADMSG)
        return imgz_image_error_raise(mend->job.latch, image->source, image->end.meta_offset,
                                      "its list of unreadable ranges cannot be right");
    if (rc < 0)
        return imgz_job_raise_memory(&mend->job);
    imgz_log_line(&mend->job.log, "%s lacks %s in %s", mend->image_path,
                  imgz_text_size(mend->missing.bytes).text,
                  imgz_text_count(mend->missing.count, "place").text);
    return 0;
}

static bool wants_resume(const struct mend *mend)
{
    return imgz_job_has(&mend->job, IMGZ_FLAG_RESUME);
}

static bool is_dry(const struct mend *mend)
{
    return imgz_job_has(&mend->job, IMGZ_FLAG_DRY_RUN);
}

static int open_output(struct mend *mend)
{
    const struct imgz_sink_config config = {
        .path = mend->image_path,
        .stage = IMGZ_STAGE_WRITE_IMAGE,
        .force = true, /* it replaces the image it is made of, to which it adds */
        .replaces = imgz_source_status(mend->stage.decode.image.source),
        .resume = wants_resume(mend),
        .dry_run = is_dry(mend),
        .map_kept = true,
        .discard = (mend->job.options.flags & IMGZ_FLAG_DISCARD_PARTIAL) != 0,
        .keep = true,
        .head_bytes = IMGZ_FRAME_HEADER_BYTES,
        .begins = imgz_resume_begins,
        .direct_wanted = true,
        .need_bytes = IMGZ_SIZE_UNKNOWN,
        .source = imgz_source_status(mend->source),
        .file_mode = mend->job.options.file_mode,
    };

    return imgz_sink_open(&config, mend->job.latch, &mend->job.log, &mend->output);
}

static int open_all(void *context)
{
    struct mend *mend = context;
    int rc = open_source(mend);

    mend->stage.source = mend->source;
    if (rc == 0)
        rc = imgz_source_size_check_opened(&mend->job, mend->source);
    if (rc == 0)
        rc = imgz_image_init(mend->image_path, IMGZ_IMAGE_ALL, mend->job.latch, &mend->job.log,
                             &mend->stage.decode.image);
    if (rc == 0)
        rc = check_sizes(mend);
    if (rc == 0)
        rc =
            imgz_job_check_hash(&mend->job, mend->image_path, mend->stage.decode.image.header.hash);
    if (rc == 0)
        rc = load_map(mend);
    if (rc == 0)
        rc = find_missing(mend);
    return rc < 0 || mend->missing.count == 0 ? rc : open_output(mend);
}

/* ---- The job ------------------------------------------------------------------------------ */

/* A digest that the image has is made anew, unless others are asked for. */
static void adopt_digests(struct mend *mend)
{
    imgz_recorded_list(&mend->stage.decode.image.meta, mend->stage.recorded);
    if (mend->job.options.digests == NULL)
        mend->job.options.digests = mend->stage.recorded;
}

/* What the image does have must be what the disk has. */
static int check_disk(struct mend *mend)
{
    const struct imgz_image *image = &mend->stage.decode.image;
    const struct imgz_same_disk samples = {
        .source = mend->source,
        .index = &image->index,
        .hash = image->header.hash,
        .raw_bytes = image->end.raw_bytes,
        .known_bad = &mend->missing,
    };
    uint64_t offset;
    int rc = imgz_same_disk_compare(&samples, &mend->job, &offset);

    if (rc != -EEXIST)
        return rc;
    return imgz_latch_raise(mend->job.latch, rc, imgz_source_location(mend->source, offset),
                            "mending %s: %s has other bytes at offset %" PRIu64
                            " than the image: it is another disk, or has changed; name the right "
                            "one, or go on all the same with --override changed",
                            mend->image_path, imgz_source_path(mend->source), offset);
}

/* Finds what an interrupted run left. */
static int find_earlier(struct mend *mend)
{
    struct imgz_retry_resume *earlier = &mend->stage.earlier;
    const struct imgz_retry_resume_config config = {
        .latch = mend->job.latch,
        .output = mend->output,
        .disk = mend->source_path,
        .old = &mend->stage.decode.image,
        .missing = &mend->missing,
    };
    int rc;

    if (!imgz_sink_taken_over(mend->output))
        return 0;
    rc = imgz_retry_resume_find(earlier, &mend->job, &config);
    imgz_source_set_known_bad(mend->source, &earlier->known_bad.bad);
    mend->job.report.resumed_bytes = earlier->whole.raw_bytes;
    return rc;
}

/* The map of the image as it grows; it goes with IMAGE.partial. */
static int begin_partial_map(struct mend *mend)
{
    const struct imgz_map_tracker_config config = {
        .name = imgz_sink_map_name(mend->output),
        .image_path = mend->image_path,
        .size_bytes = imgz_source_size(mend->source),
        .bad = &mend->job.unreadable,
        .force = true,
    };
    int rc = imgz_map_tracker_load(&mend->partial_map, &config, mend->job.latch, &mend->job.log);

    return rc < 0 ? rc
                  : imgz_map_tracker_begin(&mend->partial_map, IMGZ_MAP_TRACKER_ON,
                                           mend->stage.earlier.whole.raw_bytes, mend->job.latch);
}

/* The image replaces the old one, then the map tells of it. */
static int commit(struct mend *mend)
{
    const char *map_path = mend->job.options.map_path;
    const struct imgz_location location = {IMGZ_STAGE_WRITE_IMAGE, map_path, IMGZ_OFFSET_NONE};
    const uint64_t size_bytes = imgz_source_size(mend->source);
    int rc = 0;

    if (mend->stage.regained_bytes > 0)
        rc = imgz_sink_commit(mend->output);
    else
        /* It is the same again: nothing is to be gone on with. */
        imgz_sink_set_useless(mend->output);
    if (rc < 0)
        return rc;
    imgz_mapfile_fini(&mend->map);
    rc = imgz_mapfile_make(&mend->map, size_bytes, size_bytes, IMGZ_MAPFILE_FINISHED,
                           &mend->job.unreadable);
    if (rc == 0)
        rc = imgz_mapfile_save(&mend->map, &mend->map_name, size_bytes, true);
    return rc < 0 ? imgz_latch_raise_system(mend->job.latch, rc, location, "writing") : 0;
}

static int mend_missing(struct mend *mend)
{
    int rc;

    mend->stage.output = mend->output;
    mend->job.write_fd = imgz_sink_local_fd(mend->output);
    rc = check_disk(mend);
    if (rc == 0)
        rc = find_earlier(mend);
    if (rc == 0)
        rc = begin_partial_map(mend);
    if (rc == 0)
        rc = imgz_retry_stage_prepare(&mend->stage);
    if (rc == 0)
        rc = imgz_job_run(&mend->job, &imgz_retry_stage_bodies, &mend->stage);
    if (rc == 0)
        rc = imgz_map_tracker_close(&mend->partial_map, IMGZ_MAP_TRACKER_KEPT, mend->job.latch);
    return rc < 0 ? rc : commit(mend);
}

/* Nothing is missing: what the image says of itself is the result. */
static void adopt_sum(struct mend *mend)
{
    const struct imgz_image *image = &mend->stage.decode.image;
    struct imgz_index_sums sums;

    imgz_index_sum(&image->index, image->end.raw_bytes, image->end.raw_bytes, &sums);
    mend->job.sum = (struct imgz_totals_sum){
        .raw_bytes = image->end.raw_bytes,
        .zero_bytes = sums.zero_bytes,
        .chunk_count = imgz_div_up(image->end.raw_bytes, image->header.chunk_bytes),
        .crc32 = image->end.raw_crc32,
        .hash = image->header.hash,
        .root_hash = image->end.root_hash,
        .root_sha256 = image->end.root_sha256,
    };
    mend->job.sum_done = true;
    mend->job.chunk_bytes = image->header.chunk_bytes;
    mend->job.report.image_bytes = image->image_bytes;
}

static void release(struct mend *mend)
{
    imgz_retry_stage_release(&mend->stage);
    imgz_range_list_fini(&mend->missing);
    imgz_mapfile_fini(&mend->map);
    imgz_name_close(&mend->map_name);
    imgz_source_close(mend->source);
}

/* As after a crash, if a thread was left that writes: what there is so far stays. */
static void end_written(struct mend *mend)
{
    if (mend->job.left.drain)
        return;
    (void)!imgz_map_tracker_close(&mend->partial_map, IMGZ_MAP_TRACKER_KEPT, mend->job.latch);
    imgz_sink_close(mend->output);
    mend->output = NULL;
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

static int mend_steadily(struct mend *mend)
{
    const struct imgz_confined kept = {
        .source = mend->source,
        .other = mend->stage.decode.image.source,
        .output = mend->output,
        .map = &mend->map_name,
    };
    struct imgz_steady steady;
    int rc;

    imgz_steady_begin(&steady, &mend->job, mend->source, mend->output);
    adopt_digests(mend);
    imgz_confined_begin(&mend->job, &kept);
    rc = mend_missing(mend);
    if (rc == 0)
        imgz_steady_end(&steady, &mend->job);
    return rc;
}

static int run(struct mend *mend, const struct imgz_job_request *request)
{
    int rc = imgz_job_begin(&mend->job, request);

    mend->job.deadline_path = mend->source_path;
    if (rc == 0)
        rc = imgz_job_call(&mend->job, open_all, mend);
    if (rc == 0 && (is_dry(mend) || mend->missing.count == 0))
        adopt_sum(mend);
    else if (rc == 0)
        rc = mend_steadily(mend);
    end_written(mend);
    if (rc == 0)
        imgz_job_finish(&mend->job);
    mend->job.report.mended = true;
    mend->job.report.missing_bytes = mend->missing.bytes;
    mend->job.report.regained_bytes = mend->stage.regained_bytes;
    return rc;
}

/* On the heap: a thread that is left behind may come back to it. */
static struct mend *create(const char *source, const char *image)
{
    struct mend *mend = calloc(1, sizeof(*mend));

    if (mend == NULL)
        return NULL;
    *mend = (struct mend){
        .source_path = source,
        .image_path = image,
        .map_name = IMGZ_NAME_NONE,
        .stage = {.job = &mend->job,
                  .missing = &mend->missing,
                  .partial_map = &mend->partial_map,
                  .start_time = time(NULL)},
    };
    return mend;
}

int imgz_retry(const char *source, const char *image, const struct imgz_job_request *request)
{
    struct mend *mend = create(source, image);
    bool left;
    int rc;

    if (mend == NULL)
        return imgz_job_refuse(request, -ENOMEM);
    rc = run(mend, request);
    left = mend->job.left.any;
    if (!left)
        release(mend);
    rc = imgz_job_end(&mend->job, rc);
    if (!left)
        free(mend);
    return rc;
}
