/* SPDX-License-Identifier: MIT */
/*
 * A block device, opened exclusively (target.h): what it holds is replaced in place.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "io/device/target.h"
#include "io/file/handle.h"
#include "io/sink/sink_ops.h"

static void close_device(struct imgz_sink *sink)
{
    if (sink->begun && !sink->committed)
        imgz_latch_add(sink->latch, sink->whole ? "; %s has the whole disk" : "; %s is incomplete",
                       sink->path);
    (void)imgz_sink_close_fd(&sink->direct_fd);
    (void)imgz_sink_close_fd(&sink->fd);
    free(sink);
}

static uint64_t discard(struct imgz_sink *sink)
{
    return imgz_target_discard(sink->fd, sink->path, sink->latch, sink->log);
}

static const struct imgz_sink_ops device_ops = {
    .discard = discard,
    .open_sparse = imgz_sparse_open_local,
    .flush = imgz_sink_flush_fd,
    .commit = imgz_sink_close_fds,
    .close = close_device,
};

static int refuse(const struct imgz_sink_config *config, struct imgz_latch *latch)
{
    const struct imgz_location location = {config->stage, config->path, IMGZ_OFFSET_NONE};

    return imgz_latch_raise_usage(latch, location,
                                  "%s is a block device: an image needs a file or a pipe; were "
                                  "source and image swapped?",
                                  config->path);
}

static int open_target(struct imgz_sink *sink, const struct imgz_sink_config *config, int handle)
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
    int rc = imgz_target_open(&target_config, sink->latch, sink->log, &target);

    if (rc < 0)
        return rc;
    sink->fd = target.fd;
    sink->size_bytes = target.size_bytes;
    sink->left_out_bytes = target.left_out_bytes;
    if (config->direct_wanted)
        sink->direct_fd = imgz_handle_open(sink->fd, O_WRONLY | O_DIRECT);
    return 0;
}

int imgz_sink_device_open(const struct imgz_sink_config *config, int handle,
                          struct imgz_latch *latch, struct imgz_log *log, struct imgz_sink **result)
{
    struct imgz_sink *sink;
    int rc;

    if (!config->device_allowed)
        return refuse(config, latch);
    sink = malloc(sizeof(*sink));
    if (sink == NULL)
        return imgz_latch_raise_system(
            latch, -ENOMEM, (struct imgz_location){config->stage, config->path, IMGZ_OFFSET_NONE},
            "opening");
    imgz_sink_init(sink, &device_ops, config, latch, log);
    sink->traits = IMGZ_SINK_RANDOM | IMGZ_SINK_DEVICE | IMGZ_SINK_LOCAL;
    rc = open_target(sink, config, handle);
    if (rc < 0) {
        imgz_sink_close(sink);
        return rc;
    }
    *result = sink;
    return 0;
}
