/* SPDX-License-Identifier: MIT */
/*
 * Gives a file its final name, within a folder.
 *
 * Without force nothing that has the name by then is replaced: by a rename that refuses to, or, on
 * file systems that know none, by a link. Where neither works, as on many FUSE and network file
 * systems, the name is looked for and then taken by a plain rename: a file that appears in between
 * is replaced.
 *
 * Place: of tempfile.h.
 *
 * Threads    any.
 * Errors     returned, not raised: a negative errno.
 */
#ifndef IMGZ_PUBLISH_H
#define IMGZ_PUBLISH_H

#include "base/base.h"

enum imgz_publish_way {
    IMGZ_PUBLISH_SAFE,    /* nothing that appears at the last moment is replaced; or by force */
    IMGZ_PUBLISH_CHECKED, /* that may happen */
};

/* Finds out in which way publish() will do it, by doing it to an empty file of its own, which it
 * removes. An error: that publish() will meet, too. -EPERM also for a folder in which names are
 * never removed (chattr +a). */
IMGZ_MUST_CHECK int imgz_publish_try(int directory_fd, bool force, enum imgz_publish_way *way);

/* Names the file 'from' 'to'. -EEXIST: there is one of that name, and no force. Where 'from' cannot
 * be removed it stays as a second name. Not flushed. */
IMGZ_MUST_CHECK int imgz_publish(int directory_fd, const char *from, const char *to, bool force,
                                 enum imgz_publish_way *way);

#endif /* IMGZ_PUBLISH_H */
