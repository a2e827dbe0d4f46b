/* SPDX-License-Identifier: MIT */
/*
 * A file under a temporary name, NAME.partial beside NAME, until it is complete.
 *
 * It is created with O_EXCL, or taken over from an interrupted run, and locked: whoever has it has
 * it alone. A lock that died with its process tells what an interrupted run left. That is known by
 * a stamp (stamp.h), or by how it begins, which goes where no stamp does. Anything else of that
 * name is somebody's own: it is neither removed nor written to. What is empty is nobody's loss.
 *
 * Place: of output.h.
 *
 * Threads    one at a time.
 * Ownership  the directory, the lock and the names are its own; the file that is written is the
 *            caller's.
 * Errors     returned, not raised: a negative errno.
 */
#ifndef IMGZ_TEMPFILE_H
#define IMGZ_TEMPFILE_H

#include <sys/stat.h>

#include "io/file/name.h"
#include "io/file/publish.h"

/* True if a file with these first bytes can be nothing but what a run left; there may be fewer than
 * IMGZ_TEMPFILE_HEAD_BYTES. */
typedef bool (*imgz_tempfile_begins_fn)(const unsigned char *head, size_t bytes);

#define IMGZ_TEMPFILE_HEAD_BYTES 64u

/* Behind the final name: of the file until it is complete, and of the map that goes with it. */
#define IMGZ_TEMPFILE_SUFFIX     ".partial"
#define IMGZ_TEMPFILE_MAP_SUFFIX IMGZ_TEMPFILE_SUFFIX ".map"

struct imgz_tempfile {
    struct imgz_name name; /* owns directory_fd and final_name */
    int directory_fd;
    int lock_fd;     /* until the file has its final name */
    bool exists;     /* under its temporary name, and is ours */
    bool taken_over; /* it was left by an earlier run, and holds whatever that wrote */
    bool marked;     /* see imgz_tempfile_mark(): by this run, or the one that left it */
    bool stamped;    /* by this run, or the one that left it */
    imgz_tempfile_begins_fn begins; /* may be NULL */
    char *final_name;               /* within the directory */
    char *temp_name;
    struct imgz_name map; /* for whoever keeps a map (map_tracker.h) of the file: it goes with it */
};

/* One that is not open. */
#define IMGZ_TEMPFILE_NONE                                                                         \
    {                                                                                              \
        .name = IMGZ_NAME_NONE, .directory_fd = -1, .lock_fd = -1, .map = IMGZ_NAME_NONE           \
    }

/* Takes the name that the file is to have. Whatever comes of it, to be ended by close. */
IMGZ_MUST_CHECK int imgz_tempfile_open(struct imgz_tempfile *temp, struct imgz_name *name);

/* True if what is made under the temporary name, or removed with it, would be this file. */
bool imgz_tempfile_would_replace(const struct imgz_tempfile *temp, const struct stat *file);

/* Creates the file; '*fd' is open for writing. What an interrupted run left is removed with
 * 'discard'; without, it is -ENOTEMPTY if there is anything in it. -ENOTUNIQ: the file is not known
 * to be that. -EBUSY: another process writes it. -EEXIST: the name means something else. */
IMGZ_MUST_CHECK int imgz_tempfile_create(struct imgz_tempfile *temp, bool discard, int *fd);

/* Takes over what an interrupted run left; '*fd' is open for reading and writing, and what is read
 * is what is on stable storage. An empty file is as good as a new one: that run did not get to
 * write. -ENOENT: no run was interrupted. -ENOTUNIQ, -EBUSY: as above. -EPERM, -ELOOP: it is no
 * plain file that nobody else can write to. */
IMGZ_MUST_CHECK int imgz_tempfile_take_over(struct imgz_tempfile *temp, int *fd);

/* What create(), or take_over() with 'resume', would find; nothing is changed. '*left' is what
 * would be taken over, untouched if nothing would be. Also -EACCES, -EROFS: no file can be made
 * there. */
IMGZ_MUST_CHECK int imgz_tempfile_look(struct imgz_tempfile *temp, bool resume, bool discard,
                                       struct stat *left);

/* Opens the file once more, for direct writes: a descriptor, or -1. */
int imgz_tempfile_open_direct(const struct imgz_tempfile *temp);

/* True if nobody else can write to a file that an earlier run may have left: what was checked in it
 * stays as it is. */
bool imgz_tempfile_ours_alone(const struct stat *status);

/* Marks what is not quite right, until it is shown: by the sticky bit, which means nothing to a
 * file; where the file system knows none, by the map's being there. The file itself is to be
 * flushed. */
IMGZ_MUST_CHECK int imgz_tempfile_mark(struct imgz_tempfile *temp, int fd);

/* True if it is there under its temporary name, and known to be left by a run. */
bool imgz_tempfile_is_left(const struct imgz_tempfile *temp);

/* Before anything is written: finds out whether show() will work, and in which way (publish.h). */
IMGZ_MUST_CHECK int imgz_tempfile_try(const struct imgz_tempfile *temp, bool force,
                                      enum imgz_publish_way *way);

/* Shows the complete file under its final name, where nothing that appeared meanwhile is replaced
 * but by force (publish.h). Not flushed. -ESTALE: the temporary name was taken away, or means
 * another file. */
IMGZ_MUST_CHECK int imgz_tempfile_publish(struct imgz_tempfile *temp, bool force);

/* Brings the names to stable storage. */
IMGZ_MUST_CHECK int imgz_tempfile_flush_name(const struct imgz_tempfile *temp);

/* True if there is anything under the final name. */
bool imgz_tempfile_name_taken(const struct imgz_tempfile *temp);

/* Removes the file, with its map, if it has its temporary name still. An error: it is there. */
IMGZ_MUST_CHECK int imgz_tempfile_remove(struct imgz_tempfile *temp);

/* What was created, and neither shown nor removed, stays. Accepts one in any state. */
void imgz_tempfile_close(struct imgz_tempfile *temp);

#endif /* IMGZ_TEMPFILE_H */
