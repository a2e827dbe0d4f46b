/* SPDX-License-Identifier: MIT */
#include "fake_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Thread_local struct imgz_fake *installed;

void imgz_fake_install(struct imgz_fake *fake)
{
    installed = fake;
}

/* xorshift64*, as tests/unit/sample.h. */
static uint64_t next_random(struct imgz_fake *fake)
{
    fake->random ^= fake->random >> 12;
    fake->random ^= fake->random << 25;
    fake->random ^= fake->random >> 27;
    return fake->random * 0x2545f4914f6cdd1du >> 16;
}

static bool chance(struct imgz_fake *fake, uint32_t percent)
{
    return next_random(fake) % 100 < percent;
}

/* These calls are not the engine's: what stands before the C library's (intercept.h) is passed by.
 */

/* Opens the file behind 'fd' once more, without O_DIRECT: the fake cuts transfers anywhere. */
static int open_again(int fd)
{
    char path[40];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, (fcntl(fd, F_GETFL) & O_ACCMODE) | O_CLOEXEC);
}

static int fake_open(const struct imgz_aio_config *config, void **state)
{
    IMGZ_ASSERT(installed != NULL && !installed->opened);
    IMGZ_ASSERT(config->depth_count <= IMGZ_FAKE_DEPTH_MAX);
    installed->fd = -1;
    if (installed->data == NULL) {
        installed->fd = open_again(config->fds[0]);
        IMGZ_ASSERT(installed->fd >= 0);
        installed->size_bytes = (uint64_t)lseek(installed->fd, 0, SEEK_END);
    }
    installed->several_files = config->fd_count > 1;
    installed->opened = true;
    *state = installed;
    return 0;
}

static void fake_close(void *state)
{
    struct imgz_fake *fake = state;

    if (fake->fd >= 0)
        close(fake->fd);
    fake->closed = true;
    fake->left_count = fake->transfer_count;
}

static const char *fake_describe(const void *state)
{
    (void)state;
    return "a fake";
}

static bool broken(const struct imgz_fake *fake)
{
    return fake->breaks_after > 0 && fake->outcome_count >= fake->breaks_after;
}

static int fake_queue(void *state, const struct imgz_aio_transfer *transfer)
{
    struct imgz_fake *fake = state;

    IMGZ_ASSERT(fake->transfer_count < IMGZ_FAKE_DEPTH_MAX);
    IMGZ_ASSERT(transfer->bytes > 0);
    for (uint32_t i = 0; i < fake->transfer_count; i++)
        IMGZ_ASSERT(fake->transfers[i].token != transfer->token);
    fake->transfers[fake->transfer_count] = *transfer;
    fake->transfer_count += 1;
    return 0;
}

static int fake_flush(void *state)
{
    return broken(state) ? -EIO : 0;
}

/* How much of the transfer lies before the first byte that cannot be moved. */
static uint64_t good_bytes(const struct imgz_fake *fake, const struct imgz_aio_transfer *transfer,
                           int *error)
{
    const struct imgz_fake_fault *fault = &fake->fault;
    const uint64_t limit =
        transfer->kind == IMGZ_AIO_READ ? fake->size_bytes : fake->capacity_bytes;
    uint64_t end = transfer->offset + transfer->bytes;

    *error = 0;
    if (end > limit) {
        end = imgz_max(limit, transfer->offset);
        *error = transfer->kind == IMGZ_AIO_READ ? 0 : -ENOSPC;
    }
    if (fault->bytes > 0 && fault->kind == transfer->kind && fault->offset < end &&
        transfer->offset < fault->offset + fault->bytes) {
        end = imgz_max(fault->offset, transfer->offset);
        *error = fault->error;
    }
    return end - transfer->offset;
}

static void get(struct imgz_fake *fake, uint64_t offset, unsigned char *to, uint64_t bytes)
{
    if (fake->data != NULL)
        memcpy(to, fake->data + offset, bytes);
    else
        IMGZ_ASSERT(syscall(SYS_pread64, fake->fd, to, bytes, offset) == (long)bytes);
}

/* Stores what is not to be forgotten. */
static void put(struct imgz_fake *fake, uint64_t offset, const unsigned char *from, uint64_t bytes)
{
    const struct imgz_fake_fault *loss = &fake->loss;

    if (loss->bytes > 0 && offset < loss->offset + loss->bytes && loss->offset < offset + bytes)
        return;
    fake->size_bytes = imgz_max(fake->size_bytes, offset + bytes);
    if (fake->data != NULL)
        memcpy(fake->data + offset, from, bytes);
    else
        IMGZ_ASSERT(syscall(SYS_pwrite64, fake->fd, from, bytes, offset) == (long)bytes);
}

static void put_zeros(struct imgz_fake *fake, uint64_t offset, uint64_t bytes)
{
    static const unsigned char zeros[4096];

    for (uint64_t done = 0; done < bytes; done += sizeof(zeros))
        put(fake, offset + done, zeros, imgz_min(sizeof(zeros), bytes - done));
}

static int64_t move(struct imgz_fake *fake, const struct imgz_aio_transfer *transfer)
{
    int error;
    uint64_t bytes = good_bytes(fake, transfer, &error);

    if (bytes == 0 || (transfer->kind == IMGZ_AIO_ZERO && bytes < transfer->bytes))
        return error;
    if (transfer->kind != IMGZ_AIO_ZERO && bytes > 1 && chance(fake, fake->short_percent)) {
        bytes = 1 + next_random(fake) % (bytes - 1);
        fake->short_count += 1;
    }
    switch (transfer->kind) {
    case IMGZ_AIO_READ:
        get(fake, transfer->offset, transfer->buffer, bytes);
        break;
    case IMGZ_AIO_WRITE:
        put(fake, transfer->offset, transfer->buffer, bytes);
        break;
    case IMGZ_AIO_ZERO:
        put_zeros(fake, transfer->offset, bytes);
        return 0;
    }
    return (int64_t)bytes;
}

static int fake_next(void *state, enum imgz_aio_wait wait, struct imgz_aio_transfer_result *result)
{
    struct imgz_fake *fake = state;
    struct imgz_aio_transfer transfer;
    uint32_t index = 0;

    if (broken(fake))
        return -EIO;
    IMGZ_ASSERT(fake->transfer_count > 0 || wait == IMGZ_AIO_WAIT_NO);
    if (fake->transfer_count == 0 || (wait == IMGZ_AIO_WAIT_NO && chance(fake, fake->late_percent)))
        return -EAGAIN;
    if (fake->reorder)
        index = (uint32_t)(next_random(fake) % fake->transfer_count);
    fake->overtaken_count += index;
    transfer = fake->transfers[index];
    fake->transfer_count -= 1;
    memmove(&fake->transfers[index], &fake->transfers[index + 1],
            (fake->transfer_count - index) * sizeof(transfer));
    fake->outcome_count += 1;
    result->token = transfer.token;
    if (chance(fake, fake->interrupt_percent)) {
        fake->interrupt_count += 1;
        result->result = chance(fake, 50) ? -EINTR : -EAGAIN;
    } else if (fake->several_files && transfer.file_index == 0 &&
               chance(fake, fake->misfit_percent)) {
        result->result = -EINVAL;
    } else {
        result->result = move(fake, &transfer);
    }
    return 0;
}

const struct imgz_aio_backend imgz_aio_fake = {
    .name = "fake",
    .open = fake_open,
    .close = fake_close,
    .describe = fake_describe,
    .queue = fake_queue,
    .flush = fake_flush,
    .next = fake_next,
};
