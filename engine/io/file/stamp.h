/* SPDX-License-Identifier: MIT */
/*
 * A stamp on a file that says that imgz made it and has not completed it: what bears none may be
 * anybody's, and is neither replaced nor written to.
 *
 * It is an extended attribute of the file (user.imgz.partial), which goes where the file goes. On
 * file systems without these it is a small file beside it, NAME.stamp, which tells the file's inode
 * number and time of birth: one that was left behind does not speak for another file.
 *
 * Place: of tempfile.h.
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

/* Stamps a file that is empty still. Once that is flushed a crash leaves something that is known.
 * -EEXIST: NAME.stamp is somebody's own. */
IMGZ_MUST_CHECK int imgz_stamp_put(const struct imgz_stamp_place *place);

bool imgz_stamp_has(const struct imgz_stamp_place *place);

/* From here on the file is its owner's. Accepts one that has none. */
void imgz_stamp_remove(const struct imgz_stamp_place *place);

#endif /* IMGZ_STAMP_H */
