/* SPDX-License-Identifier: MIT */
#include "io/sink/sink.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "io/file/handle.h"
#include "io/remote/address.h"
#include "io/sink/sink_ops.h"

void imgz_sink_init(struct imgz_sink *sink, const struct imgz_sink_ops *ops,
                    const struct imgz_sink_config *config, struct imgz_latch *latch,
                    struct imgz_log *log)
{
    *sink = (struct imgz_sink){
        .ops = ops,
        .path = config->path,
        .stage = config->stage,
        .size_bytes = IMGZ_SIZE_UNKNOWN,
        .room_bytes = IMGZ_SIZE_UNKNOWN,
        .latch = latch,
        .log = log,
        .fd = -1,
        .direct_fd = -1,
        .folder_fd = -1,
        .keep = config->keep,
    };
}

/* ---- Opening ------------------------------------------------------------------------------ */

/* A sink before it is opened: only what errors need. */
static struct imgz_sink nameless(const struct imgz_sink_config *config, struct imgz_latch *latch,
                                 struct imgz_log *log)
{
    struct imgz_sink sink;

    imgz_sink_init(&sink, NULL, config, latch, log);
    return sink;
}

/* Checks an existing file: it needs force, and must not be the source. (A device: see target.h.) */
static int check_existing(const struct imgz_sink_config *config, const struct stat *status,
                          struct imgz_latch *latch, struct imgz_log *log)
{
    const struct imgz_sink sink = nameless(config, latch, log);

    if (config->source != NULL && imgz_same_file(config->source, status))
        return imgz_sink_raise_both(&sink, "");
    if (config->replaces != NULL && !imgz_same_file(config->replaces, status))
        return imgz_sink_raise_changed(&sink);
    if (S_ISREG(status->st_mode) && !config->force)
        return imgz_latch_raise_cause(latch, imgz_cause(IMGZ_REASON_EXISTS), -EEXIST,
                                      imgz_sink_location(&sink, IMGZ_OFFSET_NONE),
                                      "%s exists and was not changed", config->path);
    return S_ISDIR(status->st_mode) ? imgz_sink_raise(&sink, -EISDIR, "creating") : 0;
}

/* Opens it as the kind that it is. That is looked up once, and 'handle' stays the same. */
static int open_existing(const struct imgz_sink_config *config, int handle,
                         struct imgz_latch *latch, struct imgz_log *log, struct imgz_sink **result)
{
    struct stat status;
    int rc;

    if (fstat(handle, &status) < 0) {
        const struct imgz_sink sink = nameless(config, latch, log);

        return imgz_sink_raise(&sink, -errno, "creating");
    }
    rc = check_existing(config, &status, latch, log);
    if (rc < 0)
        return rc;
    if (S_ISBLK(status.st_mode))
        return imgz_sink_device_open(config, handle, latch, log, result);
    if (!S_ISREG(status.st_mode))
        return imgz_sink_stream_open(config, handle, latch, log, result);
    return imgz_sink_file_open(config, &status, latch, log, result);
}

static int open_local(const struct imgz_sink_config *config, struct imgz_latch *latch,
                      struct imgz_log *log, struct imgz_sink **result)
{
    const struct imgz_sink sink = nameless(config, latch, log);
    int handle;
    int rc;

    if (strcmp(config->path, "-") == 0)
        return imgz_sink_stream_open(config, -1, latch, log, result);
    handle = imgz_handle_get(config->path);
    if (handle == -ENOENT)
        return config->replaces != NULL ? imgz_sink_raise_changed(&sink)
                                        : imgz_sink_file_open(config, NULL, latch, log, result);
    if (handle < 0)
        return imgz_sink_raise(&sink, handle, "creating");
    rc = open_existing(config, handle, latch, log, result);
    close(handle);
    return rc;
}

/* A name that a source would take for one of another host makes no local file. */
static int refuse_remote(const struct imgz_sink_config *config, struct imgz_latch *latch,
                         struct imgz_log *log)
{
    const struct imgz_sink sink = nameless(config, latch, log);

    if (!imgz_address_is_remote(config->path))
        return 0;
    return imgz_latch_raise(latch, -EOPNOTSUPP, imgz_sink_location(&sink, IMGZ_OFFSET_NONE),
                            "%s is on another host, where imgz can only read; run it there",
                            config->path);
}

int imgz_sink_open(const struct imgz_sink_config *config, struct imgz_latch *latch,
                   struct imgz_log *log, struct imgz_sink **result)
{
    int rc = refuse_remote(config, latch, log);

    if (rc == 0)
        rc = open_local(config, latch, log, result);
    if (rc < 0 || config->dry_run)
        return rc;
    imgz_log_line(log, "writing %s, %s", (*result)->path,
                  (*result)->ops->described != NULL ? (*result)->ops->described
                  : (*result)->direct_fd >= 0       ? "with direct I/O"
                                                    : "through the page cache");
    return 0;
}

void imgz_sink_close(struct imgz_sink *sink)
{
    if (sink != NULL)
        sink->ops->close(sink);
}

