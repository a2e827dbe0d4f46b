/* SPDX-License-Identifier: MIT */
#include "io/aio/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

#include "io/file/handle.h"

/* Waits until 'fd' is ready for 'events' or the job is stopped. Errors and hang-ups of the stream
 * count as ready: the next call shows which. */
static int wait_ready(int fd, short events, int stop_fd)
{
    struct pollfd polls[2] = {{.fd = fd, .events = events}, {.fd = stop_fd, .events = POLLIN}};

    while (poll(polls, IMGZ_COUNT_OF(polls), -1) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return polls[1].revents != 0 ? -ECANCELED : 0;
}

/* How often to look whether a FIFO has a reader: nothing announces one. */
#define LOOK_MS 50

/* Whether it is worth waiting for a reader, after an open that said ENXIO. */
static int check_fifo(int handle)
{
    struct stat status;

    if (fstat(handle, &status) < 0)
        return -errno;
    if (!S_ISFIFO(status.st_mode))
        return -ENXIO;
    return status.st_nlink > 0 ? 0 : -ESTALE;
}

static int wait_a_moment(int stop_fd)
{
    struct pollfd poll_stop = {.fd = stop_fd, .events = POLLIN};

    if (poll(&poll_stop, 1, LOOK_MS) < 0 && errno != EINTR)
        return -errno;
    return poll_stop.revents != 0 ? -ECANCELED : 0;
}

int imgz_stream_open(int handle, int stop_fd)
{
    const int flags = O_WRONLY | O_NONBLOCK | O_NOCTTY;
    int fd;

    /* fifo(7): ENXIO, nobody reads. An open that waits could not be woken up. */
    while ((fd = imgz_handle_open(handle, flags)) == -ENXIO) {
        int rc = check_fifo(handle);

        if (rc == 0)
            rc = wait_a_moment(stop_fd);
        if (rc < 0)
            return rc;
    }
    if (fd >= 0)
        imgz_never_fails(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK));
    return fd;
}

/* tcgetsid(3) fails for every terminal but the controlling one. */
bool imgz_stream_is_own_terminal(int fd)
{
    const pid_t session = tcgetsid(fd);

    return session >= 0 && session == getsid(0);
}

static bool try_again(ssize_t moved)
{
    return moved < 0 && (errno == EINTR || errno == EAGAIN);
}

int imgz_stream_read(int fd, int stop_fd, void *buffer, size_t bytes, size_t *done_bytes)
{
    *done_bytes = 0;
    while (*done_bytes < bytes) {
        ssize_t moved;
        int rc = wait_ready(fd, POLLIN, stop_fd);

        if (rc < 0)
            return rc;
        moved = read(fd, (unsigned char *)buffer + *done_bytes, bytes - *done_bytes);
        if (moved == 0)
            break;
        if (moved > 0)
            *done_bytes += (size_t)moved;
        else if (!try_again(moved))
            return -errno;
    }
    return 0;
}

/* A regular file takes all at once. A pipe or socket that polls as writable may have room for only
 * a part: a plain write would then sleep where a stop cannot wake it. RWF_NOWAIT writes what fits.
 * Where the kernel does not know it (terminals, pipes of older kernels) one page is written.
 */
static ssize_t write_some(int fd, bool regular, const void *buffer, size_t bytes)
{
    struct iovec piece = {(void *)(uintptr_t)buffer, bytes};
    ssize_t moved;

    if (regular)
        return write(fd, buffer, bytes);
    moved = pwritev2(fd, &piece, 1, -1, RWF_NOWAIT);
    if (moved >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL))
        return moved;
    return write(fd, buffer, (size_t)imgz_min(bytes, IMGZ_BLOCK_BYTES));
}

int imgz_stream_write(int fd, int stop_fd, const void *buffer, size_t bytes)
{
    const unsigned char *from = buffer;
    struct stat status;

    if (fstat(fd, &status) < 0)
        return -errno;
    while (bytes > 0) {
        ssize_t moved;
        int rc = wait_ready(fd, POLLOUT, stop_fd);

        if (rc < 0)
            return rc;
        moved = write_some(fd, S_ISREG(status.st_mode), from, bytes);
        if (moved > 0) {
            from += moved;
            bytes -= (size_t)moved;
        } else if (moved == 0) {
            return -EIO;
        } else if (!try_again(moved)) {
            return -errno;
        }
    }
    return 0;
}
