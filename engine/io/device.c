/* SPDX-License-Identifier: MIT */
#include "io/device.h"

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
#include <sys/sysmacros.h>
#include <unistd.h>

/* sysfs counts sectors of 512 bytes whatever the device's own sector size is. */
#define SYSFS_SECTOR_BYTES 512u

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

/* The first line of directory/name without surrounding blanks; "" if there is none. */
static void read_attribute(const char *directory, const char *name, char *text, size_t text_bytes)
{
    char path[PATH_MAX];
    ssize_t length;
    size_t start;
    int fd;

    text[0] = '\0';
    if (snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path))
        return;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    length = read(fd, text, text_bytes - 1);
    close(fd);
    if (length < 0)
        length = 0;
    text[length] = '\0';
    text[strcspn(text, "\n")] = '\0';
    for (length = (ssize_t)strlen(text); length > 0 && isspace((unsigned char)text[length - 1]);)
        text[--length] = '\0';
    start = strspn(text, " \t");
    memmove(text, text + start, (size_t)length - imgz_min(start, (uint64_t)length) + 1);
}

static uint64_t read_number(const char *directory, const char *name)
{
    char text[32];

    read_attribute(directory, name, text, sizeof(text));
    return strtoull(text, NULL, 10);
}

/* The sysfs directories of the device and of its disk: the same unless it is a partition. */
static bool find_directories(dev_t number, char own[PATH_MAX], char disk[PATH_MAX])
{
    char link[64];
    char partition[16];

    snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major(number), minor(number));
    if (realpath(link, own) == NULL)
        return false;
    memcpy(disk, own, strlen(own) + 1);
    read_attribute(own, "partition", partition, sizeof(partition));
    if (partition[0] != '\0')
        *strrchr(disk, '/') = '\0';
    return true;
}

static void copy_text(char *to, size_t to_bytes, const char *from)
{
    snprintf(to, to_bytes, "%.*s", (int)to_bytes - 1, from);
}

/* The bus by the name of the driver subsystem, except that a USB disk says "scsi" there. */
static void find_bus(const char *disk, char *bus, size_t bus_bytes)
{
    char link[PATH_MAX];
    char target[PATH_MAX];
    ssize_t length;

    bus[0] = '\0';
    if (strstr(disk, "/usb") != NULL) {
        copy_text(bus, bus_bytes, "usb");
        return;
    }
    if (strncmp(strrchr(disk, '/') + 1, "loop", 4) == 0) {
        copy_text(bus, bus_bytes, "loop");
        return;
    }
    if (snprintf(link, sizeof(link), "%s/device/subsystem", disk) >= (int)sizeof(link))
        return;
    length = readlink(link, target, sizeof(target) - 1);
    if (length <= 0)
        return;
    target[length] = '\0';
    if (strrchr(target, '/') != NULL)
        copy_text(bus, bus_bytes, strrchr(target, '/') + 1);
}

static void find_identity(const char *disk, struct imgz_device *device)
{
    read_attribute(disk, "device/model", device->model, sizeof(device->model));
    read_attribute(disk, "device/serial", device->serial, sizeof(device->serial));
    if (device->serial[0] == '\0')
        read_attribute(disk, "serial", device->serial, sizeof(device->serial)); /* virtio */
    find_bus(disk, device->bus, sizeof(device->bus));
}

void imgz_device_describe(dev_t number, struct imgz_device *device)
{
    char own[PATH_MAX];
    char disk[PATH_MAX];
    int length;

    memset(device, 0, sizeof(*device));
    if (!find_directories(number, own, disk))
        return;
    /* A '!' in a sysfs name stands for a '/' in the device's (cciss!c0d0). */
    length = snprintf(device->path, sizeof(device->path), "/dev/%s", strrchr(own, '/') + 1);
    for (int i = 5; i < length && i < (int)sizeof(device->path); i++) {
        if (device->path[i] == '!')
            device->path[i] = '/';
    }
    device->size_bytes = read_number(own, "size") * SYSFS_SECTOR_BYTES;
    device->read_only = read_number(own, "ro") != 0;
    device->removable = read_number(disk, "removable") != 0;
    device->logical_sector_bytes = (uint32_t)read_number(disk, "queue/logical_block_size");
    device->physical_sector_bytes = (uint32_t)read_number(disk, "queue/physical_block_size");
    find_identity(disk, device);
}

bool imgz_device_disk_name(dev_t number, char *name, size_t name_bytes)
{
    char own[PATH_MAX];
    char disk[PATH_MAX];

    if (!find_directories(number, own, disk))
        return false;
    copy_text(name, name_bytes, strrchr(disk, '/') + 1);
    return true;
}

/* Drives themselves say nothing; the PCI device above them does, "-1" on a machine of one node. */
int imgz_device_node_above(const char *directory)
{
    char path[PATH_MAX];
    char node[32];

    if (snprintf(path, sizeof(path), "%s", directory) >= (int)sizeof(path))
        return -1;
    for (;;) {
        char *name = strrchr(path, '/');

        read_attribute(path, "numa_node", node, sizeof(node));
        if (isdigit((unsigned char)node[0]))
            return (int)imgz_min(strtoul(node, NULL, 10), INT_MAX);
        if (name == NULL || name == path)
            return -1;
        *name = '\0';
    }
}

int imgz_device_node(int fd)
{
    char own[PATH_MAX];
    char disk[PATH_MAX];
    struct stat status;

    if (fstat(fd, &status) < 0)
        return -1;
    if (!find_directories(S_ISBLK(status.st_mode) ? status.st_rdev : status.st_dev, own, disk))
        return -1;
    return imgz_device_node_above(disk);
}
