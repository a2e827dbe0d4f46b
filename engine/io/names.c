/* SPDX-License-Identifier: MIT */
#include "io/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Through a symbolic link it is the file that is replaced, not the link. */
static char *follow(const char *path)
{
    struct stat status;

    if (stat(path, &status) == 0)
        return realpath(path, NULL);
    return errno == ENOENT ? strdup(path) : NULL;
}

static int look_at_directory(struct imgz_name *name)
{
    char *slash = strrchr(name->path, '/');
    int rc;

    if (slash == NULL) {
        name->base = name->path;
        return stat(".", &name->directory) < 0 ? -errno : 0;
    }
    name->base = slash + 1;
    if (slash == name->path)
        return stat("/", &name->directory) < 0 ? -errno : 0;
    *slash = '\0';
    rc = stat(name->path, &name->directory) < 0 ? -errno : 0;
    *slash = '/';
    return rc;
}

int imgz_name_init(struct imgz_name *name, const char *path)
{
    *name = (struct imgz_name){.path = follow(path)};
    return name->path == NULL ? -errno : look_at_directory(name);
}

void imgz_name_fini(struct imgz_name *name)
{
    free(name->path);
    name->path = NULL;
}

bool imgz_name_is(const struct imgz_name *name, const struct imgz_name *other, const char *suffix)
{
    const size_t length = strlen(other->base);

    return imgz_same_file(&name->directory, &other->directory) &&
           strncmp(name->base, other->base, length) == 0 &&
           strcmp(name->base + length, suffix) == 0;
}
