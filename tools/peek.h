/* SPDX-License-Identifier: MIT */
/*
 * A look at what a path names, for advice only: jobs open it again and judge for themselves.
 */
#ifndef IMGZ_TOOLS_PEEK_H
#define IMGZ_TOOLS_PEEK_H

#include <stdbool.h>

/* A block device or a regular file that does not begin as gzip does, and so is no image. A file of
 * the name of an image ("x.gz") may be one that is damaged, and is not called a raw disk. */
bool peek_is_raw_disk(const char *path);

/* Whether a path ends as the name of an image does. */
bool peek_is_image_name(const char *path);

#endif /* IMGZ_TOOLS_PEEK_H */
