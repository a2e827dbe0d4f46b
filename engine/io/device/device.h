/* SPDX-License-Identifier: MIT */
/*
 * What a block device is: name, size, model, serial, sectors, as sysfs and ioctls tell.
 *
 * Threads    any.
 * Errors     a text that the system does not know is "", a number 0; only the size is required.
 */
#ifndef IMGZ_DEVICE_H
#define IMGZ_DEVICE_H

#include <imgz/imgz.h>
#include <sys/types.h>

#include "base/base.h"

/* Size in bytes of the open block device. 0, or what ioctl() says. */
IMGZ_MUST_CHECK int imgz_device_size(int fd, uint64_t *size_bytes);

/* Its logical sector, the least it reads; IMGZ_BLOCK_BYTES if it is not known. */
uint32_t imgz_device_sector_bytes(int fd);

/* 0 or 1, or what ioctl() says: root may open a read-only device for writing, and only the first
 * write fails. So BLKROGET is asked. */
IMGZ_MUST_CHECK int imgz_device_read_only(int fd, bool *read_only);

/* Makes the system look for partitions again. 0, or why not: -EBUSY, an old one is in use; -EINVAL,
 * this device can have none (a partition, a loop device without them). */
IMGZ_MUST_CHECK int imgz_device_reread(int fd);

/* Bytes written to it, and discarded, since it appeared. False if the system does not count. */
bool imgz_device_written(dev_t number, uint64_t *bytes);

/* Whether a device is a partition, also one that device mapper shows (as kpartx makes them). */
struct imgz_device_part {
    bool is_part;
    char disk[64]; /* of which disk: "/dev/sda"; "" if that has no name */
};

/* 0, or why that is not known. */
IMGZ_MUST_CHECK int imgz_device_find_part(int fd, struct imgz_device_part *part);

/* Whether it can zero a range by itself; otherwise the system writes the zeros. */
bool imgz_device_zeroes(int fd);

/* Fills in what sysfs knows of device 'number' (st_rdev): what it is, not what is on it nor who
 * uses it. For a partition, model, serial and bus are its disk's. */
void imgz_device_describe(dev_t number, struct imgz_device *device);

/* The NUMA node nearest to the drive that the open file is or lies on, as the system counts nodes;
 * -1 if it is not on one drive, or the system does not know. */
int imgz_device_node(int fd);

/* The same for a device's folder in sysfs: its node, or that of what it is attached to. */
int imgz_device_node_above(const char *directory);

#endif /* IMGZ_DEVICE_H */
