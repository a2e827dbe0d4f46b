/* SPDX-License-Identifier: MIT */
/*
 * Finds the partitions of a disk: in a GPT whose checksums are right, or in the four entries of an
 * MBR. An extended partition counts as one.
 *
 * This is for the forecast. What people are shown comes from libblkid (io/device/partitions.h),
 * which reads more and takes as long as it needs.
 *
 * Threads    any; no state.
 * Errors     none: an invalid table is no table.
 */
#ifndef IMGZ_PARTITION_TABLE_H
#define IMGZ_PARTITION_TABLE_H

#include "io/fs/disk_view.h"

/* The usual size of a GPT. */
#define IMGZ_PARTITION_TABLE_MAX 128u

struct imgz_partition_range {
    uint64_t offset;
    uint64_t bytes;
};

struct imgz_partition_table {
    bool found; /* false: there is no table, and the whole disk is one partition */
    uint32_t count;
    struct imgz_partition_range ranges[IMGZ_PARTITION_TABLE_MAX]; /* by offset, disjoint */
};

/* All of them lie on the disk. */
void imgz_partition_table_find(struct imgz_disk_view *view, struct imgz_partition_table *table);

#endif /* IMGZ_PARTITION_TABLE_H */