/* ---- What it is --------------------------------------------------------------------------- */

bool imgz_sink_is(const struct imgz_sink *sink, enum imgz_sink_trait trait)
{
    return (sink->traits & trait) != 0;
}

const char *imgz_sink_path(const struct imgz_sink *sink)
{
    return sink->path;
}

const char *imgz_sink_partial_path(const struct imgz_sink *sink)
{
    return sink->partial_path != NULL ? sink->partial_path : sink->path;
}

struct imgz_location imgz_sink_location(const struct imgz_sink *sink, uint64_t offset)
{
    return (struct imgz_location){sink->stage, sink->path, offset};
}

uint64_t imgz_sink_size(const struct imgz_sink *sink)
{
    return sink->size_bytes;
}

uint64_t imgz_sink_left_out_bytes(const struct imgz_sink *sink)
{
    return sink->left_out_bytes;
}

bool imgz_sink_taken_over(const struct imgz_sink *sink)
{
    return sink->taken_over;
}

bool imgz_sink_marked(const struct imgz_sink *sink)
{
    return sink->marked;
}

uint64_t imgz_sink_room_bytes(const struct imgz_sink *sink)
{
    return sink->room_bytes;
}

uint64_t imgz_sink_partial_bytes(const struct imgz_sink *sink)
{
    return sink->partial_bytes;
}

const struct imgz_name *imgz_sink_map_name(const struct imgz_sink *sink)
{
    return sink->map_name;
}

int imgz_sink_local_fd(const struct imgz_sink *sink)
{
    return sink->fd;
}

int imgz_sink_folder_fd(const struct imgz_sink *sink)
{
    return sink->folder_fd;
}

int imgz_sink_reopen(const struct imgz_sink *sink, struct imgz_source **result)
{
    IMGZ_ASSERT(imgz_sink_is(sink, IMGZ_SINK_RANDOM));
    return imgz_source_reopen(sink->fd, sink->path, sink->latch, sink->log, result);
}

/* ---- Ending it ---------------------------------------------------------------------------- */

uint64_t imgz_sink_discard(struct imgz_sink *sink)
{
    if (sink->ops->discard == NULL)
        return 0;
    sink->begun = true;
    return sink->ops->discard(sink);
}

int imgz_sink_flush(struct imgz_sink *sink)
{
    return sink->ops->flush(sink);
}

int imgz_sink_mark(struct imgz_sink *sink)
{
    return sink->ops->mark != NULL && !sink->marked ? sink->ops->mark(sink) : 0;
}

void imgz_sink_set_whole(struct imgz_sink *sink)
{
    sink->whole = true;
}

void imgz_sink_set_useless(struct imgz_sink *sink)
{
    sink->keep = false;
}

int imgz_sink_commit(struct imgz_sink *sink)
{
    int rc = sink->ops->commit(sink);

    sink->committed = rc == 0;
    return rc;
}

bool imgz_sink_keeps(const struct imgz_sink *sink)
{
    return sink->ops->keeps != NULL && sink->ops->keeps(sink);
}

/* ---- For kinds ---------------------------------------------------------------------------- */

int imgz_sink_raise(const struct imgz_sink *sink, int rc, const char *doing)
{
    return imgz_latch_raise_system(sink->latch, rc, imgz_sink_location(sink, IMGZ_OFFSET_NONE),
                                   doing);
}

int imgz_sink_raise_changed(const struct imgz_sink *sink)
{
    return imgz_latch_raise(sink->latch, -ESTALE, imgz_sink_location(sink, IMGZ_OFFSET_NONE),
                            "%s was removed, or replaced by something else, while it was opened; "
                            "nothing was written; run again",
                            sink->path);
}

int imgz_sink_raise_both(const struct imgz_sink *sink, const char *suffix)
{
    return imgz_latch_raise_usage(sink->latch, imgz_sink_location(sink, IMGZ_OFFSET_NONE),
                                  "%s%s would be both read and written; name another", sink->path,
                                  suffix);
}

int imgz_sink_flush_fd(struct imgz_sink *sink)
{
    struct imgz_location location = imgz_sink_location(sink, IMGZ_OFFSET_NONE);

    if (fsync(sink->fd) == 0)
        return 0;
    location.stage = IMGZ_STAGE_FLUSH;
    return imgz_latch_raise_system(sink->latch, -errno, location, "flushing");
}

int imgz_sink_close_fd(int *fd)
{
    const int closing = *fd;

    *fd = -1;
    if (closing < 0)
        return 0;
    return close(closing) < 0 ? -errno : 0;
}

int imgz_sink_close_fds(struct imgz_sink *sink)
{
    struct imgz_location location = imgz_sink_location(sink, IMGZ_OFFSET_NONE);
    int direct_rc = imgz_sink_close_fd(&sink->direct_fd);
    int rc = imgz_sink_close_fd(&sink->fd);

    location.stage = IMGZ_STAGE_FLUSH;
    if (rc == 0)
        rc = direct_rc;
    return rc < 0 ? imgz_latch_raise_system(sink->latch, rc, location, "closing") : 0;
}
