/* SPDX-License-Identifier: MIT */
/*
 * Pipes, sockets and terminals: bytes in order, with a wait that ends when the job is stopped.
 *
 * Threads    one per stream.
 * Errors     -ECANCELED when 'stop_fd' becomes readable; otherwise the system's.
 * Blocking   until all bytes are moved, the stream ends, or the job is stopped.
 */
#ifndef IMGZ_STREAM_H
#define IMGZ_STREAM_H

#include "base/base.h"

/* Opens for writing the FIFO or character device that 'handle', opened with O_PATH, stands for:
 * never another that has taken its name. A FIFO has to have a reader: one is waited for. A
 * descriptor, or -errno; -ESTALE: the FIFO was removed or replaced meanwhile. */
IMGZ_MUST_CHECK int imgz_stream_open(int handle, int stop_fd);

/* True if it is the terminal that this process was started at: nobody types in a disk, and what a
 * disk holds would confuse it. A serial line, which is a terminal too, may carry one. */
bool imgz_stream_is_own_terminal(int fd);

/* Reads until 'bytes' are there or the stream ends; '*done_bytes' tells, also on failure. */
IMGZ_MUST_CHECK int imgz_stream_read(int fd, int stop_fd, void *buffer, size_t bytes,
                                     size_t *done_bytes);

/* Writes all. */
IMGZ_MUST_CHECK int imgz_stream_write(int fd, int stop_fd, const void *buffer, size_t bytes);

#endif /* IMGZ_STREAM_H */
