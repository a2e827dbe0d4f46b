/* SPDX-License-Identifier: MIT */
#include "io/partitions.h"

#include <blkid/blkid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* libblkid counts in these, whatever the table does. */
#define BLKID_SECTOR_BYTES 512u

static void describe(blkid_partition found, struct imgz_partition *partition)
{
    const char *name = blkid_partition_get_name(found);

    memset(partition, 0, sizeof(*partition));
    (void)snprintf(partition->path, sizeof(partition->path), "%d",
                   blkid_partition_get_partno(found));
    if (name != NULL)
        imgz_text_copy(partition->label, sizeof(partition->label), name);
    partition->offset_bytes = (uint64_t)blkid_partition_get_start(found) * BLKID_SECTOR_BYTES;
    partition->size_bytes = (uint64_t)blkid_partition_get_size(found) * BLKID_SECTOR_BYTES;
}

static int compare_offsets(const void *a, const void *b)
{
    const struct imgz_partition *left = a;
    const struct imgz_partition *right = b;

    return (left->offset_bytes > right->offset_bytes) - (left->offset_bytes < right->offset_bytes);
}

static uint32_t list_found(blkid_partlist found, struct imgz_partition *list, uint32_t count_max)
{
    const int found_count = blkid_partlist_numof_partitions(found);
    const uint32_t count = found_count > 0 ? (uint32_t)found_count : 0;
    const uint32_t listed = (uint32_t)imgz_min(count, count_max);

    for (uint32_t i = 0; i < listed; i++)
        describe(blkid_partlist_get_partition(found, (int)i), &list[i]);
    if (listed > 1)
        qsort(list, listed, sizeof(list[0]), compare_offsets);
    return count;
}

uint32_t imgz_partitions_find(int fd, uint32_t sector_bytes, struct imgz_partition *list,
                              uint32_t count_max)
{
    blkid_probe probe = blkid_new_probe();
    blkid_partlist found = NULL;
    uint32_t count = 0;

    if (probe == NULL)
        return 0;
    if (blkid_probe_set_device(probe, fd, 0, 0) == 0 &&
        blkid_probe_set_sectorsize(probe, sector_bytes) == 0 &&
        blkid_probe_enable_partitions(probe, 1) == 0)
        found = blkid_probe_get_partitions(probe);
    if (found != NULL)
        count = list_found(found, list, count_max);
    blkid_free_probe(probe);
    return count;
}
