/* SPDX-License-Identifier: MIT */
#include "fake_io.h"

#include <errno.h>
#include <string.h>

static struct imgz_fake *installed;

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

static int fake_open(const struct imgz_io_config *config, void **state)
{
    IMGZ_ASSERT(installed != NULL && !installed->opened);
    IMGZ_ASSERT(config->depth_count <= IMGZ_FAKE_DEPTH_MAX);
    installed->opened = true;
    *state = installed;
    return 0;
}

static void fake_close(void *state)
{
    struct imgz_fake *fake = state;

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

static int fake_queue(void *state, const struct imgz_io_transfer *transfer)
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
static uint64_t good_bytes(const struct imgz_fake *fake, const struct imgz_io_transfer *transfer,
                           int *error)
{
    const struct imgz_fake_fault *fault = &fake->fault;
    const uint64_t limit = transfer->kind == IMGZ_IO_READ ? fake->size_bytes : fake->capacity_bytes;
    uint64_t end = transfer->offset + transfer->bytes;

    *error = 0;
    if (end > limit) {
        end = imgz_max(limit, transfer->offset);
        *error = transfer->kind == IMGZ_IO_READ ? 0 : -ENOSPC;
    }
    if (fault->bytes > 0 && fault->kind == transfer->kind && fault->offset < end &&
        transfer->offset < fault->offset + fault->bytes) {
        end = imgz_max(fault->offset, transfer->offset);
        *error = fault->error;
    }
    return end - transfer->offset;
}

static int64_t move(struct imgz_fake *fake, const struct imgz_io_transfer *transfer)
{
    int error;
    uint64_t bytes = good_bytes(fake, transfer, &error);

    if (bytes == 0 || (transfer->kind == IMGZ_IO_ZERO && bytes < transfer->bytes))
        return error;
    if (transfer->kind != IMGZ_IO_ZERO && bytes > 1 && chance(fake, fake->short_percent)) {
        bytes = 1 + next_random(fake) % (bytes - 1);
        fake->short_count += 1;
    }
    switch (transfer->kind) {
    case IMGZ_IO_READ:
        memcpy(transfer->buffer, fake->data + transfer->offset, bytes);
        break;
    case IMGZ_IO_WRITE:
        memcpy(fake->data + transfer->offset, transfer->buffer, bytes);
        fake->size_bytes = imgz_max(fake->size_bytes, transfer->offset + bytes);
        break;
    case IMGZ_IO_ZERO:
        memset(fake->data + transfer->offset, 0, bytes);
        return 0;
    }
    return (int64_t)bytes;
}

static int fake_next(void *state, enum imgz_io_wait wait, struct imgz_io_transfer_result *result)
{
    struct imgz_fake *fake = state;
    struct imgz_io_transfer transfer;
    uint32_t index = 0;

    if (broken(fake))
        return -EIO;
    IMGZ_ASSERT(fake->transfer_count > 0 || wait == IMGZ_IO_WAIT_NO);
    if (fake->transfer_count == 0 || (wait == IMGZ_IO_WAIT_NO && chance(fake, fake->late_percent)))
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
    } else {
        result->result = move(fake, &transfer);
    }
    return 0;
}

const struct imgz_io_backend imgz_io_fake = {
    .name = "fake",
    .open = fake_open,
    .close = fake_close,
    .describe = fake_describe,
    .queue = fake_queue,
    .flush = fake_flush,
    .next = fake_next,
};
