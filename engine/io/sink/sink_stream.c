/* SPDX-License-Identifier: MIT */
/*
 * Standard output, a FIFO, or a character device: one write after the other.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/aio/stream.h"
#include "io/sink/sink_ops.h"

/* ---- Appending ---------------------------------------------------------------------------- */

static int append_bytes(struct imgz_append *append, const void *data, uint64_t bytes)
{
    int rc = imgz_stream_write(append->sink->fd, imgz_latch_fd(append->pipeline->latch), data,
                               (size_t)bytes);

    if (rc < 0)
        return imgz_append_raise(append, rc, append->offset);
    append->offset += bytes;
    return 0;
}

static int open_append(struct imgz_sink *sink, struct imgz_pipeline *pipeline,
                       struct imgz_append **result)
{
    return imgz_append_open_plain(sink, pipeline, append_bytes, result);
}

/* ---- The sink ----------------------------------------------------------------------------- */

/* Streams cannot always be flushed: fsync(2) answers EINVAL or EROFS for pipes, sockets and
 * character devices. */
static int flush(struct imgz_sink *sink)
{
    if (fsync(sink->fd) < 0 && (errno == EINVAL || errno == EROFS))
        return 0;
    return imgz_sink_flush_fd(sink);
}

static void close_stream(struct imgz_sink *sink)
{
    if (sink->begun && !sink->committed)
        imgz_latch_add(sink->latch, "; %s is incomplete", sink->path);
    (void)imgz_sink_close_fd(&sink->fd);
    free(sink);
}

static const struct imgz_sink_ops stream_ops = {
    .described = "a stream",
    .open_append = open_append,
    .flush = flush,
    .commit = imgz_sink_close_fds,
    .close = close_stream,
};

/* ---- Opening ------------------------------------------------------------------------------ */

static int open_standard_output(struct imgz_sink *sink)
{
    sink->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    return sink->fd < 0 ? imgz_sink_raise(sink, -errno, "opening") : 0;
}

static int open_handle(struct imgz_sink *sink, int handle)
{
    int fd = imgz_stream_open(handle, imgz_latch_fd(sink->latch));

    if (fd == -ESTALE)
        return imgz_sink_raise_changed(sink);
    if (fd == -ENOTSUP)
        return imgz_latch_raise(sink->latch, fd, imgz_sink_location(sink, IMGZ_OFFSET_NONE),
                                "opening %s: that needs /proc; mount it", sink->path);
    if (fd < 0)
        return imgz_sink_raise(sink, fd, "opening");
    sink->fd = fd;
    if (!imgz_stream_is_own_terminal(fd))
        return 0;
    return imgz_latch_raise_usage(
        sink->latch, imgz_sink_location(sink, IMGZ_OFFSET_NONE),
        "%s is the terminal: imgz writes no disk or image to it; name a file", sink->path);
}

static int open_stream(const struct imgz_sink_config *config, int handle, struct imgz_sink *sink)
{
    if (config->why_no_stream != NULL)
        return imgz_latch_raise_cause(sink->latch, imgz_cause_flags(config->no_stream_flag),
                                      -EINVAL, imgz_sink_location(sink, IMGZ_OFFSET_NONE), "%s %s",
                                      sink->path, config->why_no_stream);
    return handle < 0 ? open_standard_output(sink) : open_handle(sink, handle);
}

int imgz_sink_stream_open(const struct imgz_sink_config *config, int handle,
                          struct imgz_latch *latch, struct imgz_log *log, struct imgz_sink **result)
{
    struct imgz_sink *sink;
    int rc;

    if (config->dry_run && config->why_no_stream == NULL && handle >= 0)
        return imgz_sink_open_null(config, latch, log, result);
    sink = malloc(sizeof(*sink));
    if (sink == NULL)
        return imgz_latch_raise_system(
            latch, -ENOMEM, (struct imgz_location){config->stage, config->path, IMGZ_OFFSET_NONE},
            "opening");
    imgz_sink_init(sink, &stream_ops, config, latch, log);
    sink->traits = IMGZ_SINK_LOCAL;
    if (handle < 0)
        sink->path = "standard output";
    rc = open_stream(config, handle, sink);
    if (rc < 0) {
        imgz_sink_close(sink);
        return rc;
    }
    *result = sink;
    return 0;
}
