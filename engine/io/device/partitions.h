/* SPDX-License-Identifier: MIT */
/*
 * The partitions that the disk in a file has, as libblkid sees them.
 *
 * Threads    any; no state.
 * Errors     none: what cannot be read or is not known is left out.
 * Blocking   as long as reading the file takes.
 */
#ifndef IMGZ_PARTITIONS_H
#define IMGZ_PARTITIONS_H

#include <imgz/imgz.h>

#include "base/base.h"

/* Fills in number (as 'path'), label, offset and size of at most 'count_max' partitions, by offset.
 * 'sector_bytes' is what the table counts in. Returns how many there are, which may be more. */
uint32_t imgz_partitions_find(int fd, uint32_t sector_bytes, struct imgz_partition *list,
                              uint32_t count_max);

/* '*table': the table of a whole disk ("gpt", "dos") at the beginning of one that starts with these
 * bytes and has 'disk_bytes' (IMGZ_SIZE_UNKNOWN: not known), or "". The boot sector of a file
 * system is not one. 0, or why it could not be looked for. */
IMGZ_MUST_CHECK int imgz_partitions_find_table(const unsigned char *head, size_t head_bytes,
                                               uint64_t disk_bytes, char table[16]);

#endif /* IMGZ_PARTITIONS_H */
