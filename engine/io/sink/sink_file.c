/* SPDX-License-Identifier: MIT */
/*
 * A new file. It is written under a temporary name (tempfile.h) and gets its own at commit(); until
 * then what was there before is still there. No other module knows the temporary name.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "io/file/preflight.h"
#include "io/sink/sink_ops.h"

struct file_sink {
    struct imgz_sink sink;
    struct imgz_tempfile temp;
    char *partial_path; /* of it, for people */
    uint32_t file_mode;
    uint32_t head_bytes;
    bool force;
    bool resume;
    bool complete; /* all is written, flushed and closed */
};

static struct file_sink *file_of(struct imgz_sink *sink)
{
    return (struct file_sink *)(void *)sink;
}

static const struct file_sink *const_file_of(const struct imgz_sink *sink)
{
    return (const struct file_sink *)(const void *)sink;
}

static struct imgz_location location_of(const struct file_sink *file)
{
    return imgz_sink_location(&file->sink, IMGZ_OFFSET_NONE);
}

/* ---- Making it ---------------------------------------------------------------------------- */

/* 'plain': what to say if it is not a plain file. */
static const char *explain_temporary(int rc, const char *plain)
{
    switch (rc) {
    case -EBUSY:
        return "is being written by another imgz; wait for it";
    case -ESTALE:
        return "was removed or replaced while imgz wrote it";
    case -ENOTEMPTY:
        return "is left from an interrupted run";
    case -ENOTUNIQ:
        return "may not be from an interrupted run, and was not changed; move it away";
    case -EEXIST:
    case -EPERM:
    case -ELOOP:
        return plain;
    default:
        return strerrordesc_np(-rc);
    }
}

/* Raises that 'doing' the temporary file failed. */
static int raise_temporary(const struct file_sink *file, int rc, const char *doing,
                           const char *plain)
{
    return imgz_latch_raise_cause(
        file->sink.latch, imgz_cause(rc == -ENOTEMPTY ? IMGZ_REASON_INTERRUPTED : IMGZ_REASON_NONE),
        rc, location_of(file), "%s %s: %s %s", doing, file->sink.path, file->partial_path,
        explain_temporary(rc, plain));
}

static int raise_creating(const struct file_sink *file, int rc)
{
    if (rc == -EBUSY || rc == -ENOTEMPTY || rc == -ENOTUNIQ || rc == -EEXIST || rc == -ELOOP)
        return raise_temporary(file, rc, "creating",
                               "exists and is not a regular file; move it away");
    return imgz_sink_raise(&file->sink, rc, "creating");
}

static int create_temporary(const struct imgz_sink_config *config, struct file_sink *file)
{
    int rc = imgz_tempfile_create(&file->temp, config->discard, &file->sink.fd);

    if (rc < 0)
        return raise_creating(file, rc);
    if (config->keep && !file->temp.stamped)
        imgz_log_line(file->sink.log, "%s cannot be stamped: a failed run will not keep it",
                      file->partial_path);
    return 0;
}

static int take_over(struct file_sink *file)
{
    int rc = imgz_tempfile_take_over(&file->temp, &file->sink.fd);

    if (rc == 0 || rc == -ENOENT)
        return rc;
    return raise_temporary(
        file, rc, "resuming",
        "is not a regular file of yours that only you can write to; move it away");
}

/* Finds out before the first read whether publishing will work. */
static int try_publishing(const struct file_sink *file)
{
    enum imgz_publish_way way;
    int rc = imgz_tempfile_try(&file->temp, file->force, &way);

    if (rc == -EPERM || rc == -EINVAL || rc == -ENOSYS || rc == -EOPNOTSUPP)
        return imgz_latch_raise(file->sink.latch, -EPERM, location_of(file),
                                "creating %s: files in that folder cannot be renamed (%s), so it "
                                "could not get its name when complete; choose another place",
                                file->sink.path, strerrordesc_np(-rc));
    if (rc < 0)
        return imgz_sink_raise(&file->sink, rc, "creating");
    if (way == IMGZ_PUBLISH_CHECKED)
        imgz_log_line(file->sink.log,
                      "%s: this file system cannot rename without replacing, nor link: a file that "
                      "takes that name at the last moment is replaced",
                      file->sink.path);
    return 0;
}

