/* SPDX-License-Identifier: MIT */
/*
 * realpath() would give a path, and each later use would resolve it again: somebody who can rename
 * one of its directories could choose what it means. So the links are followed here, one by one,
 * each from the directory it lies in, and that directory stays open.
 */
#include "io/file/name.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As the kernel has it (path_resolution(7)). */
#define LINKS_MAX 40u

struct walk {
    struct imgz_name name; /* so far; has no path */
    unsigned link_count;
    bool foreign; /* a link of 'owner', who is neither root nor the user, was followed */
    uid_t owner;
};

/* ---- Following ---------------------------------------------------------------------------- */

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Moves on to 'path', which begins at the current directory. */
static int step(struct imgz_name *name, int at, const char *path)
{
    const char *slash = strrchr(path, '/');
    char *base = strdup(slash == NULL ? path : slash + 1);
    char *directory = slash == NULL ? strdup(".") : strndup(path, (size_t)(slash - path) + 1);
    int rc = base == NULL || directory == NULL ? -ENOMEM : 0;
    int fd = -1;

    if (rc == 0 && base[0] == '\0')
        rc = -EISDIR;
    if (rc == 0) {
        fd = openat(at, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        rc = fd < 0 ? -errno : 0;
    }
    free(directory);
    if (rc < 0) {
        free(base);
        return rc;
    }
    close_fd(&name->directory_fd);
    free(name->base);
    name->directory_fd = fd;
    name->base = base;
    return 0;
}

static bool is_trusted(uid_t owner)
{
    return owner == 0 || owner == geteuid();
}

/* 'fd' is the link itself, so its owner and its text are those of the same link. */
static int follow(struct walk *walk, int fd, const struct stat *link)
{
    char text[PATH_MAX];
    ssize_t length = readlinkat(fd, "", text, sizeof(text) - 1);

    if (length < 0)
        return -errno;
    text[length] = '\0';
    if (!is_trusted(link->st_uid)) {
        if (walk->foreign && walk->owner != link->st_uid)
            return -EXDEV;
        walk->foreign = true;
        walk->owner = link->st_uid;
    }
    walk->link_count += 1;
    return walk->link_count > LINKS_MAX ? -ELOOP : step(&walk->name, walk->name.directory_fd, text);
}

/* Looks at the current entry, and goes on to where it leads if it is a link. '*ended' if not. */
static int look(struct walk *walk, bool *ended)
{
    struct stat status;
    int fd = openat(walk->name.directory_fd, walk->name.base, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    int rc;

    *ended = fd < 0;
    if (fd < 0 && errno == ENOENT)
        return walk->link_count > 0 ? -ELOOP : 0;
    if (fd < 0)
        return -errno;
    rc = fstat(fd, &status) < 0 ? -errno : 0;
    *ended = rc < 0 || !S_ISLNK(status.st_mode);
    if (!*ended)
        rc = follow(walk, fd, &status);
    else if (rc == 0 && walk->foreign && status.st_uid != walk->owner)
        rc = -EXDEV;
    close(fd);
    return rc;
}

int imgz_name_open(struct imgz_name *name, const char *path)
{
    struct walk walk = {.name = IMGZ_NAME_NONE};
    bool ended = false;
    int rc;

    *name = (struct imgz_name)IMGZ_NAME_NONE;
    rc = step(&walk.name, AT_FDCWD, path);
    while (rc == 0 && !ended)
        rc = look(&walk, &ended);
    if (rc == 0) {
        walk.name.path = strdup(path);
        rc = walk.name.path == NULL ? -ENOMEM : 0;
    }
    if (rc < 0)
        imgz_name_close(&walk.name);
    else
        *name = walk.name;
    return rc;
}

static char *append(const char *text, const char *suffix)
{
    char *both = NULL;

    return asprintf(&both, "%s%s", text, suffix) < 0 ? NULL : both;
}

int imgz_name_open_beside(struct imgz_name *name, const struct imgz_name *other, const char *suffix)
{
    int rc;

    *name = (struct imgz_name){
        .directory_fd = fcntl(other->directory_fd, F_DUPFD_CLOEXEC, 0),
    };
    rc = name->directory_fd < 0 ? -errno : 0;
    name->base = append(other->base, suffix);
    name->path = append(other->path, suffix);
    if (rc == 0 && (name->base == NULL || name->path == NULL))
        rc = -ENOMEM;
    if (rc < 0)
        imgz_name_close(name);
    return rc;
}

void imgz_name_close(struct imgz_name *name)
{
    close_fd(&name->directory_fd);
    free(name->base);
    free(name->path);
    *name = (struct imgz_name)IMGZ_NAME_NONE;
}

/* ---- Asking ------------------------------------------------------------------------------- */

const char *imgz_name_explain(int rc)
{
    switch (rc) {
    case -ELOOP:
        return "it is a broken symbolic link; name the file itself";
    case -EXDEV:
        return "it is another user's symbolic link to a file that is not theirs; name the file "
               "itself";
    default:
        return NULL;
    }
}

int imgz_name_stat(const struct imgz_name *name, struct stat *status)
{
    return fstatat(name->directory_fd, name->base, status, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

bool imgz_name_means(const struct imgz_name *name, const char *suffix, const struct stat *file)
{
    char *base = append(name->base, suffix);
    struct stat named;
    const bool same = base != NULL &&
                      fstatat(name->directory_fd, base, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
                      imgz_same_file(&named, file);

    free(base);
    return same;
}

bool imgz_name_is(const struct imgz_name *name, const struct imgz_name *other, const char *suffix)
{
    const size_t length = strlen(other->base);
    struct stat directories[2];

    return fstat(name->directory_fd, &directories[0]) == 0 &&
           fstat(other->directory_fd, &directories[1]) == 0 &&
           imgz_same_file(&directories[0], &directories[1]) &&
           strncmp(name->base, other->base, length) == 0 &&
           strcmp(name->base + length, suffix) == 0;
}
