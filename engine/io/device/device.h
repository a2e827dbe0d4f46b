/* SPDX-License-Identifier: MIT */
/*
 * What a block device is: name, size, model, serial, sectors, as sysfs and ioctls tell.
 *
 * Threads    any.
 * Errors     a text that the system does not know is "", a number 0; only the size is a must.
 */
#ifndef IMGZ_DEVICE_H
#define IMGZ_DEVICE_H

#include <imgz/imgz.h>
#include <sys/types.h>

#include "base/base.h"

/* Size in bytes of the open block device. 0, or what ioctl() says. */
IMGZ_MUST_CHECK int imgz_device_size(int fd, uint64_t *size_bytes);

/* Its logical sectors, the least it reads; IMGZ_BLOCK_BYTES if it does not say. */
uint32_t imgz_device_sector_bytes(int fd);

/* 0 or 1, or what ioctl() says: root may open a read-only device for writing, the first write then
 * fails (BLKROGET is what knows). */
IMGZ_MUST_CHECK int imgz_device_read_only(int fd, bool *read_only);

/* Has the system look for partitions again. 0, or why not: -EBUSY, one of the old is in use;
 * -EINVAL, this device has none for the system (a partition, a loop device without them). */
IMGZ_MUST_CHECK int imgz_device_reread(int fd);

/* Bytes written to it, and discarded, since it is there. False if the system does not count. */
bool imgz_device_written(dev_t number, uint64_t *bytes);

/* Whether a device is a partition, also one that device mapper shows (as kpartx makes them). */
struct imgz_device_part {
    bool is_part;
    char disk[64]; /* it is of this: "/dev/sda"; "" if that has no name */
};

/* 0, or why that cannot be told. */
IMGZ_MUST_CHECK int imgz_device_find_part(int fd, struct imgz_device_part *part);

/* Whether it zeroes a range when it is told to; otherwise the system writes zeros all over it. */
bool imgz_device_zeroes(int fd);

/* Fills in what sysfs knows of device 'number' (st_rdev): what it is, not what is on it nor who
 * uses it. For a partition, model, serial and bus are its disk's. */
void imgz_device_describe(dev_t number, struct imgz_device *device);

/* The NUMA node nearest to the drive that the open file is or lies on, as the system counts nodes;
 * -1 if it is none, or not one drive, or the system does not know. */
int imgz_device_node(int fd);

/* The same for a folder of sysfs: the device's there, or of what it is attached to. */
int imgz_device_node_above(const char *directory);

#endif /* IMGZ_DEVICE_H */
