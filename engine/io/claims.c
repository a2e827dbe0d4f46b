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
#include "io/claims.h"

#include <dirent.h>
#include <errno.h>
#include <libmount/libmount.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "io/sysfs.h"

/* Devices stacked on devices: no real stack is as deep, and no loop in it can hang us. */
#define DEPTH_MAX 8

struct imgz_claims_view {
    const char *root;
    int (*stat)(const char *path, struct stat *status);
    struct libmnt_table *mounts; /* NULL: not known */
    struct libmnt_table *swaps;
};

/* What a search looks for. */
struct search {
    const struct imgz_claims_view *view;
    dev_t target;
    struct imgz_claims *claims;
};

__attribute__((format(printf, 3, 4))) static void set_text(char *text, size_t text_bytes,
                                                           const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, text_bytes, format, arguments);
    va_end(arguments);
}

/* ---- The view ----------------------------------------------------------------------------- */

static int read_tables(struct imgz_claims_view *view)
{
    char path[PATH_MAX];

    set_text(path, sizeof(path), "%s/proc/self/mountinfo", view->root);
    view->mounts = mnt_new_table_from_file(path);
    view->swaps = mnt_new_table();
    if (view->swaps == NULL)
        return -ENOMEM;
    set_text(path, sizeof(path), "%s/proc/swaps", view->root);
    (void)mnt_table_parse_swaps(view->swaps, path);
    return 0;
}

int imgz_claims_open(const struct imgz_claims_config *config, struct imgz_claims_view **result)
{
    struct imgz_claims_view *view = calloc(1, sizeof(*view));
    int rc;

    if (view == NULL)
        return -ENOMEM;
    view->root = config->root != NULL ? config->root : "";
    view->stat = config->stat != NULL ? config->stat : stat;
    rc = read_tables(view);
    if (rc < 0) {
        imgz_claims_close(view);
        return rc;
    }
    *result = view;
    return 0;
}

void imgz_claims_close(struct imgz_claims_view *view)
{
    if (view == NULL)
        return;
    mnt_unref_table(view->mounts);
    mnt_unref_table(view->swaps);
    free(view);
}

/* ---- Which device ------------------------------------------------------------------------- */

static dev_t disk_of(const struct imgz_claims_view *view, dev_t number)
{
    struct imgz_sysfs_place place;
    dev_t disk = 0;

    if (imgz_sysfs_find(view->root, number, &place))
        disk = imgz_sysfs_dev(place.disk);
    return disk != 0 ? disk : number;
}

/* "/dev/sdb1"; a mapped device by the name people gave it. */
static void name_device(const char *folder, char *text, size_t text_bytes)
{
    char mapped[64];

    imgz_sysfs_text(folder, "dm/name", mapped, sizeof(mapped));
    if (mapped[0] != '\0')
        set_text(text, text_bytes, "/dev/mapper/%s", mapped);
    else
        imgz_sysfs_device_path(folder, text, text_bytes);
}

static void name_number(const struct imgz_claims_view *view, dev_t number, char *text,
                        size_t text_bytes)
{
    struct imgz_sysfs_place place;

    if (imgz_sysfs_find(view->root, number, &place))
        name_device(place.own, text, text_bytes);
    else
        set_text(text, text_bytes, "device %u:%u", major(number), minor(number));
}

/* True, with its number, if the path is a block device in /dev. */
static bool is_device_path(const struct imgz_claims_view *view, const char *path, dev_t *number)
{
    struct stat status;

    if (strncmp(path, "/dev/", strlen("/dev/")) != 0 || view->stat(path, &status) < 0 ||
        !S_ISBLK(status.st_mode))
        return false;
    *number = status.st_rdev;
    return true;
}

/* The device a mount is of. Some file systems (btrfs) have numbers of no device: there the source's
 * own number counts. 0: none. */
static dev_t device_of_mount(const struct imgz_claims_view *view, struct libmnt_fs *mount)
{
    const char *source = mnt_fs_get_srcpath(mount);
    dev_t number = mnt_fs_get_devno(mount);

    if (major(number) != 0)
        return number;
    return source != NULL && is_device_path(view, source, &number) ? number : 0;
}

