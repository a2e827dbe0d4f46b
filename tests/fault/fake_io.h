/* SPDX-License-Identifier: MIT */
/*
 * A backend of aio.h whose kernel is unkind: transfers come up short, are interrupted, complete in
 * any order, are forgotten, and fail where they are told to. All by seed. Its file lies in memory,
 * or is the one that imgz_aio_create() is given.
 *
 * Place: given to imgz_aio_create() after imgz_fake_install().
 *
 * Threads    one; the fake that a thread installed last is the one it opens.
 * Ownership  the caller's, until the io is destroyed.
 */
#ifndef IMGZ_FAKE_IO_H
#define IMGZ_FAKE_IO_H

#include "io/aio/aio_backend.h"

#define IMGZ_FAKE_DEPTH_MAX 128u

/* Transfers of this kind that touch this range fail, after what lies before it was moved. */
struct imgz_fake_fault {
    enum imgz_aio_kind kind;
    uint64_t offset;
    uint64_t bytes; /* 0: no fault */
    int error;      /* a negative errno; 0: nothing is moved and no error told */
};

struct imgz_fake {
    /* Set by the test. */
    uint64_t random;     /* the seed, not 0; moves on */
    unsigned char *data; /* NULL: the file given to imgz_aio_create(), size_bytes being its own */
    uint64_t size_bytes; /* of the file: where reads end; grows by writes */
    uint64_t capacity_bytes; /* of the disk: where writes fail with ENOSPC */
    uint32_t short_percent;
    uint32_t interrupt_percent; /* EINTR or EAGAIN instead of a transfer */
    uint32_t late_percent;      /* not ready yet, when nobody waits */
    bool reorder;
    struct imgz_fake_fault fault;
    struct imgz_fake_fault loss; /* acknowledged and forgotten; its kind and error mean nothing */
    uint32_t misfit_percent; /* EINVAL for transfers of the first of several files: direct I/O */
    uint64_t breaks_after;   /* so many outcomes; then flush and next fail with EIO. 0: never */

    /* Kept by the backend. */
    int fd; /* of the file; -1: there is none */
    bool several_files;
    struct imgz_aio_transfer transfers[IMGZ_FAKE_DEPTH_MAX];
    uint32_t transfer_count;
    uint64_t outcome_count;
    uint64_t short_count;
    uint64_t interrupt_count;
    uint64_t overtaken_count;
    bool opened;
    bool closed;
    uint32_t left_count; /* transfers under way when it was closed */
};

void imgz_fake_install(struct imgz_fake *fake);

extern const struct imgz_aio_backend imgz_aio_fake;

#endif /* IMGZ_FAKE_IO_H */
