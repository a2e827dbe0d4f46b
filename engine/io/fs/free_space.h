/* SPDX-License-Identifier: MIT */
/*
 * Finds the free space of a disk, to forecast how long reading the disk takes. Nothing is ever
 * skipped because of it.
 *
 * It reads counts, not maps: the partition table, the superblocks, and one count for each group of
 * ext2, ext3, ext4 and XFS. Space outside of all partitions is free, too. It does not look into
 * other file systems, volume managers or encrypted partitions.
 *
 * Nothing on the disk is trusted. The worst that wrong counts do is a wrong time on the display.
 *
 * Place: the first step of the survey (io/source/survey.h), for the meter.
 *
 * Threads    the feeder's.
 * Errors     none: it stops at the first read that fails or comes too late.
 * Blocking   no read begins later than the view's ns_max.
 */
#ifndef IMGZ_FREE_SPACE_H
#define IMGZ_FREE_SPACE_H

#include "io/fs/disk_view.h"
#include "pipeline/blanks.h"

/* Adds what it finds to 'blanks', which must be empty. Returns the number of file systems. */
uint32_t imgz_free_space_find(struct imgz_disk_view *view, struct imgz_blanks *blanks);

#endif /* IMGZ_FREE_SPACE_H */
