/* SPDX-License-Identifier: MIT */
#include "io/file/preflight.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/text.h"

static struct imgz_location place_of(const struct imgz_name *name, enum imgz_stage stage)
{
    return (struct imgz_location){stage, name->path, IMGZ_OFFSET_NONE};
}

int imgz_preflight_name(const struct imgz_name *name, const char *suffix, enum imgz_stage stage,
                        struct imgz_latch *latch)
{
    const long bytes_max = fpathconf(name->directory_fd, _PC_NAME_MAX);
    const size_t bytes = strlen(name->base) + strlen(suffix);

    if (bytes_max < 0 || bytes <= (size_t)bytes_max)
        return 0;
    return imgz_latch_raise(latch, -ENAMETOOLONG, place_of(name, stage),
                            "creating %s: its name is too long by %zu bytes: imgz adds %s to it "
                            "while it writes; choose a shorter one",
                            name->path, bytes - (size_t)bytes_max, suffix);
}

/* ---- Replacing ---------------------------------------------------------------------------- */

static bool has_attribute(const struct statx *status, uint64_t attribute)
{
    return (status->stx_attributes & attribute) != 0;
}

/* rename(2), EPERM: in a sticky directory only the owner of it, or of the file, may replace a file.
 * Whether root may depends on its capabilities. */
static bool is_held_by_sticky_bit(const struct imgz_name *name, const struct statx *status)
{
    struct stat directory;

    return geteuid() != 0 && fstat(name->directory_fd, &directory) == 0 &&
           (directory.st_mode & S_ISVTX) != 0 && directory.st_uid != geteuid() &&
           status->stx_uid != geteuid();
}

/* What rename() would return, with a reason. */
static int find_obstacle(const struct imgz_name *name, const char **why)
{
    struct statx status;

    if (statx(name->directory_fd, name->base, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &status) < 0)
        return 0;
    if (has_attribute(&status, STATX_ATTR_MOUNT_ROOT)) {
        *why = "something is mounted on it, so it cannot be replaced; unmount it, or name another";
        return -EBUSY;
    }
    if (has_attribute(&status, STATX_ATTR_IMMUTABLE) || has_attribute(&status, STATX_ATTR_APPEND)) {
        *why = "it is immutable or append-only (see 'lsattr'); name another, or change that with "
               "chattr";
        return -EPERM;
    }
    if (is_held_by_sticky_bit(name, &status)) {
        *why = "it is another user's, in a sticky folder, where only owners may replace files; "
               "name another";
        return -EPERM;
    }
    return 0;
}

int imgz_preflight_replace(const struct imgz_name *name, enum imgz_stage stage,
                           struct imgz_latch *latch)
{
    const char *why = NULL;
    int rc = find_obstacle(name, &why);

    return rc < 0 ? imgz_latch_raise(latch, rc, place_of(name, stage), "replacing %s: %s",
                                     name->path, why)
                  : 0;
}

/* ---- Place -------------------------------------------------------------------------------- */

/* In the folder of devices (a file system of its own) a file is a device's name misspelt, and would
 * fill memory. */
static bool is_among_devices(int directory_fd)
{
    struct stat directory;
    struct stat devices;
    struct stat root;

    return fstat(directory_fd, &directory) == 0 && stat("/dev", &devices) == 0 &&
           stat("/", &root) == 0 && directory.st_dev == devices.st_dev &&
           devices.st_dev != root.st_dev;
}

int imgz_preflight_folder(int directory_fd, struct imgz_location location, struct imgz_latch *latch)
{
    if (!is_among_devices(directory_fd))
        return 0;
    return imgz_latch_raise(
        latch, -ENODEV, location,
        "there is no device %s, and imgz makes no files in /dev; 'imgz devices' lists the devices",
        location.path);
}

/* ---- Room --------------------------------------------------------------------------------- */

int imgz_preflight_data(const struct imgz_preflight_data *data, struct imgz_location location,
                        struct imgz_latch *latch)
{
    const uint64_t room_bytes = imgz_preflight_room(data->fd);

    if (data->need_bytes <= data->held_bytes || data->need_bytes - data->held_bytes <= room_bytes)
        return 0;
    return imgz_latch_raise_cause(
        latch, imgz_cause_overrides(IMGZ_OVERRIDE_NO_ROOM), -ENOSPC, location,
        "creating %s: the disk has up to %s of data, but only %s are free "
        "there; free some space or choose another place",
        location.path, imgz_text_size(data->need_bytes - data->held_bytes).text,
        imgz_text_size(room_bytes).text);
}

/* Some file systems (network or virtual ones) report only zeros. */
uint64_t imgz_preflight_room(int fd)
{
    struct statvfs status;
    uint64_t bytes;

    if (fstatvfs(fd, &status) < 0 || status.f_blocks == 0 ||
        __builtin_mul_overflow((uint64_t)(geteuid() == 0 ? status.f_bfree : status.f_bavail),
                               (uint64_t)status.f_frsize, &bytes))
        return IMGZ_SIZE_UNKNOWN;
    return bytes;
}
