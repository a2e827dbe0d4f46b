/* SPDX-License-Identifier: MIT */
/*
 * Block I/O: many requests under way at explicit offsets, completed in any order.
 *
 * One interface, several backends: a ring (io_uring, aio_uring.c), plain system calls where
 * io_uring is refused (aio_pread.c), and whatever a test puts in (aio_backend.h). Short transfers,
 * EINTR and EAGAIN are continued here, so neither backends nor callers have to.
 *
 * Place: used by the reader, the rescue, the append writer and the sparse writer.
 *
 * Threads    one thread creates, uses and destroys an instance.
 * Ownership  a request's buffer belongs to the kernel from submit until its result is reaped.
 * Errors     results carry each request's own; functions return -errno if the backend fails.
 * Blocking   reap; submit may, with the plain backend.
 * Memory     all in create().
 */
#ifndef IMGZ_AIO_H
#define IMGZ_AIO_H

#include "base/base.h"

enum imgz_aio_kind {
    IMGZ_AIO_READ,
    IMGZ_AIO_WRITE,
    IMGZ_AIO_ZERO, /* block device: make the range read as zeros; no buffer */
};

struct imgz_aio_request {
    enum imgz_aio_kind kind;
    uint32_t file_index; /* into the files given to create() */
    uint64_t offset;
    uint64_t bytes;      /* > 0 */
    uint64_t need_bytes; /* enough: less than 'bytes' if a direct read may pass the end */
    unsigned char *buffer;
    void *owner; /* the caller's */
};

struct imgz_aio_result {
    struct imgz_aio_request request;
    uint64_t done_bytes; /* fewer than need_bytes with rc 0: the file ended there (read only) */
    int rc;              /* 0 or a negative errno; done_bytes were transferred before it */
};

struct imgz_aio_backend;

struct imgz_aio_config {
    uint32_t depth_count; /* requests under way at most, > 0 */
    const int *fds;
    uint32_t fd_count;
    /* Where most buffers lie: registered with the ring if it allows. */
    unsigned char *memory;
    uint64_t memory_bytes;
    /* NULL: the ring, or plain system calls if the ring is refused. */
    const struct imgz_aio_backend *backend;
};

struct imgz_aio;

/* 0, -ENOMEM, or why the given backend could not be opened. */
IMGZ_MUST_CHECK int imgz_aio_create(const struct imgz_aio_config *config, struct imgz_aio **result);

/* Accepts NULL. Waits for requests under way. */
void imgz_aio_destroy(struct imgz_aio *io);

/* "io_uring with fixed buffers and files", "pread (io_uring: Operation not permitted)". */
const char *imgz_aio_describe(const struct imgz_aio *io);
/* "io_uring" or "pread". */
const char *imgz_aio_name(const struct imgz_aio *io);

bool imgz_aio_full(const struct imgz_aio *io);
uint32_t imgz_aio_pending_count(const struct imgz_aio *io);

/* Queues a request; it must not be full. The kernel sees it at the next flush or reap. */
IMGZ_MUST_CHECK int imgz_aio_submit(struct imgz_aio *io, const struct imgz_aio_request *request);
IMGZ_MUST_CHECK int imgz_aio_flush(struct imgz_aio *io);

/* Waits for one result; some request must be pending. */
IMGZ_MUST_CHECK int imgz_aio_reap(struct imgz_aio *io, struct imgz_aio_result *result);

/* -EAGAIN if no result is there now. */
IMGZ_MUST_CHECK int imgz_aio_try_reap(struct imgz_aio *io, struct imgz_aio_result *result);

#endif /* IMGZ_AIO_H */
