/* SPDX-License-Identifier: MIT */
/*
 * The list of block devices of this machine (imgz_devices_list): what sysfs, libblkid and libmount
 * know.
 */
#include <blkid/blkid.h>
#include <dirent.h>
#include <errno.h>
#include <libmount/libmount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "io/device.h"

/* What is on it: a file system or a partition table; "" if blank or not readable. */
static void find_contents(struct imgz_device *device)
{
    blkid_probe probe = blkid_new_probe_from_filename(device->path);
    const char *type = NULL;

    if (probe == NULL)
        return;
    blkid_probe_enable_superblocks(probe, 1);
    blkid_probe_enable_partitions(probe, 1);
    if (blkid_do_safeprobe(probe) == 0 &&
        (blkid_probe_lookup_value(probe, "TYPE", &type, NULL) == 0 ||
         blkid_probe_lookup_value(probe, "PTTYPE", &type, NULL) == 0))
        snprintf(device->contents, sizeof(device->contents), "%s", type);
    blkid_free_probe(probe);
}

/* The first mount of the device or of one of its partitions. The source's own number is asked, not
 * the mount's: btrfs mounts have numbers of no device. */
static void find_mount(struct imgz_device *device, struct libmnt_table *mounts)
{
    struct libmnt_iter *position = mnt_new_iter(MNT_ITER_FORWARD);
    struct libmnt_fs *mount;

    if (position == NULL)
        return;
    while (mnt_table_next_fs(mounts, position, &mount) == 0) {
        const char *source = mnt_fs_get_srcpath(mount);
        char disk[64];
        struct stat status;

        if (source == NULL || stat(source, &status) < 0 || !S_ISBLK(status.st_mode))
            continue;
        if (!imgz_device_disk_name(status.st_rdev, disk, sizeof(disk)) ||
            strcmp(disk, strrchr(device->path, '/') + 1) != 0)
            continue;
        snprintf(device->mounted_at, sizeof(device->mounted_at), "%s", mnt_fs_get_target(mount));
        break;
    }
    mnt_free_iter(position);
}

/* Describes the disk that sysfs calls 'name'; false if it has no size: no medium, a free loop. */
static bool describe_disk(const char *name, struct libmnt_table *mounts, struct imgz_device *device)
{
    char path[300];
    char number[32] = "";
    unsigned major_number;
    unsigned minor_number;
    char *end;
    FILE *file;

    snprintf(path, sizeof(path), "/sys/block/%s/dev", name);
    file = fopen(path, "re");
    if (file == NULL)
        return false;
    if (fgets(number, sizeof(number), file) == NULL)
        number[0] = '\0';
    fclose(file);
    major_number = (unsigned)strtoul(number, &end, 10);
    if (*end != ':')
        return false;
    minor_number = (unsigned)strtoul(end + 1, NULL, 10);
    imgz_device_describe(makedev(major_number, minor_number), device);
    if (device->size_bytes == 0)
        return false;
    find_contents(device);
    if (mounts != NULL)
        find_mount(device, mounts);
    return true;
}

static int compare_paths(const void *a, const void *b)
{
    const struct imgz_device *left = a;
    const struct imgz_device *right = b;

    return strverscmp(left->path, right->path);
}

static int fill_list(DIR *directory, struct libmnt_table *mounts, struct imgz_device **devices,
                     size_t *count)
{
    const struct dirent *entry;

    while ((entry = readdir(directory)) != NULL) {
        struct imgz_device *grown;

        if (entry->d_name[0] == '.')
            continue;
        grown = reallocarray(*devices, *count + 1, sizeof(**devices));
        if (grown == NULL)
            return -ENOMEM;
        *devices = grown;
        if (describe_disk(entry->d_name, mounts, &grown[*count]))
            *count += 1;
    }
    return 0;
}

static int list_devices(struct imgz_device **devices, size_t *count)
{
    struct libmnt_table *mounts = mnt_new_table_from_file("/proc/self/mountinfo");
    DIR *directory = opendir("/sys/block");
    int rc;

    if (directory == NULL) {
        rc = -errno;
    } else {
        rc = fill_list(directory, mounts, devices, count);
        closedir(directory);
    }
    mnt_unref_table(mounts);
    if (rc == 0 && *count > 1)
        qsort(*devices, *count, sizeof(**devices), compare_paths);
    return rc;
}

int imgz_devices_list(struct imgz_device **devices, size_t *count, struct imgz_error *error)
{
    struct imgz_device *list = NULL;
    size_t length = 0;
    int rc = list_devices(&list, &length);

    if (rc < 0) {
        free(list);
        if (error != NULL) {
            memset(error, 0, sizeof(*error));
            error->code = rc;
            error->stage = IMGZ_STAGE_SETUP;
            error->offset = IMGZ_OFFSET_NONE;
            snprintf(error->path, sizeof(error->path), "/sys/block");
            snprintf(error->text, sizeof(error->text),
                     "listing the block devices in /sys/block: %s; is /sys mounted?",
                     strerrordesc_np(-rc));
        }
        return rc;
    }
    *devices = list;
    *count = length;
    return 0;
}

void imgz_devices_free(struct imgz_device *devices)
{
    free(devices);
}