static int check_place(const struct imgz_sink_config *config, const struct file_sink *file)
{
    if (config->source != NULL && imgz_tempfile_would_replace(&file->temp, config->source))
        return imgz_sink_raise_both(&file->sink, IMGZ_TEMPFILE_SUFFIX);
    return imgz_preflight_folder(file->temp.directory_fd, location_of(file), file->sink.latch);
}

/* Finds where the file is, or will be: 'existing' is what there is now, or NULL. */
static int open_name(const struct file_sink *file, const struct stat *existing,
                     struct imgz_name *name)
{
    const struct imgz_location location = location_of(file);
    struct stat status;
    int rc = imgz_name_open(name, file->sink.path);

    if (rc < 0 && imgz_name_explain(rc) != NULL)
        return imgz_latch_raise(file->sink.latch, rc, location, "creating %s: %s", file->sink.path,
                                imgz_name_explain(rc));
    if (rc < 0)
        return imgz_sink_raise(&file->sink, rc, "creating");
    rc = imgz_name_stat(name, &status);
    if (existing == NULL ? rc == -ENOENT : rc == 0 && imgz_same_file(existing, &status))
        return 0;
    imgz_name_close(name);
    return imgz_sink_raise_changed(&file->sink);
}

/* Refuses what would otherwise fail at the end. */
static int foresee(const struct imgz_sink_config *config, const struct file_sink *file,
                   const struct imgz_name *name, bool exists)
{
    const char *suffix =
        config->map_kept ? IMGZ_TEMPFILE_MAP_SUFFIX IMGZ_TEMPFILE_SUFFIX : IMGZ_TEMPFILE_SUFFIX;
    int rc = imgz_preflight_name(name, suffix, file->sink.stage, file->sink.latch);

    return rc == 0 && exists ? imgz_preflight_replace(name, file->sink.stage, file->sink.latch)
                             : rc;
}

/* 'held_bytes': what an interrupted run has written of it. */
static int check_room(const struct imgz_sink_config *config, const struct file_sink *file,
                      uint64_t held_bytes)
{
    const struct imgz_preflight_data data = {file->temp.directory_fd, config->room_bytes,
                                             held_bytes};

    if (config->room_bytes == 0 || (config->overrides & IMGZ_OVERRIDE_NO_ROOM) != 0)
        return 0;
    return imgz_preflight_data(&data, location_of(file), file->sink.latch);
}

/* Finds out whether it could be made, and changes nothing. */
static int look_at_file(const struct imgz_sink_config *config, struct file_sink *file)
{
    struct stat partial = {0};
    int rc = imgz_tempfile_look(&file->temp, config->resume, config->discard, &partial);

    if (rc < 0)
        return raise_creating(file, rc);
    file->sink.partial_bytes = (uint64_t)partial.st_size;
    file->sink.room_bytes = imgz_preflight_room(file->temp.directory_fd);
    return check_room(config, file, (uint64_t)partial.st_blocks * 512);
}

static int make_file(const struct imgz_sink_config *config, struct file_sink *file)
{
    struct stat status = {0};
    int rc = try_publishing(file);

    if (rc < 0)
        return rc;
    rc = config->resume ? take_over(file) : -ENOENT;
    if (rc == -ENOENT)
        rc = create_temporary(config, file);
    if (rc == 0 && fstat(file->sink.fd, &status) == 0)
        rc = check_room(config, file, (uint64_t)status.st_blocks * 512);
    if (rc == 0 && config->direct_wanted)
        file->sink.direct_fd = imgz_tempfile_open_direct(&file->temp);
    return rc;
}

