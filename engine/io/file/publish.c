/* SPDX-License-Identifier: MIT */
#include "io/file/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- The ways ------------------------------------------------------------------------------- */

/* The errors of a file system that does not know a kind of rename (renameat2(2): EINVAL). */
static bool is_unknown(int rc)
{
    return rc == -EINVAL || rc == -ENOSYS || rc == -EOPNOTSUPP;
}

/* Likewise for links, where EPERM is the usual one (link(2)). */
static bool is_link_unknown(int rc)
{
    return is_unknown(rc) || rc == -EPERM || rc == -EACCES || rc == -EMLINK;
}

static int rename_to(int directory_fd, const char *from, const char *to, unsigned flags)
{
    return renameat2(directory_fd, from, directory_fd, to, flags) < 0 ? -errno : 0;
}

static int link_to(int directory_fd, const char *from, const char *to)
{
    if (linkat(directory_fd, from, directory_fd, to, 0) < 0)
        return -errno;
    (void)unlinkat(directory_fd, from, 0);
    return 0;
}

static int rename_if_free(int directory_fd, const char *from, const char *to)
{
    struct stat status;

    if (fstatat(directory_fd, to, &status, AT_SYMLINK_NOFOLLOW) == 0)
        return -EEXIST;
    return errno == ENOENT ? rename_to(directory_fd, from, to, 0) : -errno;
}

/* A link replaces nothing, but there may be no file to replace. */
static int replace(int directory_fd, const char *from, const char *to)
{
    const int rc = rename_to(directory_fd, from, to, 0);

    return is_unknown(rc) && link_to(directory_fd, from, to) == 0 ? 0 : rc;
}

int imgz_publish(int directory_fd, const char *from, const char *to, bool force,
                 enum imgz_publish_way *way)
{
    int rc;

    *way = IMGZ_PUBLISH_SAFE;
    if (force)
        return replace(directory_fd, from, to);
    rc = rename_to(directory_fd, from, to, RENAME_NOREPLACE);
    if (is_unknown(rc))
        rc = link_to(directory_fd, from, to);
    if (!is_link_unknown(rc))
        return rc;
    *way = IMGZ_PUBLISH_CHECKED;
    return rename_if_free(directory_fd, from, to);
}

/* ---- Trying -----------------------------------------------------------------------------------
 */

/* In such a folder a file could be made, but neither renamed nor removed. */
static bool keeps_all_names(int directory_fd)
{
    struct statx status;

    return statx(directory_fd, "", AT_EMPTY_PATH, 0, &status) == 0 &&
           (status.stx_attributes & STATX_ATTR_APPEND) != 0;
}

struct names {
    char from[40];
    char to[40];
};

static int make_names(struct names *names)
{
    uint64_t random;

    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return -EAGAIN;
    (void)snprintf(names->from, sizeof(names->from), ".imgz-%016" PRIx64, random);
    (void)snprintf(names->to, sizeof(names->to), ".imgz-%016" PRIx64 "-to", random);
    return 0;
}

int imgz_publish_try(int directory_fd, bool force, enum imgz_publish_way *way)
{
    struct names names;
    int rc = make_names(&names);
    int fd;

    if (rc < 0)
        return rc;
    if (keeps_all_names(directory_fd))
        return -EPERM;
    fd = openat(directory_fd, names.from, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                S_IRUSR | S_IWUSR);
    if (fd < 0)
        return -errno;
    close(fd);
    rc = imgz_publish(directory_fd, names.from, names.to, force, way);
    (void)unlinkat(directory_fd, names.from, 0);
    (void)unlinkat(directory_fd, names.to, 0);
    return rc;
}
