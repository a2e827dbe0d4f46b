/* SPDX-License-Identifier: MIT */
/*
 * The backend of plain system calls: each transfer is done when it is queued, and its outcome waits
 * in a queue until it is asked for.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/aio/aio_backend.h"

struct plain {
    int *fds;
    uint32_t capacity_count;
    uint32_t head_index;
    uint32_t used_count;
    struct imgz_aio_transfer_result outcomes[];
};

static void plain_close(void *state)
{
    struct plain *plain = state;

    free(plain->fds);
    free(plain);
}

static int plain_open(const struct imgz_aio_config *config, void **state)
{
    struct plain *plain =
        calloc(1, sizeof(*plain) + config->depth_count * sizeof(plain->outcomes[0]));

    if (plain == NULL)
        return -ENOMEM;
    plain->capacity_count = config->depth_count;
    plain->fds = calloc(config->fd_count, sizeof(plain->fds[0]));
    if (plain->fds == NULL) {
        plain_close(plain);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < config->fd_count; i++)
        plain->fds[i] = config->fds[i];
    *state = plain;
    return 0;
}

static const char *plain_describe(const void *state)
{
    (void)state;
    return "pread";
}

static int64_t transfer_now(int fd, const struct imgz_aio_transfer *transfer)
{
    int64_t moved = -1;

    switch (transfer->kind) {
    case IMGZ_AIO_READ:
        moved = pread(fd, transfer->buffer, transfer->bytes, (off_t)transfer->offset);
        break;
    case IMGZ_AIO_WRITE:
        moved = pwrite(fd, transfer->buffer, transfer->bytes, (off_t)transfer->offset);
        break;
    case IMGZ_AIO_ZERO:
        moved = fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, (off_t)transfer->offset,
                          (off_t)transfer->bytes);
        break;
    }
    return moved < 0 ? -errno : moved;
}

static int plain_queue(void *state, const struct imgz_aio_transfer *transfer)
{
    struct plain *plain = state;
    struct imgz_aio_transfer_result *outcome;

    IMGZ_ASSERT(plain->used_count < plain->capacity_count);
    outcome = &plain->outcomes[(plain->head_index + plain->used_count) % plain->capacity_count];
    outcome->token = transfer->token;
    outcome->result = transfer_now(plain->fds[transfer->file_index], transfer);
    plain->used_count += 1;
    return 0;
}

static int plain_flush(void *state)
{
    (void)state;
    return 0;
}

static int plain_next(void *state, enum imgz_aio_wait wait, struct imgz_aio_transfer_result *result)
{
    struct plain *plain = state;

    IMGZ_ASSERT(plain->used_count > 0 || wait == IMGZ_AIO_WAIT_NO);
    if (plain->used_count == 0)
        return -EAGAIN;
    *result = plain->outcomes[plain->head_index];
    plain->head_index = (plain->head_index + 1) % plain->capacity_count;
    plain->used_count -= 1;
    return 0;
}

const struct imgz_aio_backend imgz_aio_pread = {
    .name = "pread",
    .open = plain_open,
    .close = plain_close,
    .describe = plain_describe,
    .queue = plain_queue,
    .flush = plain_flush,
    .next = plain_next,
};
