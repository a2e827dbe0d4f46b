/* SPDX-License-Identifier: MIT */
/*
 * A stamp says of a file that imgz made it and has not completed it. A file without one may be
 * anybody's, and is neither replaced nor written to.
 *
 * It is an extended attribute of the file (user.imgz.partial), which stays with the file. On file
 * systems without these it is a small file beside it, NAME.stamp, with the file's inode number and
 * time of birth. So one that was left behind does not vouch for another file.
 *
 * Place: used by tempfile.c.
 *
 * Threads    any.
 * Errors     returned, not raised: a negative errno.
 */
#ifndef IMGZ_STAMP_H
#define IMGZ_STAMP_H

#include "base/base.h"

/* A file in a folder. */
struct imgz_stamp_place {
    int directory_fd;
    const char *name;
    int fd; /* the file, open in any way */
};

/* Stamps a file that is still empty. Once that is flushed, what a crash leaves is known to be ours.
 * -EEXIST: NAME.stamp is somebody else's. */
IMGZ_MUST_CHECK int imgz_stamp_put(const struct imgz_stamp_place *place);

bool imgz_stamp_has(const struct imgz_stamp_place *place);

/* From here on the file is the user's. Accepts one without a stamp. */
void imgz_stamp_remove(const struct imgz_stamp_place *place);

#endif /* IMGZ_STAMP_H */
