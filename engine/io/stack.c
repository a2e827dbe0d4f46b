/* SPDX-License-Identifier: MIT */
/*
 * By example, the target being /dev/sdb:
 *
 *     /home      on dm-0, which sysfs says has the slave sdb2   --> lies on sdb2, of sdb: mounted
 *     /dev/loop3 has the file /mnt/a.img, on sdb1               --> lies on sdb1, of sdb: held
 *     sdb2       has the holder dm-0                            --> held
 *     /          on sda1, of sda                                --> no claim on sdb
 *
 * So what is in use is followed down (lies_on), from device to slaves and to the device of a loop's
 * file, until a device is found that shares sectors with the target, or nothing is below.
 */
#include "io/stack.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/text.h"
#include "io/sysfs.h"

/* Devices stacked on devices: no real stack is as deep, and no loop in it can hang us. */
#define DEPTH_MAX 8

/* ---- The tables ----------------------------------------------------------------------------- */

static int read_tables(struct imgz_stack *stack)
{
    char path[PATH_MAX];

    imgz_text_set(path, sizeof(path), "%s/proc/self/mountinfo", stack->root);
    stack->mounts = mnt_new_table_from_file(path);
    stack->swaps = mnt_new_table();
    if (stack->swaps == NULL)
        return -ENOMEM;
    imgz_text_set(path, sizeof(path), "%s/proc/swaps", stack->root);
    (void)mnt_table_parse_swaps(stack->swaps, path);
    return 0;
}

int imgz_stack_open(const struct imgz_stack_config *config, struct imgz_stack **result)
{
    struct imgz_stack *stack = calloc(1, sizeof(*stack));
    int rc;

    if (stack == NULL)
        return -ENOMEM;
    stack->root = config->root != NULL ? config->root : "";
    stack->stat = config->stat != NULL ? config->stat : stat;
    rc = read_tables(stack);
    if (rc < 0) {
        imgz_stack_close(stack);
        return rc;
    }
    *result = stack;
    return 0;
}

void imgz_stack_close(struct imgz_stack *stack)
{
    if (stack == NULL)
        return;
    mnt_unref_table(stack->mounts);
    mnt_unref_table(stack->swaps);
    free(stack);
}

/* ---- Which device ------------------------------------------------------------------------- */

static dev_t disk_of(const struct imgz_stack *stack, dev_t number)
{
    struct imgz_sysfs_place place;
    dev_t disk = 0;

    if (imgz_sysfs_find(stack->root, number, &place))
        disk = imgz_sysfs_dev(place.disk);
    return disk != 0 ? disk : number;
}

/* "/dev/sdb1"; a mapped device by the name people gave it. */
void imgz_stack_name_device(const char *folder, char *text, size_t text_bytes)
{
    char mapped[64];

    imgz_sysfs_text(folder, "dm/name", mapped, sizeof(mapped));
    if (mapped[0] != '\0')
        imgz_text_set(text, text_bytes, "/dev/mapper/%s", mapped);
    else
        imgz_sysfs_device_path(folder, text, text_bytes);
}

void imgz_stack_name_number(const struct imgz_stack *stack, dev_t number, char *text,
                            size_t text_bytes)
{
    struct imgz_sysfs_place place;

    if (imgz_sysfs_find(stack->root, number, &place))
        imgz_stack_name_device(place.own, text, text_bytes);
    else
        imgz_text_set(text, text_bytes, "device %u:%u", major(number), minor(number));
}

/* True, with its number, if the path is a block device in /dev. */
static bool is_device_path(const struct imgz_stack *stack, const char *path, dev_t *number)
{
    struct stat status;

    if (strncmp(path, "/dev/", strlen("/dev/")) != 0 || stack->stat(path, &status) < 0 ||
        !S_ISBLK(status.st_mode))
        return false;
    *number = status.st_rdev;
    return true;
}

/* The device a mount is of. Some file systems (btrfs) have numbers of no device: there the source's
 * own number counts. 0: none. */
dev_t imgz_stack_device_of_mount(const struct imgz_stack *stack, struct libmnt_fs *mount)
{
    const char *source = mnt_fs_get_srcpath(mount);
    dev_t number = mnt_fs_get_devno(mount);

    if (major(number) != 0)
        return number;
    return source != NULL && is_device_path(stack, source, &number) ? number : 0;
}

