/* SPDX-License-Identifier: MIT */
/*
 * A library to be preloaded: read, write, pread, pwrite and pwritev2 move fewer bytes than asked
 * for, and every seventh call is interrupted before it moves any. Both are what the system may do
 * at any time and hardly ever does. Small requests are left alone, so that event and wake-up
 * descriptors keep working.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define LEAVE_ALONE_BYTES 64

static atomic_uint call_count;

/* How many of 'bytes' to move now; 0: be interrupted. */
static size_t shorten(size_t bytes)
{
    unsigned call = atomic_fetch_add(&call_count, 1);

    if (bytes <= LEAVE_ALONE_BYTES)
        return bytes;
    if (call % 7 == 3)
        return 0;
    return call % 2 == 0 ? bytes : 1 + (bytes - 1) * (call * 37 % 100) / 100;
}

static ssize_t interrupt(void)
{
    errno = EINTR;
    return -1;
}

static ssize_t short_pread(int fd, void *buffer, size_t bytes, off_t offset)
{
    static ssize_t (*real)(int, void *, size_t, off_t);
    size_t count = fcntl(fd, F_GETFL) & O_DIRECT ? bytes : shorten(bytes);

    if (real == NULL)
        real = (ssize_t(*)(int, void *, size_t, off_t))dlsym(RTLD_NEXT, "pread64");
    return count == 0 && bytes != 0 ? interrupt() : real(fd, buffer, count, offset);
}

static ssize_t short_pwrite(int fd, const void *buffer, size_t bytes, off_t offset)
{
    static ssize_t (*real)(int, const void *, size_t, off_t);
    size_t count = fcntl(fd, F_GETFL) & O_DIRECT ? bytes : shorten(bytes);

    if (real == NULL)
        real = (ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite64");
    return count == 0 && bytes != 0 ? interrupt() : real(fd, buffer, count, offset);
}

ssize_t pread(int fd, void *buffer, size_t bytes, off_t offset)
{
    return short_pread(fd, buffer, bytes, offset);
}

ssize_t pread64(int fd, void *buffer, size_t bytes, off_t offset)
{
    return short_pread(fd, buffer, bytes, offset);
}

ssize_t pwrite(int fd, const void *buffer, size_t bytes, off_t offset)
{
    return short_pwrite(fd, buffer, bytes, offset);
}

ssize_t pwrite64(int fd, const void *buffer, size_t bytes, off_t offset)
{
    return short_pwrite(fd, buffer, bytes, offset);
}

ssize_t read(int fd, void *buffer, size_t bytes)
{
    static ssize_t (*real)(int, void *, size_t);
    size_t count = shorten(bytes);

    if (real == NULL)
        real = (ssize_t(*)(int, void *, size_t))dlsym(RTLD_NEXT, "read");
    return count == 0 && bytes != 0 ? interrupt() : real(fd, buffer, count);
}

ssize_t write(int fd, const void *buffer, size_t bytes)
{
    static ssize_t (*real)(int, const void *, size_t);
    size_t count = shorten(bytes);

    if (real == NULL)
        real = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    return count == 0 && bytes != 0 ? interrupt() : real(fd, buffer, count);
}

static ssize_t short_pwritev2(int fd, const struct iovec *pieces, int count, off_t offset,
                              int flags)
{
    static ssize_t (*real)(int, const struct iovec *, int, off_t, int);
    struct iovec first = pieces[0];

    first.iov_len = shorten(first.iov_len);
    if (real == NULL)
        real =
            (ssize_t(*)(int, const struct iovec *, int, off_t, int))dlsym(RTLD_NEXT, "pwritev64v2");
    if (count != 1)
        return real(fd, pieces, count, offset, flags);
    return first.iov_len == 0 && pieces[0].iov_len != 0 ? interrupt()
                                                        : real(fd, &first, 1, offset, flags);
}

ssize_t pwritev2(int fd, const struct iovec *pieces, int count, off_t offset, int flags)
{
    return short_pwritev2(fd, pieces, count, offset, flags);
}

ssize_t pwritev64v2(int fd, const struct iovec *pieces, int count, off_t offset, int flags)
{
    return short_pwritev2(fd, pieces, count, offset, flags);
}
