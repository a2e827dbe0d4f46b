/* SPDX-License-Identifier: MIT */
#include "io/aio/aio.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/aio/aio_backend.h"

/* A request under way, addressed by its index as the backend's token. */
struct entry {
    struct imgz_aio_request request;
    uint64_t done_bytes;
    uint32_t next_free;
};

struct imgz_aio {
    const struct imgz_aio_backend *backend;
    void *state;
    uint32_t depth_count;
    uint32_t pending_count;
    uint32_t first_free;
    char description[160];
    struct entry entries[];
};

/* Opens the ring, or plain system calls if the kernel, a sandbox or a limit refuses it. */
static int open_best(struct imgz_aio *io, const struct imgz_aio_config *config)
{
    int rc = imgz_aio_uring.open(config, &io->state);

    if (rc == 0) {
        io->backend = &imgz_aio_uring;
        return 0;
    }
    io->backend = &imgz_aio_pread;
    snprintf(io->description, sizeof(io->description), "%s (io_uring: %s)", imgz_aio_pread.name,
             strerrordesc_np(-rc));
    return imgz_aio_pread.open(config, &io->state);
}

int imgz_aio_create(const struct imgz_aio_config *config, struct imgz_aio **result)
{
    struct imgz_aio *io;
    int rc;

    IMGZ_ASSERT(config->depth_count > 0);
    io = calloc(1, sizeof(*io) + config->depth_count * sizeof(io->entries[0]));
    if (io == NULL)
        return -ENOMEM;
    io->depth_count = config->depth_count;
    for (uint32_t i = 0; i < config->depth_count; i++)
        io->entries[i].next_free = i + 1;
    if (config->backend != NULL) {
        io->backend = config->backend;
        rc = config->backend->open(config, &io->state);
    } else {
        rc = open_best(io, config);
    }
    if (rc < 0) {
        free(io);
        return rc;
    }
    if (io->description[0] == '\0')
        snprintf(io->description, sizeof(io->description), "%s", io->backend->describe(io->state));
    *result = io;
    return 0;
}

void imgz_aio_destroy(struct imgz_aio *io)
{
    struct imgz_aio_transfer_result outcome;

    if (io == NULL)
        return;
    /* The kernel may still write into buffers: nothing is freed before it is done. */
    while (io->pending_count > 0 && io->backend->flush(io->state) == 0 &&
           io->backend->next(io->state, IMGZ_AIO_WAIT_ONE, &outcome) == 0)
        io->pending_count -= 1;
    io->backend->close(io->state);
    free(io);
}

const char *imgz_aio_describe(const struct imgz_aio *io)
{
    return io->description;
}

const char *imgz_aio_name(const struct imgz_aio *io)
{
    return io->backend->name;
}

bool imgz_aio_full(const struct imgz_aio *io)
{
    return io->pending_count == io->depth_count;
}

uint32_t imgz_aio_pending_count(const struct imgz_aio *io)
{
    return io->pending_count;
}

/* Queues what is left of an entry. */
static int queue_rest(struct imgz_aio *io, uint32_t token)
{
    const struct entry *entry = &io->entries[token];
    const struct imgz_aio_request *request = &entry->request;
    const struct imgz_aio_transfer transfer = {
        .kind = request->kind,
        .file_index = request->file_index,
        .offset = request->offset + entry->done_bytes,
        .bytes = request->bytes - entry->done_bytes,
        .buffer = request->buffer != NULL ? request->buffer + entry->done_bytes : NULL,
        .token = token,
    };

    return io->backend->queue(io->state, &transfer);
}

int imgz_aio_submit(struct imgz_aio *io, const struct imgz_aio_request *request)
{
    const uint32_t token = io->first_free;
    struct entry *entry;
    int rc;

    IMGZ_ASSERT(!imgz_aio_full(io));
    IMGZ_ASSERT(request->bytes > 0);
    IMGZ_ASSERT(request->need_bytes <= request->bytes);
    entry = &io->entries[token];
    entry->request = *request;
    entry->done_bytes = 0;
    rc = queue_rest(io, token);
    if (rc < 0)
        return rc;
    io->first_free = entry->next_free;
    io->pending_count += 1;
    return 0;
}

int imgz_aio_flush(struct imgz_aio *io)
{
    return io->backend->flush(io->state);
}

/* Books an outcome. True if the request is over, false if what is left must be queued again. */
static bool book_outcome(struct entry *entry, int64_t outcome, int *rc)
{
    const struct imgz_aio_request *request = &entry->request;

    *rc = 0;
    if (outcome == -EINTR || outcome == -EAGAIN)
        return false;
    if (outcome < 0) {
        *rc = (int)outcome;
        return true;
    }
    if (request->kind == IMGZ_AIO_ZERO) {
        entry->done_bytes = request->bytes;
        return true;
    }
    IMGZ_ASSERT((uint64_t)outcome <= request->bytes - entry->done_bytes);
    entry->done_bytes += (uint64_t)outcome;
    if (entry->done_bytes >= request->need_bytes)
        return true;
    if (outcome > 0)
        return false;
    /* Nothing moved: the end for a read; a write that moves nothing would do so forever. */
    if (request->kind == IMGZ_AIO_WRITE)
        *rc = -EIO;
    return true;
}

static int reap(struct imgz_aio *io, enum imgz_aio_wait wait, struct imgz_aio_result *result)
{
    struct imgz_aio_transfer_result outcome;
    struct entry *entry;
    int rc;

    for (;;) {
        rc = io->backend->next(io->state, wait, &outcome);
        if (rc < 0)
            return rc;
        IMGZ_ASSERT(outcome.token < io->depth_count);
        entry = &io->entries[outcome.token];
        if (book_outcome(entry, outcome.result, &result->rc))
            break;
        rc = queue_rest(io, outcome.token);
        if (rc == 0)
            rc = io->backend->flush(io->state);
        if (rc < 0)
            return rc;
    }
    result->request = entry->request;
    result->done_bytes = entry->done_bytes;
    entry->next_free = io->first_free;
    io->first_free = outcome.token;
    io->pending_count -= 1;
    return 0;
}

int imgz_aio_reap(struct imgz_aio *io, struct imgz_aio_result *result)
{
    IMGZ_ASSERT(io->pending_count > 0);
    return reap(io, IMGZ_AIO_WAIT_ONE, result);
}

int imgz_aio_try_reap(struct imgz_aio *io, struct imgz_aio_result *result)
{
    if (io->pending_count == 0)
        return -EAGAIN;
    return reap(io, IMGZ_AIO_WAIT_NO, result);
}
