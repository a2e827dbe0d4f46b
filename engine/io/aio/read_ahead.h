/* SPDX-License-Identifier: MIT */
/*
 * Tells the kernel which part of a file will be read soon.
 *
 * Its own readahead follows one reader and stays small (128 KiB by default); several requests under
 * way at once look random to it. Asking for long pieces well ahead keeps the disk streaming.
 *
 * Place: used by the feeders (reader.c, image_feeder_file.c, retry_feed.c), for files read through
 * the page cache.
 *
 * Threads    one.
 * Errors     none: it is advice.
 */
#ifndef IMGZ_READ_AHEAD_H
#define IMGZ_READ_AHEAD_H

#include "base/base.h"

struct imgz_read_ahead {
    int fd; /* -1: nothing to advise */
    uint64_t advised_end;
};

/* 'offset' is about to be read; offsets only grow. Reaches no further than 'end'. */
void imgz_read_ahead_move(struct imgz_read_ahead *read_ahead, uint64_t offset, uint64_t end);

#endif /* IMGZ_READ_AHEAD_H */
