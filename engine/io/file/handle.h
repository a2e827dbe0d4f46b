/* SPDX-License-Identifier: MIT */
/*
 * A handle on a file, device or FIFO: a descriptor opened with O_PATH. It can be looked at (fstat)
 * and later opened, and stays the same whatever becomes of its name. So the file that is opened is
 * the one that was checked.
 *
 * Threads    any.
 * Ownership  descriptors are the caller's.
 * Errors     a negative errno, not raised.
 */
#ifndef IMGZ_HANDLE_H
#define IMGZ_HANDLE_H

#include "base/base.h"

/* Symbolic links are followed. Neither waits nor has an effect on a device. A handle, or -errno. */
IMGZ_MUST_CHECK int imgz_handle_get(const char *path);

/* Opens it, with flags of open(2); O_CLOEXEC is added. Any descriptor can serve as a handle; the
 * result is another open file. A descriptor, or -errno; -ENOTSUP: there is no /proc. */
IMGZ_MUST_CHECK int imgz_handle_open(int handle, int flags);

/* Reads at an offset of what is open: all 'bytes', or fewer at its end. */
IMGZ_MUST_CHECK int imgz_handle_read_at(int fd, uint64_t offset, void *buffer, size_t bytes,
                                        size_t *done_bytes);

#endif /* IMGZ_HANDLE_H */