static bool is_below(const char *path, const char *folder)
{
    const size_t length = strcmp(folder, "/") == 0 ? 0 : strlen(folder);

    return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/* The device of the mount that 'path' is in: the last of the deepest. */
static dev_t device_of_folder(const struct imgz_stack *stack, const char *path)
{
    struct libmnt_iter *position = mnt_new_iter(MNT_ITER_FORWARD);
    struct libmnt_fs *mount;
    size_t longest = 0;
    dev_t number = 0;

    if (position == NULL || stack->mounts == NULL) {
        mnt_free_iter(position);
        return 0;
    }
    while (mnt_table_next_fs(stack->mounts, position, &mount) == 0) {
        const char *folder = mnt_fs_get_target(mount);

        if (folder == NULL || strlen(folder) < longest || !is_below(path, folder))
            continue;
        longest = strlen(folder);
        number = imgz_stack_device_of_mount(stack, mount);
    }
    mnt_free_iter(position);
    return number;
}

static bool is_deleted(const char *path)
{
    static const char mark[] = " (deleted)"; /* as the kernel writes it */
    const size_t length = strlen(path);

    return length > strlen(mark) && strcmp(path + length - strlen(mark), mark) == 0;
}

/* The device that a path is, or lies on; 0: none. A path that is on no device is not looked at: its
 * server may not answer, which is no concern of ours. Any other must be there, unless it is
 * deleted: a loop device's file may be of another mount namespace, and its path means nothing
 * here. */
dev_t imgz_stack_device_of_path(const struct imgz_stack *stack, const char *path)
{
    struct stat status;
    dev_t number;

    if (is_device_path(stack, path, &number))
        return number;
    number = device_of_folder(stack, path);
    if (number == 0 || is_deleted(path) || stack->stat(path, &status) == 0)
        return number;
    return 0;
}

/* ---- What lies on what -------------------------------------------------------------------- */

static bool share_sectors(const struct imgz_stack *stack, dev_t a, dev_t b)
{
    return a == b || disk_of(stack, a) == b || disk_of(stack, b) == a;
}

static bool lies_on(const struct imgz_stack *stack, dev_t device, dev_t target, int depth,
                    dev_t *on);

static bool slave_lies_on(const struct imgz_stack *stack, const char *folder, dev_t target,
                          int depth, dev_t *on)
{
    const struct dirent *entry;
    char slaves[PATH_MAX];
    bool found = false;
    DIR *directory;

    imgz_text_set(slaves, sizeof(slaves), "%s/slaves", folder);
    directory = opendir(slaves);
    if (directory == NULL)
        return false;
    while (!found && (entry = readdir(directory)) != NULL) {
        char slave[PATH_MAX + 260];

        if (entry->d_name[0] == '.')
            continue;
        imgz_text_set(slave, sizeof(slave), "%s/%s", slaves, entry->d_name);
        found = lies_on(stack, imgz_sysfs_dev(slave), target, depth, on);
    }
    closedir(directory);
    return found;
}

/* True if 'device' shares sectors with the target, or lies on what does: '*on'. */
static bool lies_on(const struct imgz_stack *stack, dev_t device, dev_t target, int depth,
                    dev_t *on)
{
    struct imgz_sysfs_place place;
    char file[PATH_MAX];

    if (device == 0 || depth > DEPTH_MAX)
        return false;
    if (share_sectors(stack, device, target)) {
        *on = device;
        return true;
    }
    if (!imgz_sysfs_find(stack->root, device, &place))
        return false;
    if (slave_lies_on(stack, place.disk, target, depth + 1, on))
        return true;
    imgz_sysfs_text(place.disk, "loop/backing_file", file, sizeof(file));
    return file[0] != '\0' &&
           lies_on(stack, imgz_stack_device_of_path(stack, file), target, depth + 1, on);
}

bool imgz_stack_lies_on(const struct imgz_stack *stack, dev_t device, dev_t target, dev_t *on)
{
    return lies_on(stack, device, target, 0, on);
}

bool imgz_stack_overlap(const struct imgz_stack *stack, dev_t device, dev_t target)
{
    dev_t on;

    return lies_on(stack, device, target, 0, &on) || lies_on(stack, target, device, 0, &on);
}

bool imgz_stack_file_behind(const struct imgz_stack *stack, dev_t device, const struct stat *image)
{
    struct imgz_sysfs_place place;
    struct stat status;
    char file[PATH_MAX];

    if (!imgz_sysfs_find(stack->root, device, &place))
        return false;
    imgz_sysfs_text(place.disk, "loop/backing_file", file, sizeof(file));
    return file[0] != '\0' && stack->stat(file, &status) == 0 && status.st_dev == image->st_dev &&
           status.st_ino == image->st_ino;
}
