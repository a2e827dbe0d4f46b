/* SPDX-License-Identifier: MIT */
/*
 * Takes rights to files, networks and other processes away from the calling thread, and from all
 * that it starts (Landlock, landlock(7)). What is open stays open. A confined job works with that,
 * and with what it grants itself here.
 *
 * Place: called for a job (job/common/confined.h) once everything it reads is open.
 *
 * Threads    the caller's, permanently. Threads that run already keep their rights.
 * Errors     -EOPNOTSUPP: this kernel has no Landlock, or it is turned off; nothing has changed.
 *            Otherwise the system's; some rights may be gone.
 */
#ifndef IMGZ_CONFINE_H
#define IMGZ_CONFINE_H

#include "base/base.h"

/* What may still be done with a file, or with everything beneath a folder. */
enum imgz_confine_right {
    IMGZ_CONFINE_READ = 1,   /* open for reading, list */
    IMGZ_CONFINE_WRITE = 2,  /* open for writing, truncate */
    IMGZ_CONFINE_MAKE = 4,   /* make and remove regular files, rename them within the folder */
    IMGZ_CONFINE_DEVICE = 8, /* ioctl() on devices that are opened from now on */
};

struct imgz_confine_grant {
    int fd; /* of a file, device or folder, opened in any mode */
    uint32_t rights;
};

/* Takes away all but the 'count' grants. A grant for something that is not a file (a pipe) is
 * ignored. */
IMGZ_MUST_CHECK int imgz_confine(const struct imgz_confine_grant *grants, size_t count);

#endif /* IMGZ_CONFINE_H */
