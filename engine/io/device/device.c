/* SPDX-License-Identifier: MIT */
#include "io/device/device.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "io/device/sysfs.h"

int imgz_device_size(int fd, uint64_t *size_bytes)
{
    return ioctl(fd, BLKGETSIZE64, size_bytes) < 0 ? -errno : 0;
}

uint32_t imgz_device_sector_bytes(int fd)
{
    int bytes = 0;

    if (ioctl(fd, BLKSSZGET, &bytes) < 0 || bytes < (int)IMGZ_SECTOR_BYTES ||
        bytes > (int)IMGZ_BLOCK_BYTES)
        return IMGZ_BLOCK_BYTES;
    return (uint32_t)bytes;
}

int imgz_device_read_only(int fd, bool *read_only)
{
    int answer = 0;

    if (ioctl(fd, BLKROGET, &answer) < 0)
        return -errno;
    *read_only = answer != 0;
    return 0;
}

bool imgz_device_zeroes(int fd)
{
    struct imgz_sysfs sysfs = {.root = ""};
    struct imgz_sysfs_place place;
    struct stat status;

    return fstat(fd, &status) == 0 && S_ISBLK(status.st_mode) &&
           imgz_sysfs_find(&sysfs, status.st_rdev, &place) &&
           imgz_sysfs_number(&sysfs, place.disk, "queue/write_zeroes_max_bytes") > 0;
}

/* The bus by the name of the driver subsystem, except that a USB disk says "scsi" there. */
static void find_bus(const char *disk, char *bus, size_t bus_bytes)
{
    char link[PATH_MAX];
    char target[PATH_MAX];
    ssize_t length;

    bus[0] = '\0';
    if (strstr(disk, "/usb") != NULL) {
        imgz_text_copy(bus, bus_bytes, "usb");
        return;
    }
    if (strncmp(strrchr(disk, '/') + 1, "loop", 4) == 0) {
        imgz_text_copy(bus, bus_bytes, "loop");
        return;
    }
    if (snprintf(link, sizeof(link), "%s/device/subsystem", disk) >= (int)sizeof(link))
        return;
    length = readlink(link, target, sizeof(target) - 1);
    if (length <= 0)
        return;
    target[length] = '\0';
    if (strrchr(target, '/') != NULL)
        imgz_text_copy(bus, bus_bytes, strrchr(target, '/') + 1);
}

static void find_identity(struct imgz_sysfs *sysfs, const char *disk, struct imgz_device *device)
{
    imgz_sysfs_text(sysfs, disk, "device/model", device->model, sizeof(device->model));
    imgz_sysfs_text(sysfs, disk, "device/serial", device->serial, sizeof(device->serial));
    if (device->serial[0] == '\0')
        imgz_sysfs_text(sysfs, disk, "serial", device->serial, sizeof(device->serial)); /* virtio */
    find_bus(disk, device->bus, sizeof(device->bus));
}

int imgz_device_reread(int fd)
{
    return ioctl(fd, BLKRRPART) < 0 ? -errno : 0;
}

/* Of the numbers in a device's 'stat' (Documentation/block/stat.rst), from 0. */
#define STAT_SECTORS_WRITTEN   6u
#define STAT_SECTORS_DISCARDED 13u

bool imgz_device_written(dev_t number, uint64_t *bytes)
{
    struct imgz_sysfs sysfs = {.root = ""};
    struct imgz_sysfs_place place;
    char text[512];
    char *at = text;
    uint64_t sectors = 0;
    uint32_t count = 0;

    if (!imgz_sysfs_find(&sysfs, number, &place))
        return false;
    imgz_sysfs_text(&sysfs, place.own, "stat", text, sizeof(text));
    for (;; count++) {
        char *end;
        const uint64_t value = strtoull(at, &end, 10);

        if (end == at)
            break;
        if (count == STAT_SECTORS_WRITTEN || count == STAT_SECTORS_DISCARDED)
            sectors += value;
        at = end;
    }
    *bytes = sectors * IMGZ_SYSFS_SECTOR_BYTES;
    return count > STAT_SECTORS_WRITTEN;
}

/* kpartx and multipath begin the names of partitions with this: "part1-", then the disk's name. */
#define MAPPED_PARTITION "part"

int imgz_device_find_part(int fd, struct imgz_device_part *part)
{
    struct imgz_sysfs sysfs = {.root = ""};
    struct imgz_sysfs_place place;
    struct stat status;
    char uuid[64];

    *part = (struct imgz_device_part){0};
    if (fstat(fd, &status) < 0)
        return -errno;
    if (!imgz_sysfs_find(&sysfs, status.st_rdev, &place))
        return sysfs.failed_rc < 0 ? sysfs.failed_rc : -ENODEV;
    part->is_part = strcmp(place.own, place.disk) != 0;
    if (part->is_part) {
        imgz_sysfs_device_path(place.disk, part->disk, sizeof(part->disk));
        return sysfs.failed_rc;
    }
    imgz_sysfs_text(&sysfs, place.own, "dm/uuid", uuid, sizeof(uuid));
    part->is_part = strncmp(uuid, MAPPED_PARTITION, strlen(MAPPED_PARTITION)) == 0 &&
                    isdigit((unsigned char)uuid[strlen(MAPPED_PARTITION)]);
    return sysfs.failed_rc;
}

void imgz_device_describe(dev_t number, struct imgz_device *device)
{
    struct imgz_sysfs sysfs = {.root = ""};
    struct imgz_sysfs_place place;
    const char *const own = place.own;
    const char *const disk = place.disk;

    memset(device, 0, sizeof(*device));
    if (!imgz_sysfs_find(&sysfs, number, &place))
        return;
    imgz_sysfs_device_path(own, device->path, sizeof(device->path));
    device->size_bytes = imgz_sysfs_number(&sysfs, own, "size") * IMGZ_SYSFS_SECTOR_BYTES;
    device->read_only = imgz_sysfs_number(&sysfs, own, "ro") != 0;
    device->removable = imgz_sysfs_number(&sysfs, disk, "removable") != 0;
    device->logical_sector_bytes =
        (uint32_t)imgz_sysfs_number(&sysfs, disk, "queue/logical_block_size");
    device->physical_sector_bytes =
        (uint32_t)imgz_sysfs_number(&sysfs, disk, "queue/physical_block_size");
    find_identity(&sysfs, disk, device);
}

/* Drives themselves do not say; the PCI device above them does: "-1" on a machine of one node. */
int imgz_device_node_above(const char *directory)
{
    struct imgz_sysfs sysfs = {.root = ""};
    char path[PATH_MAX];
    char node[32];

    if (snprintf(path, sizeof(path), "%s", directory) >= (int)sizeof(path))
        return -1;
    for (;;) {
        char *name = strrchr(path, '/');

        imgz_sysfs_text(&sysfs, path, "numa_node", node, sizeof(node));
        if (isdigit((unsigned char)node[0]))
            return (int)imgz_min(strtoul(node, NULL, 10), INT_MAX);
        if (name == NULL || name == path)
            return -1;
        *name = '\0';
    }
}

int imgz_device_node(int fd)
{
    struct imgz_sysfs sysfs = {.root = ""};
    struct imgz_sysfs_place place;
    struct stat status;

    if (fstat(fd, &status) < 0)
        return -1;
    if (!imgz_sysfs_find(&sysfs, S_ISBLK(status.st_mode) ? status.st_rdev : status.st_dev, &place))
        return -1;
    return imgz_device_node_above(place.disk);
}
