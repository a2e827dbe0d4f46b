/* SPDX-License-Identifier: MIT */
#include "io/source/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/aio/stream.h"
#include "io/remote/address.h"
#include "io/source/source_ops.h"

void imgz_source_init(struct imgz_source *source, const struct imgz_source_ops *ops,
                      const struct imgz_source_config *config)
{
    *source = (struct imgz_source){
        .ops = ops,
        .path = config->path,
        .stage = config->stage,
        .size_bytes = IMGZ_SIZE_UNKNOWN,
        .data_bytes_max = IMGZ_SIZE_UNKNOWN,
        .sector_bytes = IMGZ_BLOCK_BYTES,
        .retry_count = config->retry_count,
        .on_error = config->on_error,
        .watchdog = config->watchdog,
        .fd = -1,
    };
}

/* ---- Opening ------------------------------------------------------------------------------ */

static int raise_opening(const struct imgz_source_config *config, int rc, struct imgz_latch *latch)
{
    const struct imgz_location location = {config->stage,
                                           strcmp(config->path, "-") == 0 ? "standard input"
                                                                          : config->path,
                                           IMGZ_OFFSET_NONE};

    return imgz_latch_raise_system(latch, rc, location, "opening");
}

static const char *how_read(const struct imgz_source *source)
{
    if (!imgz_source_is(source, IMGZ_SOURCE_LOCAL))
        return "by imgz on that host";
    if (!imgz_source_is(source, IMGZ_SOURCE_RANDOM))
        return "a stream";
    return imgz_source_is(source, IMGZ_SOURCE_DIRECT) ? "with direct I/O"
                                                      : "through the page cache";
}

static int refuse_terminal(const struct imgz_source *source, struct imgz_latch *latch)
{
    if (!imgz_source_is(source, IMGZ_SOURCE_LOCAL) || !imgz_stream_is_own_terminal(source->fd))
        return 0;
    return imgz_latch_raise_usage(latch, imgz_source_location(source, IMGZ_OFFSET_NONE),
                                  "%s is the terminal: disks and images cannot be typed in; "
                                  "redirect standard input or name a file",
                                  source->path);
}

static int open_local(const struct imgz_source_config *config, struct imgz_latch *latch,
                      struct imgz_source **result)
{
    struct imgz_source *source = NULL;
    int rc;

    imgz_watchdog_begin(config->watchdog, IMGZ_WATCHDOG_ONCE, IMGZ_OFFSET_NONE);
    rc = imgz_source_local_open(config, &source);
    imgz_watchdog_end(config->watchdog, IMGZ_WATCHDOG_ONCE);
    if (rc < 0)
        return raise_opening(config, rc, latch);
    rc = refuse_terminal(source, latch);
    if (rc < 0) {
        imgz_source_close(source);
        return rc;
    }
    *result = source;
    return 0;
}

static int raise_address(const struct imgz_source_config *config, const char *why,
                         struct imgz_latch *latch)
{
    const struct imgz_location location = {config->stage, config->path, IMGZ_OFFSET_NONE};

    return imgz_latch_raise_usage(latch, location,
                                  "opening %s: %s; write ssh://host/path, and %% as %%25",
                                  config->path, why);
}

static int open_remote(const struct imgz_source_config *config, const struct imgz_address *address,
                       struct imgz_latch *latch, struct imgz_log *log, struct imgz_source **result)
{
    if (address->path == NULL)
        return raise_address(config, "it names no file or device", latch);
    return imgz_source_remote_open(config, address, latch, log, result);
}

/* The caller's may go. */
static int own_path(struct imgz_source *source, struct imgz_latch *latch)
{
    source->own_path = strdup(source->path);
    if (source->own_path == NULL)
        return imgz_latch_raise_system(latch, -ENOMEM,
                                       imgz_source_location(source, IMGZ_OFFSET_NONE), "opening");
    source->path = source->own_path;
    return 0;
}

static int open_any(const struct imgz_source_config *config, struct imgz_latch *latch,
                    struct imgz_log *log, struct imgz_source **result)
{
    struct imgz_address address;
    const char *why;
    int rc = -EINVAL;

    switch (imgz_address_parse(config->path, &address, &why)) {
    case IMGZ_ADDRESS_LOCAL:
        rc = open_local(config, latch, result);
        break;
    case IMGZ_ADDRESS_REMOTE:
        rc = open_remote(config, &address, latch, log, result);
        imgz_address_fini(&address);
        break;
    case IMGZ_ADDRESS_WRONG:
        rc = raise_address(config, why, latch);
        break;
    }
    return rc;
}

int imgz_source_open(const struct imgz_source_config *config, struct imgz_latch *latch,
                     struct imgz_log *log, struct imgz_source **result)
{
    struct imgz_source *source = NULL;
    int rc = open_any(config, latch, log, &source);

    IMGZ_ASSERT(rc < 0 || source != NULL);
    if (rc == 0)
        rc = own_path(source, latch);
    if (rc < 0) {
        imgz_source_close(source);
        return rc;
    }
    imgz_log_line(log, "reading %s, %s", source->path, how_read(source));
    *result = source;
    return 0;
}

int imgz_source_reopen(int fd, const char *path, struct imgz_latch *latch, struct imgz_log *log,
                       struct imgz_source **result)
{
    const struct imgz_source_config config = {.path = path, .stage = IMGZ_STAGE_READ_SOURCE};
    int rc = imgz_source_local_open_fd(fd, &config, result);

    if (rc < 0)
        return raise_opening(&config, rc, latch);
    imgz_log_line(log, "reading %s back, %s", path,
                  imgz_source_is(*result, IMGZ_SOURCE_DIRECT) ? "with direct I/O"
                                                              : "with the page cache dropped");
    return 0;
}

