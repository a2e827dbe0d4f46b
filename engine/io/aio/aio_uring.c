/* SPDX-License-Identifier: MIT */
/*
 * The io_uring backend.
 *
 * Files and the slots' memory are registered where the kernel allows it: a fixed file saves a
 * reference count per request, fixed buffers save pinning the pages of each. Either may be refused
 * (RLIMIT_MEMLOCK without CAP_IPC_LOCK, older kernels, sandboxes); then requests go without.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "io/aio/aio_backend.h"

/* The kernel takes at most 1 GiB per registered buffer (io_uring_register(2)). */
#define PIECE_BYTES ((uint64_t)1 << 30)
#define PIECES_MAX  64u

struct ring {
    struct io_uring uring;
    const unsigned char *memory;
    uint64_t memory_bytes;
    bool fixed_buffers;
    bool fixed_files;
    int *fds; /* used when files are not fixed */
};

static bool register_memory(struct ring *ring, unsigned char *memory, uint64_t bytes)
{
    struct iovec pieces[PIECES_MAX];
    uint32_t count = 0;

    if (bytes == 0 || bytes > PIECE_BYTES * PIECES_MAX)
        return false;
    for (uint64_t at = 0; at < bytes; at += PIECE_BYTES) {
        pieces[count].iov_base = memory + at;
        pieces[count].iov_len = (size_t)imgz_min(PIECE_BYTES, bytes - at);
        count += 1;
    }
    ring->memory = memory;
    ring->memory_bytes = bytes;
    return io_uring_register_buffers(&ring->uring, pieces, count) == 0;
}

/* SINGLE_ISSUER and DEFER_TASKRUN (kernel 6.1): this thread handles completions when it asks for
 * them, without interrupts. TASKRUN_FLAG (5.19) lets a peek see that there are some. Older kernels
 * answer EINVAL. */
static int init_uring(struct io_uring *uring, uint32_t depth_count)
{
    struct io_uring_params modern = {
        .flags =
            IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
    };
    int rc = io_uring_queue_init_params(depth_count, uring, &modern);

    if (rc == -EINVAL) {
        struct io_uring_params basic = {0};

        rc = io_uring_queue_init_params(depth_count, uring, &basic);
    }
    return rc;
}

static int ring_open(const struct imgz_aio_config *config, void **state)
{
    struct ring *ring = calloc(1, sizeof(*ring));
    int rc;

    if (ring == NULL)
        return -ENOMEM;
    ring->fds = calloc(config->fd_count, sizeof(ring->fds[0]));
    if (ring->fds == NULL) {
        free(ring);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < config->fd_count; i++)
        ring->fds[i] = config->fds[i];
    rc = init_uring(&ring->uring, config->depth_count);
    if (rc < 0) {
        free(ring->fds);
        free(ring);
        return rc;
    }
    ring->fixed_files = io_uring_register_files(&ring->uring, ring->fds, config->fd_count) == 0;
    ring->fixed_buffers = register_memory(ring, config->memory, config->memory_bytes);
    *state = ring;
    return 0;
}

static void ring_close(void *state)
{
    struct ring *ring = state;

    /* The kernel tears a ring down later, in the background. What is unregistered first is released
     * at once. Otherwise the files would stay open for a moment after close(), and umount would
     * fail. */
    if (ring->fixed_files)
        (void)io_uring_unregister_files(&ring->uring);
    if (ring->fixed_buffers)
        (void)io_uring_unregister_buffers(&ring->uring);
    io_uring_queue_exit(&ring->uring);
    free(ring->fds);
    free(ring);
}

static const char *ring_describe(const void *state)
{
    const struct ring *ring = state;

    if (ring->fixed_buffers)
        return ring->fixed_files ? "io_uring with fixed buffers and files"
                                 : "io_uring with fixed buffers";
    return ring->fixed_files ? "io_uring with fixed files, buffers not registered"
                             : "io_uring, nothing registered";
}

