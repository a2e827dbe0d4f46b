/* SPDX-License-Identifier: MIT */
/*
 * Example: the target is /dev/sdb.
 *
 *     /home      on dm-0, which sysfs says has the slave sdb2   --> lies on sdb2, of sdb: mounted
 *     /dev/loop3 has the file /mnt/a.img, on sdb1               --> lies on sdb1, of sdb: held
 *     sdb2       has the holder dm-0                            --> held
 *     /          on sda1, of sda                                --> no claim on sdb
 *
 * So what is in use is followed down (lies_on), from device to slaves and to the device of a loop's
 * file. It ends at a device that shares sectors with the target, or when nothing is below.
 */
#include "io/device/device_stack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/text.h"
#include "io/device/sysfs.h"
#include "io/file/name.h"

/* Devices stacked on devices: no real stack is as deep, and a loop in it cannot hang us. */
#define DEPTH_MAX 8

/* ---- The tables ----------------------------------------------------------------------------- */

/* How often it is read while it changes. */
#define TRIES_MAX 10

/* A table, and how to read it. */
struct table_kind {
    const char *path; /* below the root */
    int (*parse)(struct libmnt_table *table, const char *path);
    int heading_lines;
};

static const struct table_kind mount_table = {"/proc/self/mountinfo", mnt_table_parse_file, 0};
static const struct table_kind swap_table = {"/proc/swaps", mnt_table_parse_swaps, 1};

/* Needs no memory. */
static int count_lines(const char *path, int *count)
{
    char text[4096];
    ssize_t length;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    *count = 0;
    while ((length = read(fd, text, sizeof(text))) > 0 || (length < 0 && errno == EINTR))
        for (ssize_t i = 0; i < length; i++)
            *count += text[i] == '\n';
    if (length < 0)
        length = -errno;
    close(fd);
    return (int)length;
}

/* Without memory libmount leaves out a line, or ends the table there, and returns 0 (2.38). So the
 * lines are counted. -EAGAIN: the count differs. */
static int parse(const struct table_kind *kind, const char *path, struct libmnt_table *table)
{
    int count = 0;
    int rc;

    errno = 0;
    rc = table == NULL ? -ENOMEM : kind->parse(table, path);
    if (errno == ENOMEM)
        rc = -ENOMEM;
    if (rc == 0)
        rc = count_lines(path, &count);
    if (count > 0)
        count -= kind->heading_lines;
    if (rc == 0 && mnt_table_get_nents(table) != count)
        rc = -EAGAIN;
    return rc;
}

static struct libmnt_table *read_table(struct imgz_device_stack *stack,
                                       const struct table_kind *kind, int *result)
{
    struct libmnt_table *table = NULL;
    char path[PATH_MAX];

    imgz_text_set(path, sizeof(path), "%s%s", stack->sysfs.root, kind->path);
    *result = -EAGAIN;
    for (int tries = 0; *result == -EAGAIN && tries < TRIES_MAX; tries++) {
        mnt_unref_table(table);
        table = mnt_new_table();
        *result = parse(kind, path, table);
    }
    return table;
}

int imgz_device_stack_open(const struct imgz_device_stack_config *config,
                           struct imgz_device_stack **result)
{
    struct imgz_device_stack *stack = calloc(1, sizeof(*stack));
    int rc;

    if (stack == NULL)
        return -ENOMEM;
    stack->sysfs.root = config->root != NULL ? config->root : "";
    stack->stat = config->stat != NULL ? config->stat : stat;
    stack->mounts = read_table(stack, &mount_table, &rc);
    /* Without /proc nothing can be found out. */
    imgz_sysfs_note(&stack->sysfs, rc == -ENOENT ? -ENOTSUP : rc);
    /* A system without swap has not even the file. */
    stack->swaps = read_table(stack, &swap_table, &rc);
    imgz_sysfs_note(&stack->sysfs, rc);
    imgz_sysfs_note(&stack->sysfs, imgz_writers_find(stack->sysfs.root, &stack->writers));
    *result = stack;
    return 0;
}

void imgz_device_stack_close(struct imgz_device_stack *stack)
{
    if (stack == NULL)
        return;
    mnt_unref_table(stack->mounts);
    mnt_unref_table(stack->swaps);
    imgz_writers_fini(&stack->writers);
    free(stack);
}

/* ---- Which device ------------------------------------------------------------------------- */

static dev_t disk_of(struct imgz_device_stack *stack, dev_t number)
{
    struct imgz_sysfs_place place;
    dev_t disk = 0;

    if (imgz_sysfs_find(&stack->sysfs, number, &place))
        disk = imgz_sysfs_dev(&stack->sysfs, place.disk);
    return disk != 0 ? disk : number;
}

/* "/dev/sdb1"; a mapped device by the name people gave it. */
void imgz_device_stack_name_device(struct imgz_device_stack *stack, const char *folder, char *text,
                                   size_t text_bytes)
{
    char mapped[64];

    imgz_sysfs_text(&stack->sysfs, folder, "dm/name", mapped, sizeof(mapped));
    if (mapped[0] != '\0')
        imgz_text_set(text, text_bytes, "/dev/mapper/%s", mapped);
    else
        imgz_sysfs_device_path(folder, text, text_bytes);
}

void imgz_device_stack_name_number(struct imgz_device_stack *stack, dev_t number, char *text,
                                   size_t text_bytes)
{
    struct imgz_sysfs_place place;

    if (imgz_sysfs_find(&stack->sysfs, number, &place))
        imgz_device_stack_name_device(stack, place.own, text, text_bytes);
    else
        imgz_text_set(text, text_bytes, "device %u:%u", major(number), minor(number));
}

