/* SPDX-License-Identifier: MIT */
/*
 * A file under a temporary name, NAME.partial beside NAME, until it is complete.
 *
 * It is created with O_EXCL, or taken over from an interrupted run, and locked, so that one process
 * alone has it. A file without a lock was left by an interrupted run if it has a stamp (stamp.h) or
 * begins as such a file does; its beginning survives where a stamp is lost. Any other file of that
 * name is somebody else's, and is neither removed nor written to, unless it is empty.
 *
 * Place: used by io/sink/sink_file.c.
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

/* True if only a run can have left a file with these first bytes; there may be fewer than
 * IMGZ_TEMPFILE_HEAD_BYTES. */
typedef bool (*imgz_tempfile_begins_fn)(const unsigned char *head, size_t bytes);

#define IMGZ_TEMPFILE_HEAD_BYTES 64u

/* Added to the final name: for the file until it is complete, and for the map that goes with it. */
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
    struct imgz_name map; /* for a map (map_tracker.h) that is kept and removed with the file */
};

/* One that is not open. */
#define IMGZ_TEMPFILE_NONE                                                                         \
    {                                                                                              \
        .name = IMGZ_NAME_NONE, .directory_fd = -1, .lock_fd = -1, .map = IMGZ_NAME_NONE           \
    }

/* Takes the name that the file will have. Call close in any case. */
IMGZ_MUST_CHECK int imgz_tempfile_open(struct imgz_tempfile *temp, struct imgz_name *name);

/* True if creating or removing the temporary file would hit this file. */
bool imgz_tempfile_would_replace(const struct imgz_tempfile *temp, const struct stat *file);

/* Creates the file; '*fd' is open for writing. What an interrupted run left is removed with
 * 'discard'; without, -ENOTEMPTY if there is anything in it. -ENOTUNIQ: the file may be somebody
 * else's. -EBUSY: another process writes it. -EEXIST: the name means something else. */
IMGZ_MUST_CHECK int imgz_tempfile_create(struct imgz_tempfile *temp, bool discard, int *fd);

/* Takes over what an interrupted run left; '*fd' is open for reading and writing, and what it reads
 * is on stable storage. An empty file is as good as a new one: that run wrote nothing. -ENOENT: no
 * run was interrupted. -ENOTUNIQ, -EBUSY: as above. -EPERM, -ELOOP: it is not a plain file, or
 * somebody else can write to it. */
IMGZ_MUST_CHECK int imgz_tempfile_take_over(struct imgz_tempfile *temp, int *fd);

/* What create(), or take_over() with 'resume', would return; nothing is changed. '*left' is the
 * file that take_over() would open; it is not set if there is none. Also -EACCES, -EROFS: no file
 * can be made there. */
IMGZ_MUST_CHECK int imgz_tempfile_look(struct imgz_tempfile *temp, bool resume, bool discard,
                                       struct stat *left);

/* Opens the file once more, for direct writes: a descriptor, or -1. */
int imgz_tempfile_open_direct(const struct imgz_tempfile *temp);

/* True if nobody else can write to a file that an earlier run may have left: what was checked in it
 * stays as it is. */
bool imgz_tempfile_ours_alone(const struct stat *status);

/* Marks a file that is not quite right, until it is published: by the sticky bit, which means
 * nothing for a file; on a file system without it, by the existence of the map. The caller flushes
 * the file. */
IMGZ_MUST_CHECK int imgz_tempfile_mark(struct imgz_tempfile *temp, int fd);

/* True if it is there under its temporary name, and known to be left by a run. */
bool imgz_tempfile_is_left(const struct imgz_tempfile *temp);

/* Before anything is written: finds out whether publish() will work, and in which way
 * (publish.h). */
IMGZ_MUST_CHECK int imgz_tempfile_try(const struct imgz_tempfile *temp, bool force,
                                      enum imgz_publish_way *way);

/* Gives the complete file its final name. A file that appeared there meanwhile is replaced by force
 * only (publish.h). Nothing is flushed. -ESTALE: the temporary name was removed, or means another
 * file. */
IMGZ_MUST_CHECK int imgz_tempfile_publish(struct imgz_tempfile *temp, bool force);

/* Flushes the names to stable storage. */
IMGZ_MUST_CHECK int imgz_tempfile_flush_name(const struct imgz_tempfile *temp);

/* True if there is anything under the final name. */
bool imgz_tempfile_name_taken(const struct imgz_tempfile *temp);

/* Removes the file, with its map, if it still has its temporary name. After an error it is still
 * there. */
IMGZ_MUST_CHECK int imgz_tempfile_remove(struct imgz_tempfile *temp);

/* A file that was neither published nor removed stays. Accepts one in any state. */
void imgz_tempfile_close(struct imgz_tempfile *temp);

#endif /* IMGZ_TEMPFILE_H */
