/* SPDX-License-Identifier: MIT */
#include "io/file/tempfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "io/file/publish.h"
#include "io/file/stamp.h"

/* A disk image holds everything the disk held. Nobody else may read it until it is complete, and
 * then only if its owner says so. */
#define FILE_MODE 0600

/* Nobody loses a name to others by chance more often than this. */
#define CREATE_TRIES_MAX 100

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* ---- Names -------------------------------------------------------------------------------- */

static int make_names(struct imgz_tempfile *temp)
{
    if (asprintf(&temp->temp_name, "%s" IMGZ_TEMPFILE_SUFFIX, temp->final_name) < 0) {
        temp->temp_name = NULL;
        return -ENOMEM;
    }
    return 0;
}

int imgz_tempfile_open(struct imgz_tempfile *temp, struct imgz_name *name)
{
    int rc;

    *temp = (struct imgz_tempfile)IMGZ_TEMPFILE_NONE;
    temp->name = *name;
    *name = (struct imgz_name)IMGZ_NAME_NONE;
    temp->directory_fd = temp->name.directory_fd;
    temp->final_name = temp->name.base;
    rc = make_names(temp);
    return rc < 0 ? rc : imgz_name_open_beside(&temp->map, &temp->name, IMGZ_TEMPFILE_MAP_SUFFIX);
}

