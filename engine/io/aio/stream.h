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
 * never another that has its name by now. Waits until a FIFO has a reader. A descriptor, or -errno;
 * -ESTALE: the FIFO was removed or replaced meanwhile. */
IMGZ_MUST_CHECK int imgz_stream_open(int handle, int stop_fd);

/* True if it is the terminal that this process was started from: nobody types in a disk, and a
 * disk's bytes would confuse a terminal. A serial line is one, too, but may carry a disk. */
bool imgz_stream_is_own_terminal(int fd);

/* Reads until 'bytes' are there or the stream ends; '*done_bytes' tells, also on failure. */
IMGZ_MUST_CHECK int imgz_stream_read(int fd, int stop_fd, void *buffer, size_t bytes,
                                     size_t *done_bytes);

/* Writes all. */
IMGZ_MUST_CHECK int imgz_stream_write(int fd, int stop_fd, const void *buffer, size_t bytes);

#endif /* IMGZ_STREAM_H */
