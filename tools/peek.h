/* SPDX-License-Identifier: MIT */
/*
 * A look at what a path names, for advice only: jobs open it again and judge for themselves.
 */
#ifndef IMGZ_TOOLS_PEEK_H
#define IMGZ_TOOLS_PEEK_H

#include <stdbool.h>

/* A block device or a regular file that does not begin as gzip does, and so is not an image. A file
 * named like an image ("x.gz") may be a damaged one, and is not called a raw disk. */
bool peek_is_raw_disk(const char *path);

/* Whether a path ends as the name of an image does. */
bool peek_is_image_name(const char *path);

#endif /* IMGZ_TOOLS_PEEK_H */