static bool means_file(const struct imgz_tempfile *temp, const struct stat *file)
{
    struct stat named;

    return fstatat(temp->directory_fd, temp->temp_name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           imgz_same_file(&named, file);
}

/* 0: the temporary name means the open file 'fd'. -ESTALE: nothing, or another file. */
static int check_name(const struct imgz_tempfile *temp, int fd)
{
    struct stat named;
    struct stat opened;

    if (fstat(fd, &opened) < 0)
        return -errno;
    if (fstatat(temp->directory_fd, temp->temp_name, &named, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? -ESTALE : -errno;
    return imgz_same_file(&named, &opened) ? 0 : -ESTALE;
}

static bool is_replaced(const struct imgz_tempfile *temp)
{
    return check_name(temp, temp->lock_fd) == -ESTALE;
}

bool imgz_tempfile_would_replace(const struct imgz_tempfile *temp, const struct stat *file)
{
    return means_file(temp, file) || imgz_name_means(&temp->map, "", file);
}

/* The map of the file, or of one that was there before. */
static void remove_map(const struct imgz_tempfile *temp)
{
    (void)unlinkat(temp->map.directory_fd, temp->map.base, 0);
}

/* ---- Creating it -------------------------------------------------------------------------- */

/* Opens what has the temporary name. -ENOENT: nothing has. */
static int open_stale(const struct imgz_tempfile *temp)
{
    const int fd =
        openat(temp->directory_fd, temp->temp_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat status;

    if (fd >= 0)
        return fd;
    /* Some file systems do not open a file twice, and report that it does not exist: see
     * lock_file(). */
    if (errno == ENOENT &&
        fstatat(temp->directory_fd, temp->temp_name, &status, AT_SYMLINK_NOFOLLOW) == 0)
        return -EBUSY;
    return -errno;
}

static struct imgz_stamp_place stamp_place(const struct imgz_tempfile *temp, int fd)
{
    return (struct imgz_stamp_place){temp->directory_fd, temp->temp_name, fd};
}

/* 0: the file, which is not empty, was left by a run. -ENOTUNIQ: that is not known. */
static int check_origin(struct imgz_tempfile *temp, int fd)
{
    const struct imgz_stamp_place place = stamp_place(temp, fd);
    unsigned char head[IMGZ_TEMPFILE_HEAD_BYTES];
    ssize_t bytes;

    temp->stamped = imgz_stamp_has(&place);
    if (temp->stamped)
        return 0;
    if (temp->begins == NULL)
        return -ENOTUNIQ;
    bytes = pread(fd, head, sizeof(head), 0);
    if (bytes < 0)
        return -errno;
    return temp->begins(head, (size_t)bytes) ? 0 : -ENOTUNIQ;
}

/* True if a job ended after giving the file its final name and before removing the temporary
 * one. */
static bool is_second_name(const struct imgz_tempfile *temp, const struct stat *status)
{
    struct stat final;

    return fstatat(temp->directory_fd, temp->final_name, &final, AT_SYMLINK_NOFOLLOW) == 0 &&
           imgz_same_file(&final, status);
}

/* 0: it may be removed. */
static int check_stale(struct imgz_tempfile *temp, int fd, bool discard)
{
    struct stat status;
    int rc;

    if (fstat(fd, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode))
        return -EEXIST;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? -EBUSY : -errno;
    if (status.st_size == 0 || is_second_name(temp, &status))
        return 0;
    rc = check_origin(temp, fd);
    return rc == 0 && !discard ? -ENOTEMPTY : rc;
}

/* Removes what an interrupted run left behind. Its writer held a lock that died with it; a lock
 * that is held means a live writer. If the name means another file since it was opened, there is
 * nothing to remove. */
static int remove_stale(struct imgz_tempfile *temp, bool discard)
{
    int fd = open_stale(temp);
    int rc;

    if (fd < 0)
        return fd == -ENOENT ? 0 : fd;
    rc = check_stale(temp, fd, discard);
    if (rc == 0 && check_name(temp, fd) == 0 &&
        unlinkat(temp->directory_fd, temp->temp_name, 0) < 0)
        rc = -errno;
    close(fd);
    return rc;
}

/* Opens the file again for its lock. Some file systems do not open a file twice, whatever the error
 * is. There the lock shares the description of 'fd', and may outlive a killed process for as long
 * as a ring holds the file open. */
static int open_for_lock(const struct imgz_tempfile *temp, int fd)
{
    int again = openat(temp->directory_fd, temp->temp_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    int rc;

    if (again >= 0)
        return again;
    rc = check_name(temp, fd);
    if (rc < 0)
        return rc;
    again = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return again < 0 ? -errno : again;
}

/* Locks the temporary file just opened. The lock has a descriptor of its own, for two reasons. 'fd'
 * is closed before the file has its final name, because close() may fail. And a ring may hold its
 * file open for a moment after the process was killed. -ESTALE if the file was taken for stale
 * between its creation and the lock. */
static int lock_file(struct imgz_tempfile *temp, int fd)
{
    int rc;

    temp->lock_fd = open_for_lock(temp, fd);
    if (temp->lock_fd < 0)
        return temp->lock_fd;
    /* Some file systems have no locks; there a stale file cannot be told from a live one. */
    if (flock(temp->lock_fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        return -ESTALE;
    rc = check_name(temp, temp->lock_fd);
    return rc < 0 ? rc : check_name(temp, fd);
}

/* -EEXIST: the name exists. -ESTALE: something else has it by now. */
static int create_exclusive(struct imgz_tempfile *temp, int *fd)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int rc;

    *fd = openat(temp->directory_fd, temp->temp_name, flags, FILE_MODE);
    if (*fd < 0)
        return -errno;
    /* A umask may have taken away rights that the owner needs to open it again. On some file
     * systems files have no modes. */
    (void)!fchmod(*fd, FILE_MODE);
    rc = lock_file(temp, *fd);
    if (rc == -ESTALE) {
        close_fd(fd);
        close_fd(&temp->lock_fd);
        return rc;
    }
    temp->exists = true;
    return rc;
}

/* Stamps it on stable storage, before anything else is written. A run that cannot stamp it leaves
 * nothing.
 */
static int put_stamp(struct imgz_tempfile *temp, int fd)
{
    const struct imgz_stamp_place place = stamp_place(temp, fd);

    temp->stamped = imgz_stamp_put(&place) == 0;
    return fsync(fd) < 0 ? -errno : 0;
}

int imgz_tempfile_create(struct imgz_tempfile *temp, bool discard, int *fd)
{
    int rc = create_exclusive(temp, fd);

    for (int tries = 0; (rc == -EEXIST || rc == -ESTALE) && tries < CREATE_TRIES_MAX; tries++) {
        rc = remove_stale(temp, discard);
        if (rc < 0)
            return rc;
        rc = create_exclusive(temp, fd);
    }
    if (rc < 0)
        return rc == -ESTALE ? -EEXIST : rc;
    remove_map(temp);
    return put_stamp(temp, *fd);
}

bool imgz_tempfile_ours_alone(const struct stat *status)
{
    return status->st_uid == geteuid() && status->st_nlink == 1 &&
           (status->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static int look_at(int fd, struct stat *status)
{
    if (fstat(fd, status) < 0)
        return -errno;
    return S_ISREG(status->st_mode) && imgz_tempfile_ours_alone(status) ? 0 : -EPERM;
}

/* If the file system has no sticky bit, the existence of a map is the mark. */
static bool is_marked(const struct imgz_tempfile *temp, const struct stat *status)
{
    struct stat map;

    return (status->st_mode & S_ISVTX) != 0 || imgz_name_stat(&temp->map, &map) == 0;
}

/* After a write that failed, memory may have what the drive lacks. */
static int drop_cache(int fd)
{
    if (fsync(fd) < 0)
        return -errno;
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    return 0;
}

int imgz_tempfile_take_over(struct imgz_tempfile *temp, int *fd)
{
    struct stat status;
    int rc;

    *fd = openat(temp->directory_fd, temp->temp_name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (*fd < 0)
        return -errno;
    rc = look_at(*fd, &status);
    if (rc == 0)
        rc = lock_file(temp, *fd);
    if (rc == 0)
        rc = look_at(*fd, &status); /* its writer may have run until now */
    if (rc == 0 && status.st_size > 0)
        rc = check_origin(temp, *fd);
    if (rc < 0)
        return rc == -ESTALE ? -EBUSY : rc;
    temp->exists = true;
    temp->taken_over = status.st_size > 0;
    temp->marked = temp->taken_over && is_marked(temp, &status);
    if (!temp->taken_over) {
        remove_map(temp);
        rc = put_stamp(temp, *fd);
    } else {
        rc = drop_cache(*fd);
    }
    /* On some file systems files have no modes. */
    (void)!fchmod(*fd, temp->marked ? FILE_MODE | S_ISVTX : FILE_MODE);
    return rc;
}

/* This locks out another imgz only for a moment. */
static int look_at_left(struct imgz_tempfile *temp, int fd, struct stat *left)
{
    struct stat status;
    int rc = look_at(fd, &status);

    if (rc == 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        rc = -EBUSY;
    if (rc < 0 || status.st_size == 0)
        return rc;
    rc = check_origin(temp, fd);
    if (rc == 0)
        *left = status;
    return rc;
}

int imgz_tempfile_look(struct imgz_tempfile *temp, bool resume, bool discard, struct stat *left)
{
    int fd;
    int rc;

    if (faccessat(temp->directory_fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
        return -errno;
    fd = open_stale(temp);
    if (fd < 0)
        return fd == -ENOENT ? 0 : fd;
    rc = resume ? look_at_left(temp, fd, left) : check_stale(temp, fd, discard);
    close(fd);
    return rc;
}

int imgz_tempfile_open_direct(const struct imgz_tempfile *temp)
{
    return openat(temp->directory_fd, temp->temp_name,
                  O_WRONLY | O_DIRECT | O_NOFOLLOW | O_CLOEXEC);
}

/* Some file systems cannot flush a directory (EINVAL). */
int imgz_tempfile_flush_name(const struct imgz_tempfile *temp)
{
    return fsync(temp->directory_fd) < 0 && errno != EINVAL ? -errno : 0;
}

/* An empty map, or the one that is there. */
static int mark_by_map(const struct imgz_tempfile *temp)
{
    int fd = openat(temp->map.directory_fd, temp->map.base,
                    O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);

    if (fd < 0)
        return -errno;
    (void)!fchmod(fd, FILE_MODE);
    close(fd);
    return imgz_tempfile_flush_name(temp);
}

int imgz_tempfile_mark(struct imgz_tempfile *temp, int fd)
{
    struct stat status;

    temp->marked = true;
    if (fchmod(fd, FILE_MODE | S_ISVTX) == 0 && fstat(fd, &status) == 0 &&
        (status.st_mode & S_ISVTX) != 0)
        return 0;
    return mark_by_map(temp);
}

bool imgz_tempfile_is_left(const struct imgz_tempfile *temp)
{
    return temp->exists && (temp->stamped || temp->taken_over) && !is_replaced(temp);
}

/* ---- Ending it ---------------------------------------------------------------------------- */

/* Only now that the file is published: until then it may be taken over. */
static void take_mark_away(const struct imgz_tempfile *temp)
{
    struct stat status;

    if (temp->marked && fstat(temp->lock_fd, &status) == 0)
        (void)!fchmod(temp->lock_fd, status.st_mode & 07777 & ~(mode_t)S_ISVTX);
    remove_map(temp);
}

int imgz_tempfile_try(const struct imgz_tempfile *temp, bool force, enum imgz_publish_way *way)
{
    return imgz_publish_try(temp->directory_fd, force, way);
}

int imgz_tempfile_publish(struct imgz_tempfile *temp, bool force)
{
    const struct imgz_stamp_place place = stamp_place(temp, temp->lock_fd);
    enum imgz_publish_way way;
    int rc;

    if (is_replaced(temp))
        return -ESTALE;
    imgz_stamp_remove(&place);
    rc = imgz_publish(temp->directory_fd, temp->temp_name, temp->final_name, force, &way);
    if (rc < 0)
        return rc;
    temp->exists = false;
    take_mark_away(temp);
    return 0;
}

bool imgz_tempfile_name_taken(const struct imgz_tempfile *temp)
{
    struct stat status;

    return fstatat(temp->directory_fd, temp->final_name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

int imgz_tempfile_remove(struct imgz_tempfile *temp)
{
    const struct imgz_stamp_place place = stamp_place(temp, temp->lock_fd);
    int rc = temp->exists ? check_name(temp, temp->lock_fd) : -ESTALE;

    if (rc < 0)
        return rc == -ESTALE ? 0 : rc;
    if (unlinkat(temp->directory_fd, temp->temp_name, 0) < 0)
        return -errno;
    temp->exists = false;
    imgz_stamp_remove(&place);
    remove_map(temp);
    return 0;
}

void imgz_tempfile_close(struct imgz_tempfile *temp)
{
    close_fd(&temp->lock_fd);
    imgz_name_close(&temp->name);
    imgz_name_close(&temp->map);
    free(temp->temp_name);
    *temp = (struct imgz_tempfile)IMGZ_TEMPFILE_NONE;
}