static bool is_below(const char *path, const char *folder)
{
    const size_t length = strcmp(folder, "/") == 0 ? 0 : strlen(folder);

    return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/* The device of the mount that 'path' is in: the last of the deepest. */
static dev_t device_of_folder(const struct imgz_claims_view *view, const char *path)
{
    struct libmnt_iter *position = mnt_new_iter(MNT_ITER_FORWARD);
    struct libmnt_fs *mount;
    size_t longest = 0;
    dev_t number = 0;

    if (position == NULL || view->mounts == NULL) {
        mnt_free_iter(position);
        return 0;
    }
    while (mnt_table_next_fs(view->mounts, position, &mount) == 0) {
        const char *folder = mnt_fs_get_target(mount);

        if (folder == NULL || strlen(folder) < longest || !is_below(path, folder))
            continue;
        longest = strlen(folder);
        number = device_of_mount(view, mount);
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
static dev_t device_of_path(const struct imgz_claims_view *view, const char *path)
{
    struct stat status;
    dev_t number;

    if (is_device_path(view, path, &number))
        return number;
    number = device_of_folder(view, path);
    if (number == 0 || is_deleted(path) || view->stat(path, &status) == 0)
        return number;
    return 0;
}

/* ---- What lies on what -------------------------------------------------------------------- */

static bool share_sectors(const struct imgz_claims_view *view, dev_t a, dev_t b)
{
    return a == b || disk_of(view, a) == b || disk_of(view, b) == a;
}

static bool lies_on(const struct imgz_claims_view *view, dev_t device, dev_t target, int depth,
                    dev_t *on);

static bool slave_lies_on(const struct imgz_claims_view *view, const char *folder, dev_t target,
                          int depth, dev_t *on)
{
    const struct dirent *entry;
    char slaves[PATH_MAX];
    bool found = false;
    DIR *directory;

    set_text(slaves, sizeof(slaves), "%s/slaves", folder);
    directory = opendir(slaves);
    if (directory == NULL)
        return false;
    while (!found && (entry = readdir(directory)) != NULL) {
        char slave[PATH_MAX + 260];

        if (entry->d_name[0] == '.')
            continue;
        set_text(slave, sizeof(slave), "%s/%s", slaves, entry->d_name);
        found = lies_on(view, imgz_sysfs_dev(slave), target, depth, on);
    }
    closedir(directory);
    return found;
}

/* True if 'device' shares sectors with the target, or lies on what does: '*on'. */
static bool lies_on(const struct imgz_claims_view *view, dev_t device, dev_t target, int depth,
                    dev_t *on)
{
    struct imgz_sysfs_place place;
    char file[PATH_MAX];

    if (device == 0 || depth > DEPTH_MAX)
        return false;
    if (share_sectors(view, device, target)) {
        *on = device;
        return true;
    }
    if (!imgz_sysfs_find(view->root, device, &place))
        return false;
    if (slave_lies_on(view, place.disk, target, depth + 1, on))
        return true;
    imgz_sysfs_text(place.disk, "loop/backing_file", file, sizeof(file));
    return file[0] != '\0' && lies_on(view, device_of_path(view, file), target, depth + 1, on);
}

bool imgz_claims_overlap(const struct imgz_claims_view *view, dev_t device, dev_t target)
{
    dev_t on;

    return lies_on(view, device, target, 0, &on) || lies_on(view, target, device, 0, &on);
}

bool imgz_claims_file_behind(const struct imgz_claims_view *view, dev_t device,
                             const struct stat *image)
{
    struct imgz_sysfs_place place;
    struct stat status;
    char file[PATH_MAX];

    if (!imgz_sysfs_find(view->root, device, &place))
        return false;
    imgz_sysfs_text(place.disk, "loop/backing_file", file, sizeof(file));
    return file[0] != '\0' && view->stat(file, &status) == 0 && status.st_dev == image->st_dev &&
           status.st_ino == image->st_ino;
}

/* ---- Claims ------------------------------------------------------------------------------- */

/* The next claim to be filled in; one that is counted only, if the list is full. */
static struct imgz_claim *add_claim(struct imgz_claims *claims, enum imgz_override kind)
{
    struct imgz_claim *claim = NULL;

    if (claims->count < IMGZ_CLAIMS_MAX) {
        claim = &claims->list[claims->count];
        memset(claim, 0, sizeof(*claim));
        claim->kind = kind;
    }
    claims->kinds |= (uint32_t)kind;
    claims->count += 1;
    return claim;
}

/* A claim by 'device' if it lies on the target; NULL if not, or if the list is full. */
static struct imgz_claim *claim_by_device(const struct search *search, dev_t device,
                                          enum imgz_override kind)
{
    struct imgz_claim *claim;
    dev_t on;

    if (!lies_on(search->view, device, search->target, 0, &on))
        return NULL;
    claim = add_claim(search->claims, kind);
    if (claim == NULL)
        return NULL;
    claim->itself = device == search->target;
    name_number(search->view, device, claim->device, sizeof(claim->device));
    name_number(search->view, on, claim->on, sizeof(claim->on));
    return claim;
}

static void find_mounts(const struct search *search)
{
    struct libmnt_iter *position = mnt_new_iter(MNT_ITER_FORWARD);
    struct libmnt_fs *mount;

    if (position != NULL && search->view->mounts != NULL) {
        while (mnt_table_next_fs(search->view->mounts, position, &mount) == 0) {
            const char *folder = mnt_fs_get_target(mount);
            const bool root = folder != NULL && strcmp(folder, "/") == 0;
            struct imgz_claim *claim =
                claim_by_device(search, device_of_mount(search->view, mount),
                                root ? IMGZ_OVERRIDE_ROOT : IMGZ_OVERRIDE_MOUNTED);

            if (claim != NULL)
                set_text(claim->by, sizeof(claim->by), "%s", folder != NULL ? folder : "?");
        }
    }
    mnt_free_iter(position);
}

static void find_swaps(const struct search *search)
{
    struct libmnt_iter *position = mnt_new_iter(MNT_ITER_FORWARD);
    struct libmnt_fs *swap;

    while (position != NULL && mnt_table_next_fs(search->view->swaps, position, &swap) == 0) {
        const char *source = mnt_fs_get_source(swap);
        struct imgz_claim *claim;

        if (source == NULL)
            continue;
        claim = claim_by_device(search, device_of_path(search->view, source), IMGZ_OVERRIDE_SWAP);
        if (claim != NULL)
            set_text(claim->by, sizeof(claim->by), "%s", source);
    }
    mnt_free_iter(position);
}

/* Device mapper, MD and the like: folder/holders names them. */
static void find_holders(const struct search *search, const char *folder)
{
    const struct dirent *entry;
    char holders[PATH_MAX];
    DIR *directory;

    set_text(holders, sizeof(holders), "%s/holders", folder);
    directory = opendir(holders);
    if (directory == NULL)
        return;
    while ((entry = readdir(directory)) != NULL) {
        char holder[PATH_MAX + 260];
        struct imgz_claim *claim;

        if (entry->d_name[0] == '.')
            continue;
        claim = add_claim(search->claims, IMGZ_OVERRIDE_HELD);
        if (claim == NULL)
            continue;
        name_device(folder, claim->device, sizeof(claim->device));
        name_device(folder, claim->on, sizeof(claim->on));
        set_text(holder, sizeof(holder), "%s/%s", holders, entry->d_name);
        name_device(holder, claim->by, sizeof(claim->by));
    }
    closedir(directory);
}

/* Holders of the target, of its disk, and of its partitions. */
static void find_all_holders(const struct search *search)
{
    struct imgz_sysfs_place place;
    const struct dirent *entry;
    DIR *directory;

    if (!imgz_sysfs_find(search->view->root, search->target, &place))
        return;
    find_holders(search, place.own);
    if (strcmp(place.own, place.disk) != 0) {
        find_holders(search, place.disk);
        return;
    }
    directory = opendir(place.own);
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        char partition[PATH_MAX + 260];

        set_text(partition, sizeof(partition), "%s/%s", place.own, entry->d_name);
        if (entry->d_name[0] != '.' && imgz_sysfs_number(partition, "partition") != 0)
            find_holders(search, partition);
    }
    if (directory != NULL)
        closedir(directory);
}

/* Loop devices hold nothing that sysfs shows below: their file, or the device they are made of,
 * tells. */
static void find_loops(const struct search *search)
{
    const struct dirent *entry;
    char folder[PATH_MAX];
    DIR *directory;

    set_text(folder, sizeof(folder), "%s/sys/block", search->view->root);
    directory = opendir(folder);
    if (directory == NULL)
        return;
    while ((entry = readdir(directory)) != NULL) {
        char loop[PATH_MAX + 260];
        char file[PATH_MAX];
        struct imgz_claim *claim;

        set_text(loop, sizeof(loop), "%s/%s", folder, entry->d_name);
        imgz_sysfs_text(loop, "loop/backing_file", file, sizeof(file));
        if (file[0] == '\0')
            continue;
        claim = claim_by_device(search, device_of_path(search->view, file), IMGZ_OVERRIDE_HELD);
        if (claim == NULL)
            continue;
        imgz_sysfs_device_path(loop, claim->by, sizeof(claim->by));
        set_text(claim->file, sizeof(claim->file), "%s", file);
    }
    closedir(directory);
}

static void find_image(const struct search *search, const char *image)
{
    struct imgz_claim *claim =
        claim_by_device(search, device_of_path(search->view, image), IMGZ_OVERRIDE_IMAGE_DISK);

    if (claim != NULL)
        set_text(claim->by, sizeof(claim->by), "%s", image);
}

void imgz_claims_find(const struct imgz_claims_view *view, dev_t device, const char *image,
                      struct imgz_claims *claims)
{
    const struct search search = {view, device, claims};

    memset(claims, 0, sizeof(*claims));
    find_mounts(&search);
    find_swaps(&search);
    find_all_holders(&search);
    find_loops(&search);
    if (image != NULL)
        find_image(&search, image);
}

/* ---- For people --------------------------------------------------------------------------- */

void imgz_claim_use(const struct imgz_claim *claim, char *text, size_t text_bytes)
{
    switch (claim->kind) {
    case IMGZ_OVERRIDE_MOUNTED:
        set_text(text, text_bytes, "mounted at %s", claim->by);
        return;
    case IMGZ_OVERRIDE_ROOT:
        set_text(text, text_bytes, "mounted at / (the running system)");
        return;
    case IMGZ_OVERRIDE_SWAP:
        set_text(text, text_bytes, "%s", strcmp(claim->by, claim->device) == 0 ? "swap" : "");
        if (text[0] == '\0')
            set_text(text, text_bytes, "swap (%s)", claim->by);
        return;
    case IMGZ_OVERRIDE_HELD:
        set_text(text, text_bytes, claim->file[0] != '\0' ? "held by %s (%s)" : "held by %s%s",
                 claim->by, claim->file);
        return;
    case IMGZ_OVERRIDE_IMAGE_DISK:
        set_text(text, text_bytes, "where the image %s is read from", claim->by);
        return;
    case IMGZ_OVERRIDE_SECTOR_SIZE:
    case IMGZ_OVERRIDE_TOO_SMALL:
        break;
    }
    text[0] = '\0';
}

void imgz_claim_what(const struct imgz_claim *claim, char *text, size_t text_bytes)
{
    char use[sizeof(claim->by) + sizeof(claim->file) + 64];

    imgz_claim_use(claim, use, sizeof(use));
    if (strcmp(claim->device, claim->on) == 0)
        set_text(text, text_bytes, "%s is %s", claim->device, use);
    else
        set_text(text, text_bytes, "%s on %s is %s", claim->device, claim->on, use);
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

void imgz_claim_undo(const struct imgz_claim *claim, char *text, size_t text_bytes)
{
    text[0] = '\0';
    if (claim->kind == IMGZ_OVERRIDE_MOUNTED)
        set_text(text, text_bytes, "umount %s", claim->by);
    else if (claim->kind == IMGZ_OVERRIDE_SWAP)
        set_text(text, text_bytes, "swapoff %s", claim->by);
    else if (claim->kind == IMGZ_OVERRIDE_IMAGE_DISK)
        set_text(text, text_bytes, "move the image to another disk");
    else if (claim->kind == IMGZ_OVERRIDE_HELD && claim->file[0] != '\0')
        set_text(text, text_bytes, "losetup -d %s", claim->by);
    else if (claim->kind == IMGZ_OVERRIDE_HELD && begins(claim->by, "/dev/md"))
        set_text(text, text_bytes, "mdadm --stop %s", claim->by);
    else if (claim->kind == IMGZ_OVERRIDE_HELD && begins(claim->by, "/dev/mapper/"))
        set_text(text, text_bytes, "dmsetup remove %s", imgz_sysfs_name(claim->by));
}