/* True, with its number, if the path is a block device in /dev. */
static bool is_device_path(struct imgz_device_stack *stack, const char *path, dev_t *number)
{
    struct stat status;

    if (strncmp(path, "/dev/", strlen("/dev/")) != 0)
        return false;
    if (stack->stat(path, &status) < 0) {
        imgz_sysfs_note(&stack->sysfs, -errno);
        return false;
    }
    if (!S_ISBLK(status.st_mode))
        return false;
    *number = status.st_rdev;
    return true;
}

/* The device a mount is of. Some file systems (btrfs) have numbers that are no device's: there the
 * source's own number counts. 0: none. */
dev_t imgz_device_stack_device_of_mount(struct imgz_device_stack *stack, struct libmnt_fs *mount)
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
static dev_t device_of_folder(struct imgz_device_stack *stack, const char *path)
{
    struct libmnt_iter *position = mnt_new_iter(MNT_ITER_FORWARD);
    struct libmnt_fs *mount;
    size_t longest = 0;
    dev_t number = 0;

    if (position == NULL)
        imgz_sysfs_note(&stack->sysfs, -ENOMEM);
    while (position != NULL && mnt_table_next_fs(stack->mounts, position, &mount) == 0) {
        const char *folder = mnt_fs_get_target(mount);

        if (folder == NULL || strlen(folder) < longest || !is_below(path, folder))
            continue;
        longest = strlen(folder);
        number = imgz_device_stack_device_of_mount(stack, mount);
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

/* The device that a path is, or lies on; 0: none. A path that is on no device is not looked at, as
 * its server may not answer. Any other must exist, unless it is deleted: a loop device's file may
 * be of another mount namespace, and its path means nothing here. One that cannot be looked at
 * counts as existing. */
dev_t imgz_device_stack_device_of_path(struct imgz_device_stack *stack, const char *path)
{
    struct stat status;
    dev_t number;

    if (is_device_path(stack, path, &number))
        return number;
    number = device_of_folder(stack, path);
    if (number == 0 || is_deleted(path) || stack->stat(path, &status) == 0)
        return number;
    return errno == ENOENT || errno == ENOTDIR ? 0 : number;
}

/* ---- What lies on what -------------------------------------------------------------------- */

static bool share_sectors(struct imgz_device_stack *stack, dev_t a, dev_t b)
{
    return a == b || disk_of(stack, a) == b || disk_of(stack, b) == a;
}

/* Whether a device, or what it is made of, lies on the target. */
struct descent {
    struct imgz_device_stack *stack;
    dev_t target;
    dev_t on; /* where it was found to lie */
    int depth;
};

static bool lies_on(struct descent *descent, dev_t device);

static bool slave_lies_on(void *context, const char *folder)
{
    struct descent *descent = context;

    return lies_on(descent, imgz_sysfs_dev(&descent->stack->sysfs, folder));
}

/* True if what 'device' is made of lies on the target. */
static bool parts_lie_on(struct descent *descent, dev_t device)
{
    struct imgz_device_stack *stack = descent->stack;
    struct imgz_sysfs_place place;
    char path[PATH_MAX];

    if (!imgz_sysfs_find(&stack->sysfs, device, &place))
        return false;
    imgz_text_set(path, sizeof(path), "%s/slaves", place.disk);
    if (imgz_sysfs_each(&stack->sysfs, path, slave_lies_on, descent))
        return true;
    imgz_sysfs_text(&stack->sysfs, place.disk, "loop/backing_file", path, sizeof(path));
    return path[0] != '\0' && lies_on(descent, imgz_device_stack_device_of_path(stack, path));
}

/* True if 'device' shares sectors with the target, or lies on something that does: descent->on. */
static bool lies_on(struct descent *descent, dev_t device)
{
    bool found;

    if (device == 0)
        return false;
    if (share_sectors(descent->stack, device, descent->target)) {
        descent->on = device;
        return true;
    }
    if (descent->depth == DEPTH_MAX) {
        imgz_sysfs_note(&descent->stack->sysfs, -ELOOP);
        return false;
    }
    descent->depth += 1;
    found = parts_lie_on(descent, device);
    descent->depth -= 1;
    return found;
}

bool imgz_device_stack_lies_on(struct imgz_device_stack *stack, dev_t device, dev_t target,
                               dev_t *on)
{
    struct descent descent = {.stack = stack, .target = target};
    const bool found = lies_on(&descent, device);

    *on = descent.on;
    return found;
}

bool imgz_device_stack_overlap(struct imgz_device_stack *stack, dev_t device, dev_t target)
{
    dev_t on;

    return imgz_device_stack_lies_on(stack, device, target, &on) ||
           imgz_device_stack_lies_on(stack, target, device, &on);
}

bool imgz_device_stack_file_behind(struct imgz_device_stack *stack, dev_t device,
                                   const struct stat *image)
{
    struct imgz_sysfs_place place;
    struct stat status;
    char file[PATH_MAX];

    if (!imgz_sysfs_find(&stack->sysfs, device, &place))
        return false;
    imgz_sysfs_text(&stack->sysfs, place.disk, "loop/backing_file", file, sizeof(file));
    if (file[0] == '\0')
        return false;
    if (stack->stat(file, &status) < 0) {
        imgz_sysfs_note(&stack->sysfs, -errno);
        return false;
    }
    return imgz_same_file(&status, image);
}
