/* SPDX-License-Identifier: MIT */
/*
 * The map of what a capture has read and what could not be read (map_tracker.h): the user's, by
 * --map; or, with --on-error=zero, one of its own beside IMAGE.partial. The image has zeros for
 * what could not be read. Without a map nobody could tell these from other zeros, and go on.
 *
 * The capture's own lives as long as IMAGE.partial. A run that resumes goes on with it, even
 * without --on-error=zero.
 *
 * Place: begun and ended by capture.c; moved on by the drain.
 *
 * Threads    one at a time.
 * Ownership  owns the name; the output must outlive it.
 * Errors     raised, as those of map_tracker.h.
 */
#ifndef IMGZ_READ_MAP_H
#define IMGZ_READ_MAP_H

#include "io/ddmap/map_tracker.h"
#include "io/sink/sink.h"
#include "io/source/source.h"
#include "job/common/job.h"

struct imgz_read_map {
    struct imgz_job *job;
    const char *image_path;
    const struct imgz_source *source;
    struct imgz_name name; /* closed: the user wants none */
    struct imgz_map_tracker keep;
    bool own;
};

/* Loads the user's, if one is wanted. Call it before the output is opened, which may remove what an
 * interrupted run left. Call fini in any case. */
IMGZ_MUST_CHECK int imgz_read_map_load(struct imgz_read_map *map);

/* The user's, or NULL. */
const struct imgz_name *imgz_read_map_named(const struct imgz_read_map *map);

/* True if this run will keep one of its own, should the output be a file. */
bool imgz_read_map_keeps_own(const struct imgz_read_map *map);

/* The map of what the interrupted run that left 'output' could not read. */
const struct imgz_name *imgz_read_map_earlier(const struct imgz_read_map *map,
                                              const struct imgz_sink *output);

/* With the output open: begins the user's, or its own; an earlier run read the disk up to
 * 'done_bytes'. */
IMGZ_MUST_CHECK int imgz_read_map_begin(struct imgz_read_map *map, const struct imgz_sink *output,
                                        uint64_t done_bytes);

/* When the image is complete, before it gets its name: its own ends with the temporary name. */
IMGZ_MUST_CHECK int imgz_read_map_settle(struct imgz_read_map *map);

/* Accepts one in any state. */
void imgz_read_map_fini(struct imgz_read_map *map);

#endif /* IMGZ_READ_MAP_H */