/* Tells the sink what others may know of the file. */
static void show_state(struct file_sink *file)
{
    file->sink.taken_over = file->temp.taken_over;
    file->sink.marked = file->temp.marked;
    file->sink.folder_fd = file->temp.directory_fd;
    file->sink.map_name = &file->temp.map;
}

static int open_file(struct file_sink *file, const struct imgz_sink_config *config,
                     const struct stat *existing)
{
    struct imgz_name name;
    int rc = open_name(file, existing, &name);

    if (rc < 0)
        return rc;
    rc = foresee(config, file, &name, existing != NULL);
    if (rc < 0) {
        imgz_name_close(&name);
        return rc;
    }
    rc = imgz_tempfile_open(&file->temp, &name);
    if (rc < 0)
        return imgz_sink_raise(&file->sink, rc, "creating");
    file->temp.begins = config->begins;
    rc = check_place(config, file);
    if (rc == 0)
        rc = config->dry_run ? look_at_file(config, file) : make_file(config, file);
    show_state(file);
    return rc;
}

/* ---- Completing it ------------------------------------------------------------------------ */

static int mark(struct imgz_sink *sink)
{
    struct file_sink *file = file_of(sink);

    if (imgz_tempfile_mark(&file->temp, sink->fd) < 0) {
        imgz_log_line(sink->log, "%s cannot be marked: do not resume it without its map",
                      file->partial_path);
        return 0;
    }
    sink->marked = true;
    return imgz_sink_flush(sink);
}

/* Exactly the mode that was asked for, whatever the umask. This is the last step, as nobody else
 * may read an incomplete image. */
static int give_mode(const struct file_sink *file)
{
    const mode_t mark = file->temp.marked ? S_ISVTX : 0;

    if (file->file_mode == 0)
        return 0;
    return fchmod(file->sink.fd, (mode_t)file->file_mode | mark) < 0 || fsync(file->sink.fd) < 0
               ? -errno
               : 0;
}

/* The result is complete, and stays even if this fails. */
static int show(struct file_sink *file, struct imgz_location location)
{
    int rc = imgz_tempfile_publish(&file->temp, file->force);

    if (rc == -ESTALE)
        return raise_temporary(file, rc, "completing", NULL);
    if (rc == -EEXIST)
        return imgz_latch_raise(
            file->sink.latch, rc, location,
            "completing %s: a file of that name has appeared, and was not changed",
            file->sink.path);
    if (rc < 0)
        return imgz_latch_raise(file->sink.latch, rc, location, "giving %s its final name: %s",
                                file->sink.path, strerrordesc_np(-rc));
    rc = imgz_tempfile_flush_name(&file->temp);
    return rc < 0 ? imgz_latch_raise_system(file->sink.latch, rc, location,
                                            "flushing the directory of")
                  : 0;
}

static int commit(struct imgz_sink *sink)
{
    struct file_sink *file = file_of(sink);
    struct imgz_location location = location_of(file);
    int mode_rc = give_mode(file);
    int rc = imgz_sink_close_fds(sink);

    location.stage = IMGZ_STAGE_FLUSH;
    if (mode_rc < 0)
        return imgz_latch_raise_system(sink->latch, mode_rc, location, "setting the mode of");
    if (rc < 0)
        return rc;
    file->complete = true;
    return show(file, location);
}

/* ---- What is left of it ------------------------------------------------------------------- */

/* A run cannot go on from corrupt data, or from what did not read back as written. But what an
 * earlier run left is not given up for that. */
static bool proved_bad(const struct file_sink *file)
{
    return imgz_latch_error(file->sink.latch)->code == -EBADMSG && !file->resume;
}

static bool keeps(const struct imgz_sink *sink)
{
    const struct file_sink *file = const_file_of(sink);

    return file->complete ||
           (sink->keep && imgz_tempfile_is_left(&file->temp) && !proved_bad(file) &&
            (sink->taken_over || sink->stored_bytes > file->head_bytes));
}