/* The registered piece that holds the whole buffer, or -1. */
static int find_piece(const struct ring *ring, const unsigned char *buffer, uint64_t bytes)
{
    uint64_t first;
    uint64_t last;

    if (!ring->fixed_buffers || buffer < ring->memory ||
        buffer + bytes > ring->memory + ring->memory_bytes)
        return -1;
    first = (uint64_t)(buffer - ring->memory) / PIECE_BYTES;
    last = ((uint64_t)(buffer - ring->memory) + bytes - 1) / PIECE_BYTES;
    return first == last ? (int)first : -1;
}

static void prepare(const struct ring *ring, struct io_uring_sqe *sqe,
                    const struct imgz_aio_transfer *transfer)
{
    const int fd = ring->fixed_files ? (int)transfer->file_index : ring->fds[transfer->file_index];
    const unsigned length = (unsigned)transfer->bytes;
    const int piece =
        transfer->kind == IMGZ_AIO_ZERO ? -1 : find_piece(ring, transfer->buffer, transfer->bytes);

    switch (transfer->kind) {
    case IMGZ_AIO_READ:
        if (piece >= 0)
            io_uring_prep_read_fixed(sqe, fd, transfer->buffer, length, transfer->offset, piece);
        else
            io_uring_prep_read(sqe, fd, transfer->buffer, length, transfer->offset);
        break;
    case IMGZ_AIO_WRITE:
        if (piece >= 0)
            io_uring_prep_write_fixed(sqe, fd, transfer->buffer, length, transfer->offset, piece);
        else
            io_uring_prep_write(sqe, fd, transfer->buffer, length, transfer->offset);
        break;
    case IMGZ_AIO_ZERO:
        io_uring_prep_fallocate(sqe, fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
                                (off_t)transfer->offset, (off_t)transfer->bytes);
        break;
    }
    if (ring->fixed_files)
        io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
    io_uring_sqe_set_data64(sqe, transfer->token);
}

static int ring_flush(void *state)
{
    struct ring *ring = state;
    int rc;

    do {
        rc = io_uring_submit(&ring->uring);
    } while (rc == -EINTR || rc == -EAGAIN);
    return rc < 0 ? rc : 0;
}

static int ring_queue(void *state, const struct imgz_aio_transfer *transfer)
{
    struct ring *ring = state;
    struct io_uring_sqe *sqe;

    /* The kernel moves at most INT_MAX & PAGE_MASK bytes per read or write. */
    IMGZ_ASSERT(transfer->kind == IMGZ_AIO_ZERO || transfer->bytes <= 0x7ffff000u);
    sqe = io_uring_get_sqe(&ring->uring);
    if (sqe == NULL) {
        int rc = ring_flush(ring);

        if (rc < 0)
            return rc;
        sqe = io_uring_get_sqe(&ring->uring);
    }
    IMGZ_ASSERT(sqe != NULL);
    prepare(ring, sqe, transfer);
    return 0;
}

static int ring_next(void *state, enum imgz_aio_wait wait, struct imgz_aio_transfer_result *result)
{
    struct ring *ring = state;
    struct io_uring_cqe *cqe = NULL;
    int rc;

    do {
        rc = wait == IMGZ_AIO_WAIT_ONE ? io_uring_submit_and_wait(&ring->uring, 1) : 0;
        if (rc >= 0)
            rc = io_uring_peek_cqe(&ring->uring, &cqe);
    } while (rc == -EINTR || (rc == -EAGAIN && wait == IMGZ_AIO_WAIT_ONE));
    if (rc < 0)
        return rc;
    result->token = (uint32_t)io_uring_cqe_get_data64(cqe);
    result->result = cqe->res;
    io_uring_cqe_seen(&ring->uring, cqe);
    return 0;
}

const struct imgz_aio_backend imgz_aio_uring = {
    .name = "io_uring",
    .open = ring_open,
    .close = ring_close,
    .describe = ring_describe,
    .queue = ring_queue,
    .flush = ring_flush,
    .next = ring_next,
};
