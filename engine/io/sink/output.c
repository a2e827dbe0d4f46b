/* SPDX-License-Identifier: MIT */
#include "io/sink/output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "io/aio/stream.h"
#include "io/device/target.h"
#include "io/file/handle.h"
#include "io/file/preflight.h"

struct imgz_location imgz_output_location(const struct imgz_output *output, uint64_t offset)
{
    return (struct imgz_location){output->stage, output->path, offset};
}

static int raise_here(const struct imgz_output *output, int rc, const char *doing)
{
    return imgz_latch_raise_system(output->latch, rc,
                                   imgz_output_location(output, IMGZ_OFFSET_NONE), doing);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int raise_changed(const struct imgz_output *output)
{
    return imgz_latch_raise(output->latch, -ESTALE, imgz_output_location(output, IMGZ_OFFSET_NONE),
                            "%s was removed, or replaced by something else, while it was opened; "
                            "nothing was written; run again",
                            output->path);
}

/* ---- Files -------------------------------------------------------------------------------- */

/* 'plain': what to say if it is no plain file. */
static const char *explain_temporary(int rc, const char *plain)
{
    switch (rc) {
    case -EBUSY:
        return "is being written by another imgz; wait for it";
    case -ESTALE:
        return "was taken away, or replaced, while it was written";
    case -ENOTEMPTY:
        return "has what an interrupted run did; go on from there with --resume, or start over "
               "with --discard-partial";
    case -ENOTUNIQ:
        return "is not known to be what an interrupted run left, and was left as it is; move it "
               "away";
    case -EEXIST:
    case -EPERM:
    case -ELOOP:
        return plain;
    default:
        return strerrordesc_np(-rc);
    }
}

/* 'doing' it with the temporary file failed. */
static int raise_temporary(const struct imgz_output *output, int rc, const char *doing,
                           const char *plain)
{
    return imgz_latch_raise(output->latch, rc, imgz_output_location(output, IMGZ_OFFSET_NONE),
                            "%s %s: %s.partial %s", doing, output->path, output->path,
                            explain_temporary(rc, plain));
}

static int raise_creating(const struct imgz_output *output, int rc)
{
    if (rc == -EBUSY || rc == -ENOTEMPTY || rc == -ENOTUNIQ || rc == -EEXIST || rc == -ELOOP)
        return raise_temporary(output, rc, "creating", "exists and is no plain file; move it away");
    return raise_here(output, rc, "creating");
}

static int create_temporary(const struct imgz_output_config *config, struct imgz_output *output)
{
    int rc = imgz_tempfile_create(&output->temp, config->discard, &output->fd);

    if (rc < 0)
        return raise_creating(output, rc);
    if (config->keep && !output->temp.stamped)
        imgz_log_line(output->log,
                      "%s.partial cannot be stamped: nothing is kept of it if this run fails",
                      output->path);
    return 0;
}

static int take_over(struct imgz_output *output)
{
    int rc = imgz_tempfile_take_over(&output->temp, &output->fd);

    if (rc == 0 || rc == -ENOENT)
        return rc;
    return raise_temporary(output, rc, "resuming",
                           "is no plain file of yours that nobody else can write to; move it away");
}

/* Before the first read it is found out that the end will work. */
static int try_publishing(const struct imgz_output *output)
{
    enum imgz_publish_way way;
    int rc = imgz_tempfile_try(&output->temp, output->force, &way);

    if (rc == -EPERM || rc == -EINVAL || rc == -ENOSYS || rc == -EOPNOTSUPP)
        return imgz_latch_raise(output->latch, -EPERM,
                                imgz_output_location(output, IMGZ_OFFSET_NONE),
                                "creating %s: a file in that folder cannot be renamed (%s), so it "
                                "could not get its name when it is complete; choose another place",
                                output->path, strerrordesc_np(-rc));
    if (rc < 0)
        return raise_here(output, rc, "creating");
    if (way == IMGZ_PUBLISH_CHECKED)
        imgz_log_line(output->log,
                      "%s: this file system can neither rename without replacing nor link: a file "
                      "of that name that appears at the last moment is replaced",
                      output->path);
    return 0;
}

static int raise_both(const struct imgz_output *output, const char *suffix)
{
    return imgz_latch_raise_usage(
        output->latch, imgz_output_location(output, IMGZ_OFFSET_NONE),
        "%s%s is both what is read and what would be written; name another", output->path, suffix);
}

static int check_place(const struct imgz_output_config *config, const struct imgz_output *output)
{
    if (config->source != NULL && imgz_tempfile_would_replace(&output->temp, config->source))
        return raise_both(output, ".partial");
    return imgz_preflight_folder(output->temp.directory_fd,
                                 imgz_output_location(output, IMGZ_OFFSET_NONE), output->latch);
}

/* Finds where the file is, or will be: 'existing' is what there is now, or NULL. */
static int open_name(const struct imgz_output *output, const struct stat *existing,
                     struct imgz_name *name)
{
    const struct imgz_location location = imgz_output_location(output, IMGZ_OFFSET_NONE);
    struct stat status;
    int rc = imgz_name_open(name, output->path);

    if (rc < 0 && imgz_name_explain(rc) != NULL)
        return imgz_latch_raise(output->latch, rc, location, "creating %s: %s", output->path,
                                imgz_name_explain(rc));
    if (rc < 0)
        return raise_here(output, rc, "creating");
    rc = imgz_name_stat(name, &status);
    if (existing == NULL ? rc == -ENOENT : rc == 0 && imgz_same_file(existing, &status))
        return 0;
    imgz_name_close(name);
    return raise_changed(output);
}

/* What would fail only at the end. */
static int foresee(const struct imgz_output_config *config, const struct imgz_output *output,
                   const struct imgz_name *name, bool exists)
{
    const char *suffix = config->map_kept ? ".partial.map.partial" : ".partial";
    int rc = imgz_preflight_name(name, suffix, output->stage, output->latch);

    return rc == 0 && exists ? imgz_preflight_replace(name, output->stage, output->latch) : rc;
}

/* 'held_bytes': of it, an interrupted run wrote so many. */
static int check_room(const struct imgz_output_config *config, const struct imgz_output *output,
                      uint64_t held_bytes)
{
    const struct imgz_preflight_data data = {output->temp.directory_fd, config->room_bytes,
                                             held_bytes};

    if (config->room_bytes == 0 || (config->overrides & IMGZ_OVERRIDE_NO_ROOM) != 0)
        return 0;
    return imgz_preflight_data(&data, imgz_output_location(output, IMGZ_OFFSET_NONE),
                               output->latch);
}

/* Finds out what making it would, and changes nothing. */
static int look_at_file(const struct imgz_output_config *config, struct imgz_output *output)
{
    struct stat partial = {0};
    int rc = imgz_tempfile_look(&output->temp, config->resume, config->discard, &partial);

    if (rc < 0)
        return raise_creating(output, rc);
    output->partial_bytes = (uint64_t)partial.st_size;
    output->room_bytes = imgz_preflight_room(output->temp.directory_fd);
    return check_room(config, output, (uint64_t)partial.st_blocks * 512);
}

static int make_file(const struct imgz_output_config *config, struct imgz_output *output)
{
    struct stat status = {0};
    int rc = try_publishing(output);

    if (rc < 0)
        return rc;
    rc = config->resume ? take_over(output) : -ENOENT;
    if (rc == -ENOENT)
        rc = create_temporary(config, output);
    if (rc == 0 && fstat(output->fd, &status) == 0)
        rc = check_room(config, output, (uint64_t)status.st_blocks * 512);
    if (rc == 0 && config->direct_wanted)
        output->direct_fd = imgz_tempfile_open_direct(&output->temp);
    return rc;
}

static int open_file(const struct imgz_output_config *config, struct imgz_output *output,
                     const struct stat *existing)
{
    struct imgz_name name;
    int rc;

    output->kind = IMGZ_OUTPUT_FILE;
    rc = open_name(output, existing, &name);
    if (rc < 0)
        return rc;
    rc = foresee(config, output, &name, existing != NULL);
    if (rc < 0) {
        imgz_name_close(&name);
        return rc;
    }
    rc = imgz_tempfile_open(&output->temp, &name);
    if (rc < 0)
        return raise_here(output, rc, "creating");
    output->temp.begins = config->begins;
    rc = check_place(config, output);
    if (rc < 0)
        return rc;
    return config->dry_run ? look_at_file(config, output) : make_file(config, output);
}

/* ---- Devices ------------------------------------------------------------------------------ */

static int open_device(const struct imgz_output_config *config, struct imgz_output *output,
                       int handle)
{
    const struct imgz_target_config target_config = {
        .path = config->path,
        .handle = handle,
        .stage = config->stage,
        .overrides = config->overrides,
        .need_bytes = config->need_bytes,
        .data_bytes = config->data_bytes,
        .source_fd = config->source != NULL ? config->source_fd : -1,
    };
    struct imgz_target target;
    int rc;

    output->kind = IMGZ_OUTPUT_DEVICE;
    if (!config->device_allowed)
        return imgz_latch_raise_usage(
            output->latch, imgz_output_location(output, IMGZ_OFFSET_NONE),
            "%s is a block device: an image needs a file or a pipe; were source "
            "and image swapped?",
            output->path);
    rc = imgz_target_open(&target_config, output->latch, output->log, &target);
    if (rc < 0)
        return rc;
    output->fd = target.fd;
    output->size_bytes = target.size_bytes;
    output->left_out_bytes = target.left_out_bytes;
    if (config->direct_wanted)
        output->direct_fd = imgz_handle_open(output->fd, O_WRONLY | O_DIRECT);
    return 0;
}

/* ---- All kinds ---------------------------------------------------------------------------- */

static int check_stream(const struct imgz_output_config *config, const struct imgz_output *output)
{
    if (config->why_no_stream == NULL)
        return 0;
    return imgz_latch_raise_usage(output->latch, imgz_output_location(output, IMGZ_OFFSET_NONE),
                                  "%s %s", output->path, config->why_no_stream);
}

static int open_standard_output(const struct imgz_output_config *config, struct imgz_output *output)
{
    int rc;

    output->kind = IMGZ_OUTPUT_STREAM;
    output->path = "standard output";
    rc = check_stream(config, output);
    if (rc < 0)
        return rc;
    output->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    return output->fd < 0 ? raise_here(output, -errno, "opening") : 0;
}

static int open_stream(const struct imgz_output_config *config, struct imgz_output *output,
                       int handle)
{
    int rc = check_stream(config, output);

    output->kind = IMGZ_OUTPUT_STREAM;
    if (rc < 0 || config->dry_run)
        return rc;
    output->fd = imgz_stream_open(handle, imgz_latch_fd(output->latch));
    if (output->fd >= 0 && imgz_stream_is_own_terminal(output->fd))
        return imgz_latch_raise_usage(
            output->latch, imgz_output_location(output, IMGZ_OFFSET_NONE),
            "%s is the terminal: a disk or an image is not written there; "
            "name a file",
            output->path);
    if (output->fd >= 0)
        return 0;
    if (output->fd == -ESTALE)
        return raise_changed(output);
    if (output->fd == -ENOTSUP)
        return imgz_latch_raise(output->latch, output->fd,
                                imgz_output_location(output, IMGZ_OFFSET_NONE),
                                "opening %s: that needs /proc; mount it", output->path);
    return raise_here(output, output->fd, "opening");
}

/* An existing file: allowed only by force, and never the source. (A device: see target.h.) */
static int check_existing(const struct imgz_output_config *config, struct imgz_output *output,
                          const struct stat *status)
{
    const struct imgz_location location = imgz_output_location(output, IMGZ_OFFSET_NONE);

    if (config->source != NULL && imgz_same_file(config->source, status))
        return raise_both(output, "");
    if (config->replaces != NULL && !imgz_same_file(config->replaces, status))
        return raise_changed(output);
    if (S_ISREG(status->st_mode) && !config->force)
        return imgz_latch_raise(output->latch, -EEXIST, location,
                                "%s exists and was left as it is; %s", output->path,
                                config->exists_advice != NULL ? config->exists_advice
                                                              : "use --force to replace it");
    return 0;
}

/* By what it is, which is looked at once: 'handle' stays that. */
static int open_existing(const struct imgz_output_config *config, struct imgz_output *output,
                         int handle)
{
    struct stat status;
    int rc;

    if (fstat(handle, &status) < 0)
        return raise_here(output, -errno, "creating");
    rc = check_existing(config, output, &status);
    if (rc < 0)
        return rc;
    if (S_ISDIR(status.st_mode))
        return raise_here(output, -EISDIR, "creating");
    if (S_ISBLK(status.st_mode))
        return open_device(config, output, handle);
    if (!S_ISREG(status.st_mode))
        return open_stream(config, output, handle);
    return open_file(config, output, &status);
}

static int open_by_kind(const struct imgz_output_config *config, struct imgz_output *output)
{
    int handle;
    int rc;

    if (strcmp(config->path, "-") == 0)
        return open_standard_output(config, output);
    handle = imgz_handle_get(config->path);
    if (handle == -ENOENT)
        return config->replaces != NULL ? raise_changed(output) : open_file(config, output, NULL);
    if (handle < 0)
        return raise_here(output, handle, "creating");
    rc = open_existing(config, output, handle);
    close(handle);
    return rc;
}

int imgz_output_open(const struct imgz_output_config *config, struct imgz_latch *latch,
                     struct imgz_log *log, struct imgz_output *output)
{
    int rc;

    *output = (struct imgz_output)IMGZ_OUTPUT_NONE;
    output->path = config->path;
    output->stage = config->stage;
    output->force = config->force;
    output->resume = config->resume;
    output->keep = config->keep;
    output->head_bytes = config->head_bytes;
    output->file_mode = config->file_mode;
    output->size_bytes = IMGZ_SIZE_UNKNOWN;
    output->room_bytes = IMGZ_SIZE_UNKNOWN;
    output->latch = latch;
    output->log = log;
    rc = open_by_kind(config, output);
    if (rc < 0) {
        imgz_output_close(output);
        return rc;
    }
    if (config->dry_run)
        return 0;
    imgz_log_line(log, "writing %s, %s", output->path,
                  output->kind == IMGZ_OUTPUT_STREAM ? "a stream"
                  : output->direct_fd >= 0           ? "with direct I/O"
                                                     : "through the page cache");
    return 0;
}

int imgz_output_book(struct imgz_output *output, struct imgz_pipeline *pipeline,
                     const struct imgz_aio_result *result)
{
    struct imgz_slot *slot = result->request.owner;

    IMGZ_ASSERT(slot->pending_count > 0);
    slot->pending_count -= 1;
    output->stored_bytes += result->done_bytes;
    if (result->rc < 0)
        return imgz_latch_raise_system(
            output->latch, result->rc,
            imgz_output_location(output, result->request.offset + result->done_bytes), "writing");
    if (slot->pending_count == 0)
        imgz_pipeline_give_back(pipeline, &slot);
    return 0;
}

/* Streams cannot always be flushed: fsync(2) answers EINVAL or EROFS for pipes, sockets and
 * character devices. */
int imgz_output_flush(struct imgz_output *output)
{
    struct imgz_location location = imgz_output_location(output, IMGZ_OFFSET_NONE);

    if (fsync(output->fd) == 0)
        return 0;
    if (output->kind == IMGZ_OUTPUT_STREAM && (errno == EINVAL || errno == EROFS))
        return 0;
    location.stage = IMGZ_STAGE_FLUSH;
    return imgz_latch_raise_system(output->latch, -errno, location, "flushing");
}

static int close_checked(int *fd)
{
    const int closing = *fd;

    *fd = -1;
    if (closing < 0)
        return 0;
    return close(closing) < 0 ? -errno : 0;
}

int imgz_output_mark(struct imgz_output *output)
{
    if (output->temp.marked || output->kind != IMGZ_OUTPUT_FILE)
        return 0;
    if (imgz_tempfile_mark(&output->temp, output->fd) < 0) {
        imgz_log_line(output->log, "%s.partial cannot be marked: do not resume it without its map",
                      output->path);
        return 0;
    }
    return imgz_output_flush(output);
}

/* Exactly the mode that was asked for, whatever the umask. As the last step: an image that is not
 * complete is nobody else's business. */
static int give_mode(struct imgz_output *output)
{
    const mode_t mark = output->temp.marked ? S_ISVTX : 0;

    if (output->kind != IMGZ_OUTPUT_FILE || output->file_mode == 0)
        return 0;
    return fchmod(output->fd, (mode_t)output->file_mode | mark) < 0 || fsync(output->fd) < 0
               ? -errno
               : 0;
}

/* The result is complete, and stays whatever comes of this. */
static int show(struct imgz_output *output, struct imgz_location location)
{
    int rc = imgz_tempfile_publish(&output->temp, output->force);

    if (rc == -ESTALE)
        return raise_temporary(output, rc, "completing", NULL);
    if (rc == -EEXIST)
        return imgz_latch_raise(
            output->latch, rc, location,
            "completing %s: a file of that name appeared meanwhile, and was left "
            "as it is",
            output->path);
    if (rc < 0)
        return imgz_latch_raise(output->latch, rc, location, "giving its final name to %s: %s",
                                output->path, strerrordesc_np(-rc));
    rc = imgz_tempfile_flush_name(&output->temp);
    return rc < 0
               ? imgz_latch_raise_system(output->latch, rc, location, "flushing the directory of")
               : 0;
}

int imgz_output_commit(struct imgz_output *output)
{
    struct imgz_location location = imgz_output_location(output, IMGZ_OFFSET_NONE);
    int mode_rc = give_mode(output);
    int direct_rc = close_checked(&output->direct_fd);
    int rc = close_checked(&output->fd);

    location.stage = IMGZ_STAGE_FLUSH;
    if (mode_rc < 0)
        return imgz_latch_raise_system(output->latch, mode_rc, location, "giving its mode to");
    if (rc == 0)
        rc = direct_rc;
    if (rc < 0)
        return imgz_latch_raise_system(output->latch, rc, location, "closing");
    output->complete = true;
    rc = output->kind == IMGZ_OUTPUT_FILE ? show(output, location) : 0;
    output->committed = rc == 0;
    return rc;
}

/* What is corrupt, or did not come back as it was written, is nothing to go on from; but what an
 * earlier run left is not given up for it. */
static bool proved_bad(const struct imgz_output *output)
{
    return imgz_latch_error(output->latch)->code == -EBADMSG && !output->resume;
}

bool imgz_output_keeps(const struct imgz_output *output)
{
    return output->complete ||
           (output->keep && imgz_tempfile_is_left(&output->temp) && !proved_bad(output) &&
            (output->temp.taken_over || output->stored_bytes > output->head_bytes));
}

/* What is removed is said to be gone when it is. */
static void remove_file(struct imgz_output *output)
{
    int rc = imgz_tempfile_remove(&output->temp);

    if (rc < 0)
        imgz_latch_add(output->latch,
                       "; %s.partial is left, and of no use: removing it failed (%s)", output->path,
                       strerrordesc_np(-rc));
    else if (output->begun && imgz_tempfile_name_taken(&output->temp))
        imgz_latch_add(output->latch, "; %s is as it was before", output->path);
    else if (output->begun)
        imgz_latch_add(output->latch, "; nothing is left of %s", output->path);
}

static void tell_kept(const struct imgz_output *output)
{
    if (imgz_tempfile_name_taken(&output->temp))
        imgz_latch_add(output->latch, "; %s is as it was before", output->path);
    imgz_latch_add(output->latch, "; %s.partial is kept: %s", output->path,
                   output->resume ? "the same command goes on from there"
                                  : "add --resume to go on from there");
}

/* A file has its final name only when it is complete, so what was there before is there still. */
static void end_file(struct imgz_output *output)
{
    if (output->committed)
        imgz_latch_add(output->latch, "; %s is complete", output->path);
    else if (output->complete && !output->temp.exists)
        imgz_latch_add(output->latch,
                       "; %s is complete, but may not survive a loss of power: verify it then",
                       output->path);
    else if (!imgz_output_keeps(output))
        remove_file(output);
    else if (output->complete)
        imgz_latch_add(output->latch, "; %s.partial is complete, and is kept: rename it yourself",
                       output->path);
    else if (output->begun)
        tell_kept(output);
}

void imgz_output_close(struct imgz_output *output)
{
    if (output->kind == IMGZ_OUTPUT_FILE)
        end_file(output);
    else if (output->begun && !output->committed)
        imgz_latch_add(output->latch,
                       output->whole ? "; %s has all of the disk" : "; %s is incomplete",
                       output->path);
    imgz_tempfile_close(&output->temp);
    close_fd(&output->direct_fd);
    close_fd(&output->fd);
}
