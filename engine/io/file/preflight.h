/* SPDX-License-Identifier: MIT */
/*
 * Checks at the start of a job that makes a file what would otherwise fail at its end: a name that
 * the temporary file cannot have, a file that cannot be replaced, too little room.
 *
 * What a file system does not say is tried out.
 *
 * Place: called by sink_file.c and map_tracker.c, before anything is made.
 *
 * Threads    any.
 * Errors     raised, if what a function below states does not hold.
 */
#ifndef IMGZ_PREFLIGHT_H
#define IMGZ_PREFLIGHT_H

#include "io/file/name.h"
#include "pipeline/latch.h"

/* The name has room for 'suffix', the longest that will be added to it. */
IMGZ_MUST_CHECK int imgz_preflight_name(const struct imgz_name *name, const char *suffix,
                                        enum imgz_stage stage, struct imgz_latch *latch);

/* The existing file of this name can be replaced by a rename. */
IMGZ_MUST_CHECK int imgz_preflight_replace(const struct imgz_name *name, enum imgz_stage stage,
                                           struct imgz_latch *latch);

/* The folder is not the one that holds devices. */
IMGZ_MUST_CHECK int imgz_preflight_folder(int directory_fd, struct imgz_location location,
                                          struct imgz_latch *latch);

/* There is room for a file of 'need_bytes' of data, of which 'held_bytes' exist already. */
struct imgz_preflight_data {
    int fd; /* on the file system */
    uint64_t need_bytes;
    uint64_t held_bytes;
};
IMGZ_MUST_CHECK int imgz_preflight_data(const struct imgz_preflight_data *data,
                                        struct imgz_location location, struct imgz_latch *latch);

/* How much can be written to the file system of 'fd'; IMGZ_SIZE_UNKNOWN: it does not say. */
uint64_t imgz_preflight_room(int fd);

#endif /* IMGZ_PREFLIGHT_H */
