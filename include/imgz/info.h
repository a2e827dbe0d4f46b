/* SPDX-License-Identifier: MIT */
/*
 * Looking at an image without decoding it. A part of imgz.h.
 *
 * Threads    one at a time for each image.
 */
#ifndef IMGZ_INFO_H
#define IMGZ_INFO_H

#include "imgz.h"

#ifdef __cplusplus
extern "C" {
#endif

struct imgz_image_info {
    uint32_t struct_bytes; /* sizeof(struct imgz_image_info) of the caller */
    uint32_t format_version;
    uint32_t chunk_bytes;
    uint64_t raw_bytes;
    uint64_t image_bytes;
    uint64_t zero_bytes;       /* recorded as zero runs */
    uint64_t chunk_count;      /* pieces of chunk_bytes the disk has */
    uint64_t data_chunk_count; /* of them: held as compressed data */
    uint64_t zero_run_count;
    uint32_t crc32;      /* of the raw disk */
    uint32_t meta_count; /* key and value pairs, see imgz_image_get_meta() */
    char root_hash[33];  /* "" with SHA-256 */
    enum imgz_chunk_hash chunk_hash;
    char root_hash_text[65]; /* of either chunk hash */
};

/* Opens a seekable image and reads its end record, sizes and metadata, not its data. */
IMGZ_API int imgz_image_open(const char *path, struct imgz_image **result,
                             struct imgz_error *error);

/* The same with a log, and with IMGZ_FLAG_CONFINE, which takes effect before anything is read.
 * Other options do not matter. 'options' may be NULL. */
IMGZ_API int imgz_image_open_with(const char *path, const struct imgz_options *options,
                                  struct imgz_image **result, struct imgz_error *error);

IMGZ_API void imgz_image_close(struct imgz_image *image); /* accepts NULL */

/* Of an image from a pipe, only version, chunk size and perhaps the disk's size are known; the rest
 * is 0, or IMGZ_SIZE_UNKNOWN. 0, or -EINVAL: 'info' has no size. */
IMGZ_API int imgz_image_get_info(const struct imgz_image *image, struct imgz_image_info *info);

/* The pair at 'index' < meta_count: printable UTF-8, owned by the image. Keys are sorted. 0, or
 * -EINVAL: there is no such pair. */
IMGZ_API int imgz_image_get_meta(const struct imgz_image *image, uint32_t index, const char **key,
                                 const char **value);

struct imgz_devices; /* see system.h */

/* The disk in an image, as if it were a device: path, model and serial number of the captured
 * drive, size, contents, label, and at most 32 partitions, with their numbers as paths. For people:
 * what is not recorded or is damaged is left out. Free this list of one with imgz_devices_free().
 * 0, or -ENOMEM and the like; -ESPIPE: the image comes from a pipe. */
IMGZ_API int imgz_image_disk(const struct imgz_image *image, struct imgz_devices **disk);

#ifdef __cplusplus
}
#endif

#endif /* IMGZ_INFO_H */
