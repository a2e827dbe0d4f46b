/* SPDX-License-Identifier: MIT */
/*
 * Looking at an image without decoding it: imgz_image_open() and the like.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/sized.h"
#include "checksum/checksum.h"
#include "image/image.h"
#include "job/common/confined.h"

/* The index was checked when it was loaded. */
static void count_items(const struct imgz_image *image, struct imgz_image_info *info)
{
    struct imgz_index_cursor cursor;
    struct imgz_index_item item;

    imgz_index_rewind(&image->index, image->end.raw_bytes, &cursor);
    while (imgz_index_next(&cursor, &item) == 0) {
        if (item.kind == IMGZ_NOTE_ZERO) {
            info->zero_run_count += 1;
            info->zero_bytes += item.raw_bytes;
        } else {
            info->data_chunk_count += 1;
        }
    }
}

static int load(struct imgz_image *image, struct imgz_job *job)
{
    if (!imgz_source_is(image->source, IMGZ_SOURCE_RANDOM))
        return imgz_latch_raise_usage(
            job->latch, imgz_source_location(image->source, IMGZ_OFFSET_NONE),
            "an image's index is at its end: give the image as a file instead of a pipe");
    imgz_confined_begin(job, &(struct imgz_confined){.source = image->source});
    return imgz_image_load(image, IMGZ_IMAGE_SIZES, job->latch, &job->log);
}

static int open_file(const char *path, struct imgz_job *job, struct imgz_image **result)
{
    const struct imgz_source_config config = {
        .path = path,
        .stage = IMGZ_STAGE_READ_IMAGE,
        .direct = IMGZ_DIRECT_OFF,
        .reach = imgz_job_reach(job),
    };
    struct imgz_image *image = calloc(1, sizeof(*image));
    int rc;

    if (image == NULL)
        return imgz_job_raise_memory(job);
    rc = imgz_source_open(&config, job->latch, &job->log, &image->source);
    if (rc == 0)
        rc = load(image, job);
    if (rc == 0)
        *result = image;
    else
        imgz_image_close(image);
    return rc;
}

int imgz_image_open_with(const char *path, const struct imgz_options *options,
                         struct imgz_image **result, struct imgz_error *error)
{
    const struct imgz_job_request request = {IMGZ_JOB_OPEN_IMAGE, options, NULL, error, NULL};
    struct imgz_job job;
    int rc = imgz_job_begin(&job, &request);

    if (rc == 0)
        rc = open_file(path, &job, result);
    return imgz_job_end(&job, rc);
}

int imgz_image_open(const char *path, struct imgz_image **result, struct imgz_error *error)
{
    return imgz_image_open_with(path, NULL, result, error);
}

void imgz_image_close(struct imgz_image *image)
{
    if (image == NULL)
        return;
    imgz_image_fini(image);
    free(image);
}

static struct imgz_image_info describe(const struct imgz_image *image)
{
    struct imgz_image_info info = {
        .format_version = imgz_frame_version(image->header.hash),
        .chunk_hash = imgz_job_hash_named(image->header.hash),
        .chunk_bytes = image->header.chunk_bytes,
        .raw_bytes = imgz_image_raw_bytes(image),
        .meta_count = image->meta.count,
    };
    if (info.raw_bytes != IMGZ_SIZE_UNKNOWN)
        info.chunk_count = imgz_div_up(info.raw_bytes, info.chunk_bytes);
    if (!image->seekable)
        return info;
    info.image_bytes = image->image_bytes;
    info.crc32 = image->end.raw_crc32;
    imgz_root_format(image->header.hash, &image->end.root_hash, &image->end.root_sha256,
                     info.root_hash_text);
    if (image->header.hash == IMGZ_HASH_XXH3)
        imgz_hash_format(&image->end.root_hash, info.root_hash);
    count_items(image, &info);
    return info;
}

int imgz_image_get_info(const struct imgz_image *image, struct imgz_image_info *info)
{
    const struct imgz_image_info ours = describe(image);

    if (!IMGZ_SIZED_IS_SET_UP(info))
        return -EINVAL;
    IMGZ_SIZED_GIVE(info, &ours);
    return 0;
}

int imgz_image_get_meta(const struct imgz_image *image, uint32_t index, const char **key,
                        const char **value)
{
    if (index >= image->meta.count)
        return -EINVAL;
    *key = image->meta.pairs[index].key;
    *value = image->meta.pairs[index].value;
    return 0;
}
