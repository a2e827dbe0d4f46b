/* SPDX-License-Identifier: MIT */
/*
 * A file system as a row of equal groups, each with a count of free bytes: block groups of ext,
 * allocation groups of XFS. They become regions of the disk, several groups in one if there are
 * many.
 *
 * Threads    one.
 * Errors     none: impossible counts are cut.
 */
#ifndef IMGZ_FS_GROUPS_H
#define IMGZ_FS_GROUPS_H

#include "pipeline/blanks.h"

struct imgz_fs_groups {
    /* Set before the first group. */
    struct imgz_blanks *blanks;
    uint64_t offset;      /* of the first group, on the disk */
    uint64_t bytes;       /* of all groups */
    uint64_t group_bytes; /* of each but the last */
    uint64_t free_bytes;  /* of all groups, as the superblock has it */

    uint64_t done_bytes; /* all zero at first */
    uint64_t counted_bytes;
    struct imgz_free_region region; /* not complete yet */
};

/* How many there are. */
uint64_t imgz_fs_groups_count(const struct imgz_fs_groups *groups);

/* The next group has 'free_bytes'. */
void imgz_fs_groups_add(struct imgz_fs_groups *groups, uint64_t free_bytes);

/* The remaining groups, if any, have no counts. Together they get the rest of the superblock's. */
void imgz_fs_groups_end(struct imgz_fs_groups *groups);

#endif /* IMGZ_FS_GROUPS_H */
