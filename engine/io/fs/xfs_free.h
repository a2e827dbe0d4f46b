/* SPDX-License-Identifier: MIT */
/*
 * Finds the free space of XFS: the counts in the headers of its allocation groups.
 *
 * Threads    any; no state.
 * Errors     none: a file system that is invalid or larger than its partition adds nothing.
 */
#ifndef IMGZ_XFS_FREE_H
#define IMGZ_XFS_FREE_H

#include "io/fs/disk_view.h"
#include "io/fs/partition_table.h"
#include "pipeline/blanks.h"

/* Adds its groups to 'blanks'. False if the partition holds another file system, or none. */
bool imgz_xfs_free_add(struct imgz_disk_view *view, const struct imgz_partition_range *partition,
                       struct imgz_blanks *blanks);

#endif /* IMGZ_XFS_FREE_H */
