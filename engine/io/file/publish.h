/* SPDX-License-Identifier: MIT */
/*
 * Gives a file its final name, within a folder.
 *
 * Without force, a file that has the name by then is not replaced. A rename that refuses to replace
 * ensures that or, on file systems without one, a link. If neither works, as on many FUSE and
 * network file systems, the name is looked for and then taken by a plain rename: a file that
 * appears in between is replaced.
 *
 * Place: used by tempfile.c.
 *
 * Threads    any.
 * Errors     returned, not raised: a negative errno.
 */
#ifndef IMGZ_PUBLISH_H
#define IMGZ_PUBLISH_H

#include "base/base.h"

enum imgz_publish_way {
    IMGZ_PUBLISH_SAFE,    /* a file that appears at the last moment is not replaced, except by
                             force */
    IMGZ_PUBLISH_CHECKED, /* ... may be replaced */
};

/* Finds out in which way publish() will do it, by trying it on an empty file of its own, which it
 * removes. An error is one that publish() would meet, too. -EPERM also for a folder in which names
 * are never removed (chattr +a). */
IMGZ_MUST_CHECK int imgz_publish_try(int directory_fd, bool force, enum imgz_publish_way *way);

/* Names the file 'from' 'to'. -EEXIST: there is a file of that name, and no force. If 'from' cannot
 * be removed, it stays as a second name. Nothing is flushed. */
IMGZ_MUST_CHECK int imgz_publish(int directory_fd, const char *from, const char *to, bool force,
                                 enum imgz_publish_way *way);

#endif /* IMGZ_PUBLISH_H */
