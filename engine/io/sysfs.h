/* SPDX-License-Identifier: MIT */
/*
 * Block devices as sysfs has them: folders by number, one attribute a file.
 *
 * Place: under device.h (what a device is) and claims.h (who uses it).
 *
 * Threads    any.
 * Errors     none: what cannot be read is "" or 0. 'root' stands before /sys: "" but in tests.
 */
#ifndef IMGZ_SYSFS_H
#define IMGZ_SYSFS_H

#include <limits.h>
#include <sys/types.h>

#include "base/base.h"

/* sysfs counts sectors of 512 bytes whatever the device's own sector size is. */
#define IMGZ_SYSFS_SECTOR_BYTES 512u

/* The folder of a device, and of its disk: the same unless it is a partition. */
struct imgz_sysfs_place {
    char own[PATH_MAX];
    char disk[PATH_MAX];
};

/* False if sysfs does not know the device. */
bool imgz_sysfs_find(const char *root, dev_t number, struct imgz_sysfs_place *place);

/* The last part of a folder: "sda1". */
const char *imgz_sysfs_name(const char *folder);

/* "/dev/sda1" for the device of a folder, or "" for none. */
void imgz_sysfs_device_path(const char *folder, char *path, size_t path_bytes);

/* The first line of folder/name without surrounding blanks. */
void imgz_sysfs_text(const char *folder, const char *name, char *text, size_t text_bytes);
uint64_t imgz_sysfs_number(const char *folder, const char *name);

/* The device's number, from its 'dev'; 0 if there is none. */
dev_t imgz_sysfs_dev(const char *folder);

#endif /* IMGZ_SYSFS_H */
