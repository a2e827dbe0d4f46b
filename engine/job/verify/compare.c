/* SPDX-License-Identifier: MIT */
/*
 * Compares a source, or the disk in another image, with the hashes of an image (compare_stage.h,
 * compare_images.h), and reports what differs. Of the first image only its end, sizes and hashes
 * are read.
 */
#include "job/verify/compare.h"

#include <errno.h>
#include <inttypes.h>

#include "base/text.h"
#include "checksum/checksum.h"
#include "image/image_error.h"
#include "job/common/confined.h"
#include "job/common/recorded.h"
#include "job/common/steady.h"
#include "job/common/unreadable.h"
#include "job/verify/beyond_end.h"
#include "job/verify/compare_images.h"
#include "job/verify/compare_stage.h"
#include "job/verify/moved_gpt.h"

struct compare {
    struct imgz_job *job;
    const char *image_path;
    const char *against_path;
    struct imgz_image image;
    struct imgz_source *source;
};

/* Only the root hash binds the table of hashes to the image: a table of another disk would be valid
 * by itself. */
static int check_root(const struct compare *compare)
{
    const struct imgz_image *image = &compare->image;

    if (imgz_totals_has_roots(&compare->job->sum, &image->end.root_hash, &image->end.root_sha256))
        return 0;
    return imgz_image_error_raise(compare->job->latch, image->source, image->end.hashes_offset,
                                  "the table of hashes does not match the root hash");
}

/* The hashes find accidents. Whoever changes a disk on purpose can keep them the same, but not a
 * digest that was made against that. */
static int check_digests(const struct compare *compare)
{
    struct imgz_location location = imgz_source_location(compare->source, IMGZ_OFFSET_NONE);
    struct imgz_recorded_difference differs;

    if (imgz_recorded_agree(&compare->job->sum, &compare->image.meta,
                            &compare->job->report.compared_digests, &differs))
        return 0;
    location.stage = IMGZ_STAGE_COMPARE;
    return imgz_latch_raise_cause(
        compare->job->latch, imgz_cause(IMGZ_REASON_TAMPERED), -EBADMSG, location,
        "comparing %s with %s: the chunks have the same hashes, but the %s is %s "
        "and the image records %s: somebody changed one of them on purpose",
        imgz_source_path(compare->source), imgz_source_path(compare->image.source), differs.name,
        differs.made, differs.recorded);
}

static int raise_chunks(const struct compare *compare)
{
    const struct imgz_job *job = compare->job;
    struct imgz_location location = imgz_source_location(compare->source, job->report.bad_offset);

    location.stage = IMGZ_STAGE_COMPARE;
    return imgz_latch_raise(job->latch, -EBADMSG, location,
                            "comparing %s%s with %s: they differ in %" PRIu64
                            " of %s of %u KiB, the first at offset %" PRIu64 "%s",
                            job->report.against_image ? "the disk in " : "",
                            imgz_source_path(compare->source),
                            imgz_source_path(compare->image.source), job->report.bad_chunk_count,
                            imgz_text_count(job->sum.chunk_count, "chunk").text,
                            job->chunk_bytes / 1024, job->report.bad_offset,
                            job->report.against_image ? "" : "; restore or capture it again");
}

static int judge(const struct compare *compare)
{
    int rc;

    if (compare->job->report.bad_chunk_count > 0)
        return raise_chunks(compare);
    rc = check_root(compare);
    return rc < 0 ? rc : check_digests(compare);
}

static int look_behind(const struct compare *compare)
{
    const uint64_t disk_bytes = compare->image.end.raw_bytes;

    if (!imgz_source_is(compare->source, IMGZ_SOURCE_DEVICE) ||
        imgz_source_size(compare->source) == disk_bytes)
        return 0;
    return imgz_beyond_end_look(compare->job, compare->source, disk_bytes);
}

/* An image stands for the disk in it, unless the disk in the first image is itself an image, of
 * this one's size. */
static int look_inside(void *context)
{
    struct compare *compare = context;
    const uint64_t disk_bytes = compare->image.end.raw_bytes;
    struct imgz_frame_header header;
    bool is_image;
    int rc = imgz_image_recognize(compare->source, compare->job->latch, &is_image, &header);

    compare->job->report.against_image =
        rc == 0 && is_image &&
        (header.raw_bytes == disk_bytes || imgz_source_size(compare->source) != disk_bytes);
    return rc;
}

static int match_disk(struct compare *compare)
{
    struct imgz_overlay overlay;
    int rc = imgz_moved_gpt_find(compare->job, &compare->image, compare->source, &overlay);

    if (rc == 0)
        rc = imgz_compare_stage_run(compare->job, &compare->image, compare->source, &overlay);
    imgz_overlay_fini(&overlay);
    return rc;
}

static int match_source(struct compare *compare)
{
    if (!compare->job->report.against_image)
        return match_disk(compare);
    imgz_source_use_cache(compare->source);
    imgz_source_set_stage(compare->source, IMGZ_STAGE_READ_IMAGE);
    return imgz_compare_images_run(compare->job, &compare->image, compare->source);
}

static int load_image(void *context)
{
    struct compare *compare = context;

    return imgz_image_load(&compare->image, IMGZ_IMAGE_ALL, compare->job->latch,
                           &compare->job->log);
}

static int run(struct compare *compare)
{
    struct imgz_steady steady;
    int rc;

    imgz_steady_begin(&steady, compare->job, compare->source, NULL);
    imgz_confined_begin(compare->job, &(struct imgz_confined){.source = compare->source,
                                                              .other = compare->image.source});
    rc = imgz_job_call(compare->job, load_image, compare);
    if (rc == 0)
        rc = imgz_job_call(compare->job, look_inside, compare);
    if (rc < 0)
        return rc;
    compare->job->report.image_bytes = compare->image.image_bytes;
    rc = match_source(compare);
    imgz_steady_end(&steady, compare->job);
    if (rc == 0)
        rc = imgz_unreadable_tell(&compare->image, compare->job);
    if (rc == 0)
        rc = judge(compare);
    return rc < 0 ? rc : look_behind(compare);
}

static int open_both(void *context)
{
    struct compare *compare = context;
    struct imgz_job *job = compare->job;
    const struct imgz_source_config image = {
        .path = compare->image_path,
        .stage = IMGZ_STAGE_READ_IMAGE,
        .direct = IMGZ_DIRECT_OFF,
        .reach = imgz_job_reach(job),
    };
    const struct imgz_source_config against = {
        .path = compare->against_path,
        .stage = IMGZ_STAGE_READ_SOURCE,
        .direct = job->options.direct,
        .reach = imgz_job_reach(job),
    };
    int rc = imgz_source_open(&image, job->latch, &job->log, &compare->image.source);

    if (rc == 0 && !imgz_source_is(compare->image.source, IMGZ_SOURCE_RANDOM))
        rc = imgz_latch_raise_usage(
            job->latch, imgz_source_location(compare->image.source, IMGZ_OFFSET_NONE),
            "the hashes of an image are at its end: to compare with it, give it as a "
            "file instead of a pipe");
    return rc < 0 ? rc : imgz_source_open(&against, job->latch, &job->log, &compare->source);
}

int imgz_compare_image(struct imgz_job *job, const char *image, const char *against)
{
    struct compare compare = {.job = job, .image_path = image, .against_path = against};
    int rc = imgz_job_call(job, open_both, &compare);

    if (rc == 0)
        rc = run(&compare);
    imgz_source_close(compare.source);
    imgz_image_fini(&compare.image);
    return rc;
}
