/* SPDX-License-Identifier: MIT */
/*
 * What name a file has, or will have, that a job makes or replaces: where symbolic links lead, in
 * which directory. So that two paths can be told to mean the same before either is there.
 *
 * Threads    any.
 * Errors     a negative errno, not raised.
 */
#ifndef IMGZ_NAMES_H
#define IMGZ_NAMES_H

#include <sys/stat.h>

#include "base/base.h"

struct imgz_name {
    char *path;       /* owned; no symbolic link */
    const char *base; /* its last part, within it */
    struct stat directory;
};

/* The last part of the path need not be there. 'name' may be uninitialized; in any case to be ended
 * by fini. */
IMGZ_MUST_CHECK int imgz_name_init(struct imgz_name *name, const char *path);
void imgz_name_fini(struct imgz_name *name);

/* True if 'name' is the other one with a suffix, which may be "", in the same directory. */
bool imgz_name_is(const struct imgz_name *name, const struct imgz_name *other, const char *suffix);

static inline bool imgz_same_file(const struct stat *one, const struct stat *other)
{
    return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

#endif /* IMGZ_NAMES_H */