void imgz_source_close(struct imgz_source *source)
{
    char *path;

    if (source == NULL)
        return;
    path = source->own_path;
    source->ops->close(source);
    free(path);
}

/* ---- What it is --------------------------------------------------------------------------- */

bool imgz_source_is(const struct imgz_source *source, enum imgz_source_trait trait)
{
    return (source->traits & trait) != 0;
}

const char *imgz_source_kind(const struct imgz_source *source)
{
    return source->ops->kind;
}

const char *imgz_source_path(const struct imgz_source *source)
{
    return source->path;
}

uint64_t imgz_source_size(const struct imgz_source *source)
{
    return source->size_bytes;
}

uint32_t imgz_source_sector_bytes(const struct imgz_source *source)
{
    return source->sector_bytes;
}

uint64_t imgz_source_data_bytes_max(const struct imgz_source *source)
{
    return imgz_min(source->size_bytes, source->data_bytes_max);
}

bool imgz_source_describe(const struct imgz_source *source, struct imgz_device *device)
{
    if (source->ops->describe == NULL)
        return false;
    source->ops->describe(source, device);
    return true;
}

struct imgz_location imgz_source_location(const struct imgz_source *source, uint64_t offset)
{
    return (struct imgz_location){source->stage, source->path, offset};
}

const struct stat *imgz_source_status(const struct imgz_source *source)
{
    return imgz_source_is(source, IMGZ_SOURCE_LOCAL) ? &source->status : NULL;
}

int imgz_source_local_fd(const struct imgz_source *source)
{
    return imgz_source_is(source, IMGZ_SOURCE_LOCAL) ? source->fd : -1;
}

/* ---- Settings ----------------------------------------------------------------------------- */

void imgz_source_set_stage(struct imgz_source *source, enum imgz_stage stage)
{
    source->stage = stage;
}

void imgz_source_set_known_bad(struct imgz_source *source, const struct imgz_range_list *list)
{
    source->known_bad = list;
}

void imgz_source_use_cache(struct imgz_source *source)
{
    if (source->ops->use_cache != NULL)
        source->ops->use_cache(source);
}

/* ---- Reading ------------------------------------------------------------------------------ */

int imgz_source_read_at(const struct imgz_source *source, uint64_t offset, void *buffer,
                        size_t bytes, size_t *done_bytes)
{
    *done_bytes = 0;
    return source->ops->read_at(source, offset, buffer, bytes, done_bytes);
}

int imgz_source_read(struct imgz_source *source, struct imgz_latch *latch, void *buffer,
                     size_t bytes, size_t *done_bytes)
{
    const size_t again_bytes = (size_t)imgz_min(bytes, source->peeked_bytes);
    int rc;

    *done_bytes = 0;
    memcpy(buffer, source->peeked, again_bytes);
    source->peeked_bytes -= again_bytes;
    memmove(source->peeked, source->peeked + again_bytes, source->peeked_bytes);
    rc = source->ops->read_next(source, imgz_latch_fd(latch), (unsigned char *)buffer + again_bytes,
                                bytes - again_bytes, done_bytes);
    *done_bytes += again_bytes;
    return rc;
}

int imgz_source_next_extent(const struct imgz_source *source, uint64_t from,
                            struct imgz_extent *result)
{
    IMGZ_ASSERT(imgz_source_is(source, IMGZ_SOURCE_RANDOM));
    if (!imgz_source_is(source, IMGZ_SOURCE_HOLES)) {
        *result = (struct imgz_extent){imgz_min(from, source->size_bytes), source->size_bytes};
        return 0;
    }
    return source->ops->next_extent(source, from, result);
}

struct imgz_read_ahead imgz_source_read_ahead(const struct imgz_source *source)
{
    return (struct imgz_read_ahead){
        .fd = imgz_source_is(source, IMGZ_SOURCE_DIRECT) ? -1 : source->fd,
    };
}

/* One aligned block, so that it works with direct I/O too. */
static int peek_random(const struct imgz_source *source, unsigned char *buffer, size_t bytes,
                       size_t *done_bytes)
{
    _Alignas(IMGZ_BLOCK_BYTES) unsigned char block[IMGZ_BLOCK_BYTES];
    size_t block_bytes;
    int rc = imgz_source_read_at(source, 0, block, IMGZ_BLOCK_BYTES, &block_bytes);

    *done_bytes = imgz_min(bytes, block_bytes);
    memcpy(buffer, block, *done_bytes);
    return rc;
}

static int peek_stream(struct imgz_source *source, struct imgz_latch *latch, unsigned char *buffer,
                       size_t bytes, size_t *done_bytes)
{
    int rc = 0;

    if (source->peeked_bytes == 0)
        rc = source->ops->read_next(source, imgz_latch_fd(latch), source->peeked, bytes,
                                    &source->peeked_bytes);
    *done_bytes = (size_t)imgz_min(bytes, source->peeked_bytes);
    memcpy(buffer, source->peeked, *done_bytes);
    return rc;
}

int imgz_source_peek(struct imgz_source *source, struct imgz_latch *latch, unsigned char *buffer,
                     size_t bytes, size_t *done_bytes)
{
    int rc;

    IMGZ_ASSERT(bytes <= IMGZ_SOURCE_PEEK_BYTES);
    rc = imgz_source_is(source, IMGZ_SOURCE_RANDOM)
             ? peek_random(source, buffer, bytes, done_bytes)
             : peek_stream(source, latch, buffer, bytes, done_bytes);
    if (rc < 0)
        return imgz_latch_raise_system(latch, rc, imgz_source_location(source, *done_bytes),
                                       "reading");
    return 0;
}

void imgz_source_drop_peeked(struct imgz_source *source)
{
    source->peeked_bytes = 0;
}
