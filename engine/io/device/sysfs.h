/* SPDX-License-Identifier: MIT */
/*
 * Block devices as sysfs has them: folders by number, one attribute a file.
 *
 * Place: used by device.h (what a device is) and device_stack.h (what lies on it).
 *
 * Threads    any; a view belongs to one.
 * Errors     kept, as with ferror(3): what does not exist or cannot be read is "" or 0 or no entry;
 *            failed_rc then says if something exists but cannot be read.
 */
#ifndef IMGZ_SYSFS_H
#define IMGZ_SYSFS_H

#include <limits.h>
#include <sys/types.h>

#include "base/base.h"

/* sysfs counts sectors of 512 bytes whatever the device's own sector size is. */
#define IMGZ_SYSFS_SECTOR_BYTES 512u

struct imgz_sysfs {
    const char *root; /* before /sys: "" except in tests */
    int failed_rc;    /* of the first thing that exists but cannot be read; or 0 */
};

/* The folder of a device, and of its disk: the same unless it is a partition. */
struct imgz_sysfs_place {
    char own[PATH_MAX];
    char disk[PATH_MAX];
};

/* Keeps the first failure. It is no failure that something does not exist, or is gone. */
void imgz_sysfs_note(struct imgz_sysfs *sysfs, int rc);

/* False if sysfs does not know the device. */
bool imgz_sysfs_find(struct imgz_sysfs *sysfs, dev_t number, struct imgz_sysfs_place *place);

/* The last part of a folder: "sda1". */
const char *imgz_sysfs_name(const char *folder);

/* "/dev/sda1" for the device of a folder, or "" for none. */
void imgz_sysfs_device_path(const char *folder, char *path, size_t path_bytes);

/* The first line of folder/name without surrounding blanks. */
void imgz_sysfs_text(struct imgz_sysfs *sysfs, const char *folder, const char *name, char *text,
                     size_t text_bytes);
uint64_t imgz_sysfs_number(struct imgz_sysfs *sysfs, const char *folder, const char *name);

/* The device's number, from its 'dev'; 0 if there is none. */
dev_t imgz_sysfs_dev(struct imgz_sysfs *sysfs, const char *folder);

/* Calls 'visit' with the path of everything in the folder, in no order, until it returns true. Then
 * this returns true as well. */
typedef bool imgz_sysfs_visit(void *context, const char *path);
bool imgz_sysfs_each(struct imgz_sysfs *sysfs, const char *folder, imgz_sysfs_visit *visit,
                     void *context);

#endif /* IMGZ_SYSFS_H */
