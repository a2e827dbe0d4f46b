/* SPDX-License-Identifier: MIT */
#include "io/file/handle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int imgz_handle_get(const char *path)
{
    int handle = open(path, O_PATH | O_CLOEXEC);

    return handle < 0 ? -errno : handle;
}

/* open(2), O_PATH: /proc/self/fd opens that very file, even if its name is gone. */
int imgz_handle_open(int handle, int flags)
{
    char name[32];
    int fd;

    (void)snprintf(name, sizeof(name), "/proc/self/fd/%d", handle);
    fd = open(name, flags | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && access("/proc/self/fd", F_OK) < 0)
        return -ENOTSUP;
    return fd < 0 ? -errno : fd;
}

int imgz_handle_read_at(int fd, uint64_t offset, void *buffer, size_t bytes, size_t *done_bytes)
{
    *done_bytes = 0;
    while (*done_bytes < bytes) {
        ssize_t moved = pread(fd, (unsigned char *)buffer + *done_bytes, bytes - *done_bytes,
                              (off_t)(offset + *done_bytes));

        if (moved < 0 && errno == EINTR)
            continue;
        if (moved < 0)
            return -errno;
        if (moved == 0)
            break;
        *done_bytes += (size_t)moved;
    }
    return 0;
}
