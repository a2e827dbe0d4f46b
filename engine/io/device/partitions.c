/* SPDX-License-Identifier: MIT */
#include "io/device/partitions.h"

#include <blkid/blkid.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/text.h"

/* libblkid counts in these, whatever the table does. */
#define BLKID_SECTOR_BYTES 512u

/* A table lies within its first 34 sectors. */
#define HEAD_BYTES ((uint64_t)136 << 10)

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

/* ---- A whole disk? ------------------------------------------------------------------------- */

/* For a disk whose size is not known. Larger than any, because it must hold what its table says. */
#define DISK_BYTES_MAX ((uint64_t)1 << 60)

/* libblkid also knows tables within a partition, such as those of BSD; they do not count here.
 * "PMBR": only the part of a GPT that protects it. */
static void name_table(blkid_partlist found, char table[16])
{
    const blkid_parttable root = blkid_partlist_get_table(found);
    const char *type = root != NULL ? blkid_parttable_get_type(root) : NULL;
    const bool empty = blkid_partlist_numof_partitions(found) <= 0;

    if (type != NULL && (strcmp(type, "gpt") == 0 || strcmp(type, "PMBR") == 0 ||
                         (strcmp(type, "dos") == 0 && !empty)))
        imgz_text_copy(table, 16, type);
}

/* Finds nothing only if there is nothing: libblkid distinguishes that from a failure to look.
 */
static int probe_head(int fd, uint32_t sector_bytes, char table[16])
{
    blkid_probe probe = blkid_new_probe();
    blkid_partlist found = NULL;
    int rc = -ENOMEM;

    if (probe == NULL)
        return rc;
    if (blkid_probe_set_device(probe, fd, 0, 0) == 0 &&
        blkid_probe_set_sectorsize(probe, sector_bytes) == 0 &&
        blkid_probe_enable_superblocks(probe, 0) == 0 &&
        blkid_probe_enable_partitions(probe, 1) == 0)
        rc = blkid_do_fullprobe(probe); /* 0: a table; 1: none */
    if (rc == 0)
        found = blkid_probe_get_partitions(probe);
    if (found != NULL)
        name_table(found, table);
    else if (rc == 0)
        rc = -ENOMEM;
    blkid_free_probe(probe);
    return rc < 0 ? -ENOMEM : 0;
}

int imgz_partitions_find_table(const unsigned char *head, size_t head_bytes, uint64_t disk_bytes,
                               char table[16])
{
    const size_t bytes = (size_t)imgz_min(head_bytes, HEAD_BYTES);
    int fd = memfd_create("imgz-head", MFD_CLOEXEC);
    int rc = 0;

    table[0] = '\0';
    if (fd < 0)
        return -errno;
    if (ftruncate(fd, (off_t)imgz_min(disk_bytes, DISK_BYTES_MAX)) < 0)
        rc = -errno;
    else if (pwrite(fd, head, bytes, 0) != (ssize_t)bytes)
        rc = -ENOMEM; /* nothing else can fail for a file in memory */
    for (uint32_t sector_bytes = IMGZ_SECTOR_BYTES;
         rc == 0 && table[0] == '\0' && sector_bytes <= IMGZ_BLOCK_BYTES; sector_bytes *= 8)
        rc = probe_head(fd, sector_bytes, table);
    close(fd);
    return rc;
}
