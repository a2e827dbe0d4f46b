/* SPDX-License-Identifier: MIT */
/*
 * Where a file holds data and where it has holes. The only module that uses lseek(2).
 *
 * Threads    one at a time per file descriptor (SEEK_DATA moves the file offset).
 * Errors     a negative errno. Without holes in the file system all is data.
 */
#ifndef IMGZ_EXTENT_H
#define IMGZ_EXTENT_H

#include "base/base.h"

/* Data from 'offset' up to, but not including, 'end'. */
struct imgz_extent {
    uint64_t offset;
    uint64_t end;
};

/* The first data at or after 'from' in a file of 'size_bytes'; offset = end = size_bytes if only a
 * hole follows. */
IMGZ_MUST_CHECK int imgz_extent_next(int fd, uint64_t from, uint64_t size_bytes,
                                     struct imgz_extent *result);

#endif /* IMGZ_EXTENT_H */
