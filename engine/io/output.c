/* SPDX-License-Identifier: MIT */
#include "io/output.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "io/target.h"

/* A disk image holds everything the disk held: nobody else's business until it is complete, and not
 * then unless its owner says so. */
#define FILE_MODE 0600

struct imgz_place imgz_output_place(const struct imgz_output *output, uint64_t offset)
{
    return (struct imgz_place){output->stage, output->path, offset};
}

static int raise_here(const struct imgz_output *output, int rc, const char *doing)
{
    return imgz_stop_raise_system(output->stop, rc, imgz_output_place(output, IMGZ_OFFSET_NONE),
                                  doing);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* ---- Files -------------------------------------------------------------------------------- */

/* Splits the path into an open directory and the names within it. */
static int open_directory(struct imgz_output *output)
{
    char *slash = strrchr(output->full_path, '/');
    const char *directory = ".";

    if (asprintf(&output->map_path, "%s.partial.map", output->full_path) < 0) {
        output->map_path = NULL;
        return -ENOMEM;
    }
    output->final_name = output->full_path;
    if (slash != NULL) {
        directory = slash == output->full_path ? "/" : output->full_path;
        *slash = '\0';
        output->final_name = slash + 1;
    }
    if (output->final_name[0] == '\0')
        return -EISDIR;
    if (asprintf(&output->temp_name, "%s.partial", output->final_name) < 0) {
        output->temp_name = NULL;
        return -ENOMEM;
    }
    output->directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return output->directory_fd < 0 ? -errno : 0;
}

/* True if the temporary name means the open file 'fd' and nothing else. */
static bool name_means(const struct imgz_output *output, int fd)
{
    struct stat named;
    struct stat opened;

    return fstat(fd, &opened) == 0 &&
           fstatat(output->directory_fd, output->temp_name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
}

/* Removes what a killed run left behind. Its writer held a lock that died with it; a lock that
 * lives means a writer that lives. Between opening and locking the name may have come to mean
 * another file: then there is nothing to remove. */
static int remove_stale(struct imgz_output *output)
{
    int fd = openat(output->directory_fd, output->temp_name,
                    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat status;
    int rc = 0;

    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    if (fstat(fd, &status) < 0)
        rc = -errno;
    else if (!S_ISREG(status.st_mode))
        rc = -EEXIST;
    else if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        rc = errno == EWOULDBLOCK ? -EBUSY : -errno;
    else if (name_means(output, fd) && unlinkat(output->directory_fd, output->temp_name, 0) < 0)
        rc = -errno;
    close(fd);
    return rc;
}

/* Locks the temporary file just created. The lock lives on a descriptor of its own: fd is closed
 * before the file has its final name, because close() may fail, and a ring may hold fd's file open
 * for a moment after the process was killed. -EEXIST if the file was taken for stale between its
 * creation and the lock. */
static int lock_temporary(struct imgz_output *output)
{
    output->lock_fd =
        openat(output->directory_fd, output->temp_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (output->lock_fd < 0)
        return errno == ENOENT ? -EEXIST : -errno;
    /* File systems without locks exist; there a stale file is not told from a live one. */
    if ((flock(output->lock_fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) ||
        !name_means(output, output->lock_fd) || !name_means(output, output->fd))
        return -EEXIST;
    return 0;
}

static int create_exclusive(struct imgz_output *output)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int rc;

    output->fd = openat(output->directory_fd, output->temp_name, flags, FILE_MODE);
    if (output->fd < 0)
        return -errno;
    rc = lock_temporary(output);
    if (rc == -EEXIST) {
        close_fd(&output->fd);
        close_fd(&output->lock_fd);
        return rc;
    }
    output->temporary = true;
    return rc;
}

/* More often than this a name is not lost to others by chance. */
#define CREATE_TRIES_MAX 100

/* Of the temporary file, or of one that was there before. */
static void remove_map(const struct imgz_output *output)
{
    (void)unlink(output->map_path);
}

static int create_temporary(struct imgz_output *output)
{
    int rc = create_exclusive(output);

    for (int tries = 0; rc == -EEXIST && tries < CREATE_TRIES_MAX; tries++) {
        rc = remove_stale(output);
        if (rc < 0)
            return imgz_stop_raise(output->stop, rc, imgz_output_place(output, IMGZ_OFFSET_NONE),
                                   "creating %s: its temporary file %s.partial %s", output->path,
                                   output->path,
                                   rc == -EBUSY ? "is being written by another imgz; wait for it"
                                                : "exists and is no plain file; move it away");
        rc = create_exclusive(output);
    }
    if (rc < 0)
        return raise_here(output, rc, "creating");
    remove_map(output);
    return 0;
}

bool imgz_output_ours_alone(const struct stat *status)
{
    return status->st_uid == geteuid() && status->st_nlink == 1 &&
           (status->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* -ENOENT: no run was interrupted. */
static int open_leftover(struct imgz_output *output)
{
    struct stat status;
    int rc;

    output->fd = openat(output->directory_fd, output->temp_name,
                        O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (output->fd < 0)
        return -errno;
    if (fstat(output->fd, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode) || !imgz_output_ours_alone(&status))
        return -EPERM;
    rc = lock_temporary(output);
    if (rc < 0)
        return rc == -EEXIST ? -EBUSY : rc;
    output->temporary = true;
    output->taken_over = true;
    output->marked = (status.st_mode & S_ISVTX) != 0;
    return 0;
}

static int take_over(struct imgz_output *output)
{
    int rc = open_leftover(output);
    const char *why = strerrordesc_np(-rc);

    if (rc == 0 || rc == -ENOENT)
        return rc;
    if (rc == -EBUSY)
        why = "is being written by another imgz; wait for it";
    else if (rc == -EPERM || rc == -ELOOP)
        why = "is no plain file of yours that nobody else can write to; move it away";
    return imgz_stop_raise(output->stop, rc, imgz_output_place(output, IMGZ_OFFSET_NONE),
                           "resuming %s: %s.partial %s", output->path, output->path, why);
}

static int open_file(const struct imgz_output_config *config, struct imgz_output *output)
{
    int rc;

    output->kind = IMGZ_OUTPUT_FILE;
    rc = open_directory(output);
    if (rc < 0)
        return raise_here(output, rc, "creating");
    rc = config->resume ? take_over(output) : -ENOENT;
    if (rc == -ENOENT)
        rc = create_temporary(output);
    if (rc < 0)
        return rc;
    if (config->direct_wanted)
        output->direct_fd = openat(output->directory_fd, output->temp_name,
                                   O_WRONLY | O_DIRECT | O_NOFOLLOW | O_CLOEXEC);
    return 0;
}

/* ---- Devices ------------------------------------------------------------------------------ */

static int open_device(const struct imgz_output_config *config, struct imgz_output *output)
{
    const struct imgz_target_config target_config = {
        .path = config->path,
        .stage = config->stage,
        .overrides = config->overrides,
        .need_bytes = config->need_bytes,
        .data_bytes = config->data_bytes,
        .source_fd = config->source != NULL ? config->source_fd : -1,
    };
    struct imgz_target target;
    char same[64];
    int rc;

    output->kind = IMGZ_OUTPUT_DEVICE;
    if (!config->device_allowed)
        return imgz_stop_raise(output->stop, -EINVAL, imgz_output_place(output, IMGZ_OFFSET_NONE),
                               "%s is a block device: an image needs a file or a pipe; were source "
                               "and image swapped?",
                               output->path);
    rc = imgz_target_open(&target_config, output->stop, output->log, &target);
    if (rc < 0)
        return rc;
    output->fd = target.fd;
    output->size_bytes = target.size_bytes;
    output->left_out_bytes = target.left_out_bytes;
    (void)snprintf(same, sizeof(same), "/proc/self/fd/%d", output->fd);
    if (config->direct_wanted)
        output->direct_fd = open(same, O_WRONLY | O_DIRECT | O_CLOEXEC);
    return 0;
}

/* ---- All kinds ---------------------------------------------------------------------------- */

static int open_stream(const struct imgz_output_config *config, struct imgz_output *output)
{
    output->kind = IMGZ_OUTPUT_STREAM;
    if (strcmp(config->path, "-") == 0) {
        output->path = "standard output";
        output->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        return output->fd < 0 ? raise_here(output, -errno, "opening") : 0;
    }
    output->fd = open(config->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    return output->fd < 0 ? raise_here(output, -errno, "opening") : 0;
}

/* An existing file: allowed only by force, and never the source. (A device: see target.h.) */
static int check_existing(const struct imgz_output_config *config, struct imgz_output *output,
                          const struct stat *status)
{
    const struct imgz_place place = imgz_output_place(output, IMGZ_OFFSET_NONE);

    if (config->source != NULL && config->source->st_dev == status->st_dev &&
        config->source->st_ino == status->st_ino)
        return imgz_stop_raise(output->stop, -EINVAL, place,
                               "%s is both what is read and what would be written; name another",
                               output->path);
    if (S_ISREG(status->st_mode) && !config->force)
        return imgz_stop_raise(output->stop, -EEXIST, place,
                               "%s exists and was left as it is; use --force to replace it",
                               output->path);
    return 0;
}

static int open_by_kind(const struct imgz_output_config *config, struct imgz_output *output)
{
    struct stat status;
    int rc;

    if (strcmp(config->path, "-") == 0)
        return open_stream(config, output);
    if (stat(config->path, &status) < 0) {
        if (errno != ENOENT)
            return raise_here(output, -errno, "creating");
        if (lstat(config->path, &status) == 0)
            return raise_here(output, -ELOOP, "creating");
        output->full_path = strdup(config->path);
        return output->full_path == NULL ? raise_here(output, -ENOMEM, "creating")
                                         : open_file(config, output);
    }
    rc = check_existing(config, output, &status);
    if (rc < 0)
        return rc;
    if (S_ISDIR(status.st_mode))
        return raise_here(output, -EISDIR, "creating");
    if (S_ISBLK(status.st_mode))
        return open_device(config, output);
    if (!S_ISREG(status.st_mode))
        return open_stream(config, output);
    /* Through a symbolic link it is the file that gets replaced, not the link. */
    output->full_path = realpath(config->path, NULL);
    return output->full_path == NULL ? raise_here(output, -errno, "creating")
                                     : open_file(config, output);
}

int imgz_output_open(const struct imgz_output_config *config, struct imgz_stop *stop,
                     struct imgz_log *log, struct imgz_output *output)
{
    int rc;

    memset(output, 0, sizeof(*output));
    output->path = config->path;
    output->stage = config->stage;
    output->force = config->force;
    output->resume = config->resume;
    output->file_mode = config->file_mode;
    output->fd = -1;
    output->direct_fd = -1;
    output->directory_fd = -1;
    output->lock_fd = -1;
    output->size_bytes = IMGZ_SIZE_UNKNOWN;
    output->stop = stop;
    output->log = log;
    rc = open_by_kind(config, output);
    if (rc < 0) {
        imgz_output_abandon(output);
        return rc;
    }
    imgz_log_line(log, "writing %s, %s", output->path,
                  output->kind == IMGZ_OUTPUT_STREAM ? "a stream"
                  : output->direct_fd >= 0           ? "with direct I/O"
                                                     : "through the page cache");
    return 0;
}

int imgz_output_book(struct imgz_output *output, struct imgz_line *line,
                     const struct imgz_io_result *result)
{
    struct imgz_slot *slot = result->request.owner;

    IMGZ_ASSERT(slot->pending_count > 0);
    slot->pending_count -= 1;
    if (result->rc < 0)
        return imgz_stop_raise_system(
            output->stop, result->rc,
            imgz_output_place(output, result->request.offset + result->done_bytes), "writing");
    if (slot->pending_count == 0)
        imgz_line_give_back(line, &slot);
    return 0;
}

/* Streams cannot always be flushed: fsync(2) answers EINVAL or EROFS for pipes, sockets and
 * character devices. */
int imgz_output_flush(struct imgz_output *output)
{
    struct imgz_place place = imgz_output_place(output, IMGZ_OFFSET_NONE);

    if (fsync(output->fd) == 0)
        return 0;
    if (output->kind == IMGZ_OUTPUT_STREAM && (errno == EINVAL || errno == EROFS))
        return 0;
    place.stage = IMGZ_STAGE_FLUSH;
    return imgz_stop_raise_system(output->stop, -errno, place, "flushing");
}

/* Shows the file under its final name. Without force nothing that appeared there meanwhile is
 * replaced; file systems that do not know RENAME_NOREPLACE (EINVAL) get a link instead. */
static int give_final_name(struct imgz_output *output)
{
    const int directory = output->directory_fd;

    if (output->force)
        return renameat(directory, output->temp_name, directory, output->final_name) < 0 ? -errno
                                                                                         : 0;
    if (renameat2(directory, output->temp_name, directory, output->final_name, RENAME_NOREPLACE) ==
        0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -errno;
    if (linkat(directory, output->temp_name, directory, output->final_name, 0) < 0)
        return -errno;
    return unlinkat(directory, output->temp_name, 0) < 0 ? -errno : 0;
}

static int close_checked(int *fd)
{
    const int closing = *fd;

    *fd = -1;
    if (closing < 0)
        return 0;
    return close(closing) < 0 ? -errno : 0;
}

/* Sets or clears the sticky bit. */
static int change_mark(const struct imgz_output *output, bool marked)
{
    struct stat status;

    if (fstat(output->fd, &status) < 0)
        return -errno;
    status.st_mode &= 07777;
    return fchmod(output->fd,
                  marked ? status.st_mode | S_ISVTX : status.st_mode & ~(mode_t)S_ISVTX) < 0
               ? -errno
               : 0;
}

int imgz_output_mark(struct imgz_output *output)
{
    if (output->marked || output->kind != IMGZ_OUTPUT_FILE)
        return 0;
    output->marked = true;
    if (change_mark(output, true) < 0) {
        imgz_log_line(output->log, "%s.partial cannot be marked: do not resume it without its map",
                      output->path);
        return 0;
    }
    return imgz_output_flush(output);
}

/* Exactly the mode that was asked for, whatever the umask; in any case without the mark. As the
 * last step: an image that is not complete is nobody else's business. */
static int give_mode(const struct imgz_output *output)
{
    if (output->kind != IMGZ_OUTPUT_FILE)
        return 0;
    if (output->file_mode == 0)
        return output->marked ? change_mark(output, false) : 0;
    return fchmod(output->fd, (mode_t)output->file_mode) < 0 || fsync(output->fd) < 0 ? -errno : 0;
}

int imgz_output_commit(struct imgz_output *output)
{
    struct imgz_place place = imgz_output_place(output, IMGZ_OFFSET_NONE);
    int mode_rc = give_mode(output);
    int direct_rc = close_checked(&output->direct_fd);
    int rc = close_checked(&output->fd);

    place.stage = IMGZ_STAGE_FLUSH;
    if (mode_rc < 0)
        return imgz_stop_raise_system(output->stop, mode_rc, place, "giving its mode to");
    if (rc == 0)
        rc = direct_rc;
    if (rc < 0)
        return imgz_stop_raise_system(output->stop, rc, place, "closing");
    if (output->kind != IMGZ_OUTPUT_FILE)
        return 0;
    rc = give_final_name(output);
    if (rc < 0)
        return imgz_stop_raise_system(output->stop, rc, place, "giving its final name to");
    output->temporary = false;
    remove_map(output);
    if (fsync(output->directory_fd) < 0 && errno != EINVAL)
        return imgz_stop_raise_system(output->stop, -errno, place, "flushing the directory of");
    return 0;
}

static bool worth_keeping(const struct imgz_output *output)
{
    struct stat status;

    return output->resume &&
           fstatat(output->directory_fd, output->temp_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           status.st_size > 0;
}

/* A file has its final name only when it is complete, so what was there before is there still. */
static void tell_rest_of_file(const struct imgz_output *output)
{
    struct stat status;

    if (!output->temporary)
        imgz_stop_add(output->stop,
                      "; %s is complete, but may not survive a loss of power: verify it then",
                      output->path);
    else if (worth_keeping(output))
        imgz_stop_add(output->stop, "; %s.partial is kept: the same command goes on from there",
                      output->path);
    else if (fstatat(output->directory_fd, output->final_name, &status, AT_SYMLINK_NOFOLLOW) == 0)
        imgz_stop_add(output->stop, "; %s is as it was before", output->path);
    else
        imgz_stop_add(output->stop, "; nothing is left of %s", output->path);
}

void imgz_output_tell_rest(const struct imgz_output *output)
{
    if (!output->begun)
        return;
    switch (output->kind) {
    case IMGZ_OUTPUT_FILE:
        tell_rest_of_file(output);
        break;
    case IMGZ_OUTPUT_DEVICE:
    case IMGZ_OUTPUT_STREAM:
        imgz_stop_add(output->stop, "; %s is incomplete", output->path);
        break;
    }
}

void imgz_output_abandon(struct imgz_output *output)
{
    if (output->temporary && !worth_keeping(output)) {
        unlinkat(output->directory_fd, output->temp_name, 0);
        remove_map(output);
    }
    output->temporary = false;
    close_fd(&output->direct_fd);
    close_fd(&output->fd);
    close_fd(&output->lock_fd);
    close_fd(&output->directory_fd);
    free(output->temp_name);
    free(output->full_path);
    free(output->map_path);
    output->temp_name = NULL;
    output->map_path = NULL;
    output->full_path = NULL;
}
