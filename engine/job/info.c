/* SPDX-License-Identifier: MIT */
/*
 * Looking at an image without decoding it: imgz_image_open() and its kind.
 */
#include <errno.h>
#include <stdlib.h>

#include "codec/checksum.h"
#include "image/image.h"
#include "job/job.h"

/* imgz_image is the engine's own; this adds what was counted. */
struct handle {
    struct imgz_image image;
    struct imgz_image_info info;
};

static int count_items(const struct imgz_image *image, struct imgz_image_info *info)
{
    struct imgz_index_cursor cursor;
    struct imgz_index_item item;
    int rc;

    imgz_index_rewind(&image->index, image->end.raw_bytes, &cursor);
    while ((rc = imgz_index_next(&cursor, &item)) == 0) {
        if (item.kind == IMGZ_NOTE_ZERO) {
            info->zero_run_count += 1;
            info->zero_bytes += item.raw_bytes;
        } else {
            info->data_chunk_count += 1;
        }
    }
    return rc == -ENODATA ? 0 : rc;
}

static int fill_info(const struct imgz_image *image, struct imgz_image_info *info)
{
    *info = (struct imgz_image_info){
        .format_version = IMGZ_FRAME_VERSION,
        .chunk_bytes = image->header.chunk_bytes,
        .raw_bytes = image->end.raw_bytes,
        .image_bytes = image->source.size_bytes,
        .chunk_count = imgz_div_up(image->end.raw_bytes, image->header.chunk_bytes),
        .crc32 = image->end.raw_crc32,
        .meta_count = image->meta.count,
    };
    imgz_hash_format(&image->end.root_hash, info->root_hash);
    return count_items(image, info);
}

static int open_handle(const char *path, struct imgz_job *job, struct handle *handle)
{
    const struct imgz_place place = {IMGZ_STAGE_READ_IMAGE, path, IMGZ_OFFSET_NONE};
    int rc = imgz_image_init(path, IMGZ_IMAGE_SIZES, job->stop, &job->log, &handle->image);

    if (rc < 0)
        return rc;
    if (!handle->image.seekable)
        rc = imgz_stop_raise(job->stop, -EINVAL, place,
                             "what an image holds is written at its end: give it as a file instead "
                             "of a pipe");
    if (rc == 0)
        rc = fill_info(&handle->image, &handle->info);
    if (rc < 0)
        imgz_image_fini(&handle->image);
    return rc;
}

int imgz_image_open(const char *path, struct imgz_image **result, struct imgz_error *error)
{
    struct handle *handle = calloc(1, sizeof(*handle));
    struct imgz_job job;
    int rc = imgz_job_begin(&job, NULL);

    if (rc == 0 && handle == NULL)
        rc = imgz_job_raise_memory(&job);
    if (rc == 0)
        rc = open_handle(path, &job, handle);
    if (rc == 0) {
        *result = &handle->image;
        handle = NULL;
    }
    free(handle);
    return imgz_job_end(&job, rc, NULL, error);
}

void imgz_image_close(struct imgz_image *image)
{
    if (image == NULL)
        return;
    imgz_image_fini(image);
    free((struct handle *)image);
}

void imgz_image_get_info(const struct imgz_image *image, struct imgz_image_info *info)
{
    *info = ((const struct handle *)image)->info;
}

void imgz_image_get_meta(const struct imgz_image *image, uint32_t index, const char **key,
                         const char **value)
{
    IMGZ_ASSERT(index < image->meta.count);
    *key = image->meta.pairs[index].key;
    *value = image->meta.pairs[index].value;
}

_Static_assert(offsetof(struct handle, image) == 0, "an image of info is its handle");
