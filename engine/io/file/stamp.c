/* SPDX-License-Identifier: MIT */
#include "io/file/stamp.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ATTRIBUTE "user.imgz.partial"
#define VALUE     "1"

#define TEXT_BYTES_MAX 128

static bool has_attribute(int fd)
{
    char value[sizeof(VALUE)];

    return fgetxattr(fd, ATTRIBUTE, value, sizeof(value)) == (ssize_t)strlen(VALUE) &&
           memcmp(value, VALUE, strlen(VALUE)) == 0;
}

/* ---- The file beside it ------------------------------------------------------------------- */

#define FIRST_WORDS "imgz has not completed the file beside this one: "

/* Some file systems number their files again when they are mounted (FAT), but know times of birth.
 * So both are recorded, and one is enough. */
static int describe(const struct imgz_stamp_place *place, uint64_t *inode, int64_t *born_ns)
{
    struct statx status;

    if (statx(place->fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &status) < 0)
        return -errno;
    *inode = status.stx_ino;
    *born_ns = (status.stx_mask & STATX_BTIME) != 0
                   ? status.stx_btime.tv_sec * 1000000000 + status.stx_btime.tv_nsec
                   : 0;
    return 0;
}

static void name_beside(const struct imgz_stamp_place *place, char name[NAME_MAX + 32])
{
    (void)snprintf(name, NAME_MAX + 32, "%s.stamp", place->name);
}

/* The length of what it says, or -errno; -EEXIST if imgz did not write that. */
static int read_beside(const struct imgz_stamp_place *place, char text[TEXT_BYTES_MAX])
{
    char name[NAME_MAX + 32];
    ssize_t length;
    int fd;

    name_beside(place, name);
    fd = openat(place->directory_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    length = read(fd, text, TEXT_BYTES_MAX - 1);
    if (length < 0)
        length = -errno;
    close(fd);
    if (length < 0)
        return (int)length;
    text[length] = '\0';
    return strncmp(text, FIRST_WORDS, strlen(FIRST_WORDS)) == 0 ? (int)length : -EEXIST;
}

static bool has_beside(const struct imgz_stamp_place *place)
{
    char text[TEXT_BYTES_MAX];
    uint64_t inode;
    int64_t born_ns;
    char *end;

    if (read_beside(place, text) < 0 || describe(place, &inode, &born_ns) < 0)
        return false;
    return strtoull(text + strlen(FIRST_WORDS), &end, 10) == inode ||
           (born_ns != 0 && strtoll(end, NULL, 10) == born_ns);
}

static int write_beside(const struct imgz_stamp_place *place, const char *name, const char *text)
{
    const size_t bytes = strlen(text);
    ssize_t written;
    int fd = openat(place->directory_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                    S_IRUSR | S_IWUSR);
    int rc = 0;

    if (fd < 0)
        return -errno;
    written = write(fd, text, bytes);
    if (written < 0 || fsync(fd) < 0)
        rc = -errno;
    else if ((size_t)written != bytes)
        rc = -ENOSPC;
    if (close(fd) < 0 && rc == 0)
        rc = -errno;
    if (rc < 0)
        (void)unlinkat(place->directory_fd, name, 0);
    return rc;
}

static int put_beside(const struct imgz_stamp_place *place)
{
    char text[TEXT_BYTES_MAX];
    char name[NAME_MAX + 32];
    uint64_t inode;
    int64_t born_ns;
    int rc = read_beside(place, text);

    if (rc == -EEXIST)
        return rc;
    name_beside(place, name);
    if (rc >= 0)
        (void)unlinkat(place->directory_fd, name, 0);
    rc = describe(place, &inode, &born_ns);
    if (rc < 0)
        return rc;
    (void)snprintf(text, sizeof(text), FIRST_WORDS "%" PRIu64 " %" PRId64 "\n", inode, born_ns);
    rc = write_beside(place, name, text);
    if (rc == 0 && fsync(place->directory_fd) < 0 && errno != EINVAL)
        rc = -errno;
    return rc;
}

/* ---- Both --------------------------------------------------------------------------------- */

int imgz_stamp_put(const struct imgz_stamp_place *place)
{
    return fsetxattr(place->fd, ATTRIBUTE, VALUE, strlen(VALUE), 0) < 0 ? put_beside(place) : 0;
}

bool imgz_stamp_has(const struct imgz_stamp_place *place)
{
    return has_attribute(place->fd) || has_beside(place);
}

void imgz_stamp_remove(const struct imgz_stamp_place *place)
{
    char text[TEXT_BYTES_MAX];
    char name[NAME_MAX + 32];

    (void)fremovexattr(place->fd, ATTRIBUTE);
    name_beside(place, name);
    if (read_beside(place, text) >= 0)
        (void)unlinkat(place->directory_fd, name, 0);
}
