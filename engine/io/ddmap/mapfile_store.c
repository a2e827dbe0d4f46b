/* SPDX-License-Identifier: MIT */
/* A map's file: loaded as a whole, replaced as a whole. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file/handle.h"

#include "io/ddmap/mapfile.h"

/* ---- Loading ------------------------------------------------------------------------------ */

static int raise_here(struct imgz_latch *latch, const char *path, int rc, const char *doing)
{
    const struct imgz_location location = {IMGZ_STAGE_SETUP, path, IMGZ_OFFSET_NONE};

    return imgz_latch_raise_system(latch, rc, location, doing);
}

static int raise_problem(struct imgz_latch *latch, const char *path,
                         const struct imgz_mapfile_problem *problem)
{
    const struct imgz_location location = {IMGZ_STAGE_SETUP, path, IMGZ_OFFSET_NONE};

    return imgz_latch_raise(latch, -EBADMSG, location,
                            "reading %s, line %" PRIu64
                            ": %s; it is not a ddrescue map, or it is damaged; name another file",
                            path, problem->line, problem->what);
}

/* O_NONBLOCK: opening must not wait for a FIFO, which is then refused. */
static int open_plain_file(const struct imgz_name *name, uint64_t *bytes)
{
    int fd = openat(name->directory_fd, name->base,
                    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    struct stat status;
    int rc = 0;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &status) < 0)
        rc = -errno;
    else if (!S_ISREG(status.st_mode))
        rc = S_ISDIR(status.st_mode) ? -EISDIR : -EEXIST;
    else if ((uint64_t)status.st_size > IMGZ_MAPFILE_BYTES_MAX)
        rc = -EFBIG;
    if (rc < 0) {
        close(fd);
        return rc;
    }
    *bytes = (uint64_t)status.st_size;
    return fd;
}

/* The caller frees '*text'. */
static int read_text(const struct imgz_name *name, char **text, size_t *text_bytes)
{
    uint64_t bytes = 0;
    int fd = open_plain_file(name, &bytes);
    int rc = -ENOMEM;

    if (fd < 0)
        return fd;
    *text = malloc(bytes + 1);
    if (*text != NULL)
        rc = imgz_handle_read_at(fd, 0, *text, (size_t)bytes, text_bytes);
    close(fd);
    return rc;
}

int imgz_mapfile_load(const struct imgz_name *name, struct imgz_latch *latch,
                      struct imgz_mapfile *map)
{
    const char *path = name->path;
    struct imgz_mapfile_problem problem;
    char *text = NULL;
    size_t bytes = 0;
    int rc = read_text(name, &text, &bytes);

    if (rc == 0)
        rc = imgz_mapfile_parse(text, bytes, map, &problem);
    free(text);
    if (rc == -EEXIST || rc == -EFBIG)
        return imgz_latch_raise(latch, rc, (struct imgz_location){IMGZ_STAGE_SETUP, path, 0},
                                "reading %s: it is %s, so it is not a map; name another file", path,
                                rc == -EFBIG ? "too large" : "not a regular file");
    if (rc == -EBADMSG)
        return raise_problem(latch, path, &problem);
    return rc < 0 && rc != -ENOENT ? raise_here(latch, path, rc, "reading") : rc;
}

/* ---- Saving ------------------------------------------------------------------------------- */

/* A new one is like an image: nobody else may read or write it. */
#define FILE_MODE 0600

/* The mode of the file that is replaced, or of a new one. */
static int find_mode(const struct imgz_name *name, mode_t *mode)
{
    struct stat status;
    int rc = imgz_name_stat(name, &status);

    *mode = FILE_MODE;
    if (rc < 0)
        return rc == -ENOENT ? 0 : rc;
    *mode = status.st_mode & 0777;
    return S_ISREG(status.st_mode) ? 0 : -EEXIST;
}

/* Replaces a file that a killed run left, which is of no use. */
static int create_temporary(const struct imgz_name *name, mode_t mode)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    struct stat status;
    int fd = openat(name->directory_fd, name->base, flags, FILE_MODE);

    if (fd < 0 && errno == EEXIST && imgz_name_stat(name, &status) == 0 &&
        S_ISREG(status.st_mode) && unlinkat(name->directory_fd, name->base, 0) == 0)
        fd = openat(name->directory_fd, name->base, flags, FILE_MODE);
    if (fd < 0)
        return -errno;
    /* On some file systems files have no modes. */
    (void)!fchmod(fd, mode);
    return fd;
}

static int write_all(int fd, const char *text, size_t bytes)
{
    while (bytes > 0) {
        ssize_t moved = write(fd, text, bytes);

        if (moved < 0 && errno == EINTR)
            continue;
        if (moved <= 0)
            return moved < 0 ? -errno : -EIO;
        text += moved;
        bytes -= (size_t)moved;
    }
    return fsync(fd) < 0 ? -errno : 0;
}

/* Some file systems cannot flush a directory (EINVAL). */
static int flush_directory_of(const struct imgz_name *name)
{
    return fsync(name->directory_fd) < 0 && errno != EINVAL ? -errno : 0;
}

static int replace(const struct imgz_name *name, mode_t mode, const char *text, size_t bytes)
{
    struct imgz_name temporary;
    int rc = imgz_name_open_beside(&temporary, name, ".partial");
    int fd = -1;

    if (rc < 0)
        return rc;
    fd = create_temporary(&temporary, mode);
    rc = fd < 0 ? fd : write_all(fd, text, bytes);
    if (fd >= 0 && close(fd) < 0 && rc == 0)
        rc = -errno;
    if (rc == 0 &&
        renameat(temporary.directory_fd, temporary.base, name->directory_fd, name->base) < 0)
        rc = -errno;
    if (fd >= 0 && rc < 0)
        unlinkat(temporary.directory_fd, temporary.base, 0);
    imgz_name_close(&temporary);
    return rc < 0 ? rc : flush_directory_of(name);
}

int imgz_mapfile_save(const struct imgz_mapfile *map, const struct imgz_name *name,
                      uint64_t position, bool finished)
{
    char *text = NULL;
    size_t bytes = 0;
    mode_t mode;
    int rc = find_mode(name, &mode);

    if (rc == 0)
        rc = imgz_mapfile_format(map, position, finished, &text, &bytes);
    if (rc == 0)
        rc = replace(name, mode, text, bytes);
    free(text);
    return rc;
}
