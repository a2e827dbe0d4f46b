/* SPDX-License-Identifier: MIT */
/*
 * Programs that have a block device open for writing, such as a virtual machine with its disk.
 * open(2) with O_EXCL does not notice them.
 *
 * Place: read by a stack (device_stack.h) when it is opened.
 *
 * Threads    any.
 * Errors     -ENOMEM. What /proc does not show is not seen: only root sees other users' programs.
 * Blocking   only what lies in /dev is looked at, so a server that hangs holds nobody up.
 */
#ifndef IMGZ_WRITERS_H
#define IMGZ_WRITERS_H

#include <sys/types.h>

#include "base/base.h"

struct imgz_writer {
    dev_t device;
    uint64_t process; /* its number */
    char name[32];    /* as the program calls itself */
};

struct imgz_writers {
    struct imgz_writer *list; /* none twice */
    size_t count;
    size_t capacity;
};

/* Looks twice and keeps those that were there both times. This process is left out. 'root': before
 * /proc. 'writers' may be uninitialized; call fini in any case. */
IMGZ_MUST_CHECK int imgz_writers_find(const char *root, struct imgz_writers *writers);
void imgz_writers_fini(struct imgz_writers *writers);

#endif /* IMGZ_WRITERS_H */
