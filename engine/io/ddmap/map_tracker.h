/* SPDX-License-Identifier: MIT */
/*
 * Keeps a map's file (mapfile.h) up to date while a capture goes on.
 *
 * What the file calls finished lies in an image, or in what a killed run left of one
 * (IMAGE.partial). When that is gone, the file must stop saying so, or ddrescue or a later run
 * would not read it again.
 *
 * Place: loaded by the job before it writes anything, begun when the output is open, moved on by
 * the drain, closed by the job at its end.
 *
 * Threads    one at a time.
 * Errors     load, begin and close raise. What fails in between is logged, and tried again: a
 *            rescue must not end because its map cannot be written for a moment.
 * Blocking   move, about once a second: a small file is flushed.
 * Memory     while it saves: the map, 24 bytes per block.
 */
#ifndef IMGZ_MAP_TRACKER_H
#define IMGZ_MAP_TRACKER_H

#include <sys/stat.h>

#include "io/ddmap/mapfile.h"
#include "pipeline/log.h"

struct imgz_map_tracker_config {
    const struct imgz_name *name;      /* must outlive it; NULL: no map is wanted */
    const char *image_path;            /* for errors */
    uint64_t size_bytes;               /* of the source; IMGZ_SIZE_UNKNOWN is refused */
    const struct imgz_range_list *bad; /* grown by the drain; must outlive it */
    bool force;                        /* replace a map that has something finished */
    bool resume;                       /* such a map may be the one to resume: begin() finds out */
};

/* How a run begins. */
enum imgz_map_tracker_begin {
    IMGZ_MAP_TRACKER_ANEW,
    IMGZ_MAP_TRACKER_ON, /* with what an interrupted one left */
};

enum imgz_map_tracker_end {
    IMGZ_MAP_TRACKER_WHOLE, /* the image is there */
    IMGZ_MAP_TRACKER_KEPT,  /* as much of it as was read is there, to be resumed */
    IMGZ_MAP_TRACKER_LOST,  /* it is gone: what was read must be read again */
};

struct imgz_map_tracker {
    struct imgz_map_tracker_config config;
    struct imgz_log *log;
    struct imgz_mapfile before; /* what the file said when it was loaded */
    bool begun;
    uint64_t done_bytes;
    uint64_t saved_ns; /* when the file was saved last */
    uint64_t cost_ns;  /* how long that took */
    uint64_t saved_bad_bytes;
};

/* Resolves the path of a map, once for the whole job: later saves go to that very place. Raised. */
IMGZ_MUST_CHECK int imgz_map_tracker_open_name(struct imgz_name *name, const char *path,
                                               struct imgz_latch *latch);

/* Refuses a map that has the name of the source or of one of the image's files: -EINVAL. Call it
 * before any of them is made. */
IMGZ_MUST_CHECK int imgz_map_tracker_check_names(const struct imgz_name *map,
                                                 const char *image_path, const struct stat *source,
                                                 struct imgz_latch *latch);

/* Refuses a file that is not a map, and, without force or resume, one that has something finished,
 * which belongs to another image. Changes nothing. 'keep' may be uninitialized; on failure nothing
 * is held. */
IMGZ_MUST_CHECK int imgz_map_tracker_load(struct imgz_map_tracker *keep,
                                          const struct imgz_map_tracker_config *config,
                                          struct imgz_latch *latch, struct imgz_log *log);

/* Saves for the first time: what lies before 'done_bytes' was read, or is in the list of what is
 * bad. A map that has something finished is refused, unless it is the one to resume or force is
 * set. */
IMGZ_MUST_CHECK int imgz_map_tracker_begin(struct imgz_map_tracker *keep,
                                           enum imgz_map_tracker_begin how, uint64_t done_bytes,
                                           struct imgz_latch *latch);

/* True if it is time to save: write what is in memory of the image, then call move().
 */
bool imgz_map_tracker_due(const struct imgz_map_tracker *keep);

/* For the drain: what lies before 'done_bytes' was read, or is in the list of what is bad. Saves if
 * it is time. */
void imgz_map_tracker_move(struct imgz_map_tracker *keep, uint64_t done_bytes);

/* Saves for the last time, if it has begun. Accepts one that is zero, closed, or was not loaded. */
IMGZ_MUST_CHECK int imgz_map_tracker_close(struct imgz_map_tracker *keep,
                                           enum imgz_map_tracker_end end, struct imgz_latch *latch);

#endif /* IMGZ_MAP_TRACKER_H */