/* Reports the file as removed only if it is. */
static void remove_file(struct file_sink *file)
{
    int rc = imgz_tempfile_remove(&file->temp);

    if (rc < 0)
        imgz_latch_add(file->sink.latch, "; %s is useless, but removing it failed (%s)",
                       file->partial_path, strerrordesc_np(-rc));
    else if (file->sink.begun && imgz_tempfile_name_taken(&file->temp))
        imgz_latch_add(file->sink.latch, "; %s is unchanged", file->sink.path);
    else if (file->sink.begun)
        imgz_latch_add(file->sink.latch, "; nothing is left of %s", file->sink.path);
}

static void tell_kept(const struct file_sink *file)
{
    if (imgz_tempfile_name_taken(&file->temp))
        imgz_latch_add(file->sink.latch, "; %s is unchanged", file->sink.path);
    imgz_latch_add(file->sink.latch, "; %s is kept", file->partial_path);
    imgz_latch_set_resumable(file->sink.latch);
}

/* A file has its final name only when it is complete, so what was there before is still there. */
static void end_file(struct file_sink *file)
{
    if (file->sink.committed)
        imgz_latch_add(file->sink.latch, "; %s is complete", file->sink.path);
    else if (file->complete && !file->temp.exists)
        imgz_latch_add(file->sink.latch,
                       "; %s is complete, but may not survive a power failure: verify it after one",
                       file->sink.path);
    else if (!keeps(&file->sink))
        remove_file(file);
    else if (file->complete)
        imgz_latch_add(file->sink.latch, "; %s is complete, and is kept: rename it yourself",
                       file->partial_path);
    else if (file->sink.begun)
        tell_kept(file);
}

static void close_file(struct imgz_sink *sink)
{
    struct file_sink *file = file_of(sink);

    end_file(file);
    (void)imgz_sink_close_fd(&sink->direct_fd);
    (void)imgz_sink_close_fd(&sink->fd);
    imgz_tempfile_close(&file->temp);
    free(file->partial_path);
    free(file);
}

/* ---- The sink ----------------------------------------------------------------------------- */

static const struct imgz_sink_ops file_ops = {
    .open_append = imgz_append_open_file,
    .open_sparse = imgz_sparse_open_local,
    .flush = imgz_sink_flush_fd,
    .mark = mark,
    .commit = commit,
    .keeps = keeps,
    .close = close_file,
};

static struct file_sink *create(const struct imgz_sink_config *config, struct imgz_latch *latch,
                                struct imgz_log *log)
{
    struct file_sink *file = calloc(1, sizeof(*file));

    if (file == NULL)
        return NULL;
    imgz_sink_init(&file->sink, &file_ops, config, latch, log);
    file->temp = (struct imgz_tempfile)IMGZ_TEMPFILE_NONE;
    file->sink.traits = IMGZ_SINK_RANDOM | IMGZ_SINK_NAMED | IMGZ_SINK_LOCAL;
    file->force = config->force;
    file->resume = config->resume;
    file->head_bytes = config->head_bytes;
    file->file_mode = config->file_mode;
    if (asprintf(&file->partial_path, "%s" IMGZ_TEMPFILE_SUFFIX, config->path) < 0) {
        free(file);
        return NULL;
    }
    file->sink.partial_path = file->partial_path;
    return file;
}

int imgz_sink_file_open(const struct imgz_sink_config *config, const struct stat *existing,
                        struct imgz_latch *latch, struct imgz_log *log, struct imgz_sink **result)
{
    struct file_sink *file = create(config, latch, log);
    int rc;

    if (file == NULL)
        return imgz_latch_raise_system(
            latch, -ENOMEM, (struct imgz_location){config->stage, config->path, IMGZ_OFFSET_NONE},
            "creating");
    rc = open_file(file, config, existing);
    if (rc < 0) {
        imgz_sink_close(&file->sink);
        return rc;
    }
    *result = &file->sink;
    return 0;
}
