/* SPDX-License-Identifier: MIT */
/*
 * The name of a file that a job makes or replaces: an open directory, and an entry in it. A path is
 * resolved once. Whatever it means later, nothing outside that directory is touched. And it is
 * known whether two paths mean the same before either file exists.
 *
 * Symbolic links are followed if they belong to root, to the user, or to the owner of the file they
 * lead to: somebody else's link must not choose which of the user's files is replaced.
 *
 * Threads    any.
 * Ownership  owns the directory and the texts.
 * Errors     a negative errno, not raised. open: -ELOOP for a link that leads to nothing, -EXDEV
 *            for somebody else's; imgz_name_explain() says it in words.
 */
#ifndef IMGZ_NAME_H
#define IMGZ_NAME_H

#include <sys/stat.h>

#include "base/base.h"

struct imgz_name {
    int directory_fd; /* may be flushed */
    char *base;       /* of the entry, which is not a symbolic link */
    char *path;       /* as it was given: for people, not to be resolved again */
};

/* One that is not open. */
#define IMGZ_NAME_NONE                                                                             \
    {                                                                                              \
        .directory_fd = -1                                                                         \
    }

/* The last part of the path need not exist. 'name' may be uninitialized; on failure nothing is
 * held. */
IMGZ_MUST_CHECK int imgz_name_open(struct imgz_name *name, const char *path);

/* The same name with a suffix, in the same directory. Links are not followed. */
IMGZ_MUST_CHECK int imgz_name_open_beside(struct imgz_name *name, const struct imgz_name *other,
                                          const char *suffix);

/* Accepts one that is closed. */
void imgz_name_close(struct imgz_name *name);

/* Why open() failed, for people: "is a symbolic link of ...". NULL: errno says it all.
 */
const char *imgz_name_explain(int rc);

/* What the entry is: links are not followed. 0, or -errno. */
IMGZ_MUST_CHECK int imgz_name_stat(const struct imgz_name *name, struct stat *status);

/* True if the entry, with a suffix, which may be "", is this very file. */
bool imgz_name_means(const struct imgz_name *name, const char *suffix, const struct stat *file);

/* True if 'name' is the other one with a suffix, which may be "", in the same directory. */
bool imgz_name_is(const struct imgz_name *name, const struct imgz_name *other, const char *suffix);

static inline bool imgz_same_file(const struct stat *one, const struct stat *other)
{
    return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

#endif /* IMGZ_NAME_H */
