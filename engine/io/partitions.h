/* SPDX-License-Identifier: MIT */
/*
 * The partitions that the disk in a file has, as libblkid sees them.
 *
 * Threads    any; no state.
 * Errors     none: what cannot be read or is not known is nothing.
 * Blocking   as long as reading the file may.
 */
#ifndef IMGZ_PARTITIONS_H
#define IMGZ_PARTITIONS_H

#include <imgz/imgz.h>

#include "base/base.h"

/* Fills in number (as 'path'), label, offset and size of at most 'count_max' partitions, by offset.
 * 'sector_bytes' is what the table counts in. Returns how many there are, which may be more. */
uint32_t imgz_partitions_find(int fd, uint32_t sector_bytes, struct imgz_partition *list,
                              uint32_t count_max);

#endif /* IMGZ_PARTITIONS_H */
