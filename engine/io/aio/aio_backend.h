/* SPDX-License-Identifier: MIT */
/*
 * What a backend of aio.h does: single transfers, each with a token, short or not.
 *
 * Threads    as aio.h.
 * Errors     open, flush and next return 0 or a negative errno; a transfer's own outcome arrives in
 *            imgz_aio_transfer_result.
 */
#ifndef IMGZ_AIO_BACKEND_H
#define IMGZ_AIO_BACKEND_H

#include "io/aio/aio.h"

/* A whole request, or what is left of one after a short transfer. */
struct imgz_aio_transfer {
    enum imgz_aio_kind kind;
    uint32_t file_index;
    uint64_t offset;
    uint64_t bytes;
    unsigned char *buffer;
    uint32_t token; /* < depth_count; not used by another transfer under way */
};

struct imgz_aio_transfer_result {
    uint32_t token;
    int64_t result; /* bytes moved (0 for a ZERO that was done), or a negative errno */
};

enum imgz_aio_wait {
    IMGZ_AIO_WAIT_NO,
    IMGZ_AIO_WAIT_ONE,
};

struct imgz_aio_backend {
    const char *name;
    int (*open)(const struct imgz_aio_config *config, void **state);
    void (*close)(void *state); /* no transfer is under way */
    const char *(*describe)(const void *state);
    int (*queue)(void *state, const struct imgz_aio_transfer *transfer);
    int (*flush)(void *state);
    /* One outcome; -EAGAIN if there is none and 'wait' says not to wait. */
    int (*next)(void *state, enum imgz_aio_wait wait, struct imgz_aio_transfer_result *result);
};

extern const struct imgz_aio_backend imgz_aio_uring;
extern const struct imgz_aio_backend imgz_aio_pread;

#endif /* IMGZ_AIO_BACKEND_H */
