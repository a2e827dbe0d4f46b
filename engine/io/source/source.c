/* SPDX-License-Identifier: MIT */
#include "io/source/source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "io/aio/stream.h"
#include "io/device/device.h"
#include "io/file/handle.h"

struct imgz_location imgz_source_location(const struct imgz_source *source, uint64_t offset)
{
    return (struct imgz_location){source->stage, source->path, offset};
}

/* O_NONBLOCK: opening a FIFO does not wait for its writer where no stop can be heard; reading polls
 * first. To files and devices it means nothing. */
#define OPEN_FLAGS (O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)

static int open_path(const char *path, bool direct)
{
    int fd = open(path, OPEN_FLAGS | (direct ? O_DIRECT : 0));

    return fd < 0 ? -errno : fd;
}

int imgz_source_open_again(int fd, bool *direct)
{
    int again = imgz_handle_open(fd, OPEN_FLAGS | O_DIRECT);

    *direct = again >= 0;
    return *direct ? again : imgz_handle_open(fd, OPEN_FLAGS);
}

/* Direct I/O is tried where it is wanted. AUTO means devices: their page cache may be stale beside
 * a mounted file system, and a drive read once is not worth caching. */
static int open_wanted(const struct imgz_source_config *config, bool device,
                       struct imgz_source *source)
{
    const bool direct =
        config->direct == IMGZ_DIRECT_ON || (config->direct == IMGZ_DIRECT_AUTO && device);
    int fd = open_path(config->path, direct);

    /* open(2): EINVAL, the file system does not support O_DIRECT. */
    if (fd == -EINVAL && direct && config->direct == IMGZ_DIRECT_AUTO)
        return open_path(config->path, false);
    source->direct = direct && fd >= 0;
    return fd;
}

static int open_fd(const struct imgz_source_config *config, struct imgz_source *source)
{
    struct stat status;
    int fd;

    if (strcmp(config->path, "-") == 0) {
        source->path = "standard input";
        fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        return fd < 0 ? -errno : fd;
    }
    if (stat(config->path, &status) < 0)
        return -errno;
    if (S_ISDIR(status.st_mode))
        return -EISDIR;
    if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))
        return open_path(config->path, false);
    return open_wanted(config, S_ISBLK(status.st_mode), source);
}

/* One aligned block, so that it works with direct I/O too. */
static int read_block(const struct imgz_source *source, uint64_t offset, unsigned char *block,
                      size_t *done_bytes)
{
    IMGZ_ASSERT(offset % IMGZ_BLOCK_BYTES == 0);
    return imgz_source_read_at(source, offset, block, IMGZ_BLOCK_BYTES, done_bytes);
}

static int peek_file(const struct imgz_source *source, unsigned char *buffer, size_t bytes,
                     size_t *done_bytes)
{
    _Alignas(IMGZ_BLOCK_BYTES) unsigned char block[IMGZ_BLOCK_BYTES];
    size_t block_bytes;
    int rc = read_block(source, 0, block, &block_bytes);

    *done_bytes = imgz_min(bytes, block_bytes);
    memcpy(buffer, block, *done_bytes);
    return rc;
}

/* The size of a file that is made up as it is read is made up, too: those of /proc have none, those
 * of /sys a page, whatever is in them. A file's last block tells. What cannot be read there is no
 * sign: whoever reads it is to tell; an empty file has nothing that cannot be read. */
static bool size_is_made_up(const struct imgz_source *source)
{
    _Alignas(IMGZ_BLOCK_BYTES) unsigned char block[IMGZ_BLOCK_BYTES];
    const uint64_t size_bytes = (uint64_t)source->status.st_size;
    const uint64_t offset = size_bytes > 0 ? imgz_align_down(size_bytes - 1, IMGZ_BLOCK_BYTES) : 0;
    size_t done_bytes;
    int rc = read_block(source, offset, block, &done_bytes);

    if (size_bytes == 0)
        return rc < 0 || done_bytes > 0;
    return rc == 0 && offset + done_bytes < size_bytes;
}

/* Tells kind and size of what was opened. */
static int classify(const char *path, struct imgz_source *source)
{
    if (fstat(source->fd, &source->status) < 0)
        return -errno;
    source->kind = IMGZ_SOURCE_STREAM;
    source->size_bytes = IMGZ_SIZE_UNKNOWN;
    if (strcmp(path, "-") == 0)
        return 0;
    if (S_ISREG(source->status.st_mode) && size_is_made_up(source)) {
        imgz_source_use_cache(source);
    } else if (S_ISREG(source->status.st_mode)) {
        source->kind = IMGZ_SOURCE_FILE;
        source->size_bytes = (uint64_t)source->status.st_size;
    } else if (S_ISBLK(source->status.st_mode)) {
        source->kind = IMGZ_SOURCE_DEVICE;
        source->sector_bytes = imgz_device_sector_bytes(source->fd);
        return imgz_device_size(source->fd, &source->size_bytes);
    }
    return 0;
}

int imgz_source_open(const struct imgz_source_config *config, struct imgz_latch *latch,
                     struct imgz_log *log, struct imgz_source *source)
{
    int rc;

    memset(source, 0, sizeof(*source));
    source->path = config->path;
    source->stage = config->stage;
    source->retry_count = config->retry_count;
    source->on_error = config->on_error;
    source->watchdog = config->watchdog;
    source->sector_bytes = IMGZ_BLOCK_BYTES;
    imgz_watchdog_begin(source->watchdog, IMGZ_WATCHDOG_ONCE, IMGZ_OFFSET_NONE);
    source->fd = open_fd(config, source);
    rc = source->fd < 0 ? source->fd : classify(config->path, source);
    imgz_watchdog_end(source->watchdog, IMGZ_WATCHDOG_ONCE);
    if (rc == 0 && source->kind == IMGZ_SOURCE_DEVICE && source->size_bytes == 0)
        rc = -ENOMEDIUM;
    if (rc < 0) {
        imgz_source_close(source);
        return imgz_latch_raise_system(latch, rc, imgz_source_location(source, IMGZ_OFFSET_NONE),
                                       "opening");
    }
    if (imgz_stream_is_own_terminal(source->fd)) {
        imgz_source_close(source);
        return imgz_latch_raise_usage(latch, imgz_source_location(source, IMGZ_OFFSET_NONE),
                                      "%s is the terminal: disks and images cannot be typed in; "
                                      "redirect standard input or name a file",
                                      source->path);
    }
    if (source->kind == IMGZ_SOURCE_FILE && !source->direct)
        posix_fadvise(source->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    imgz_log_line(log, "reading %s, %s", source->path,
                  source->kind == IMGZ_SOURCE_STREAM ? "a stream"
                  : source->direct                   ? "with direct I/O"
                                                     : "through the page cache");
    return 0;
}

int imgz_source_reopen(int fd, const char *path, struct imgz_latch *latch, struct imgz_log *log,
                       struct imgz_source *source)
{
    int rc;

    *source = (struct imgz_source){.path = path,
                                   .stage = IMGZ_STAGE_READ_SOURCE,
                                   .sector_bytes = IMGZ_BLOCK_BYTES};
    source->fd = imgz_source_open_again(fd, &source->direct);
    rc = source->fd < 0 ? source->fd : classify(path, source);
    if (rc < 0) {
        imgz_source_close(source);
        return imgz_latch_raise_system(latch, rc, imgz_source_location(source, IMGZ_OFFSET_NONE),
                                       "opening");
    }
    if (!source->direct)
        (void)posix_fadvise(source->fd, 0, 0, POSIX_FADV_DONTNEED);
    imgz_log_line(log, "reading %s back, %s", path,
                  source->direct ? "with direct I/O" : "with the page cache dropped");
    return 0;
}

int imgz_source_read(struct imgz_source *source, struct imgz_latch *latch, void *buffer,
                     size_t bytes, size_t *done_bytes)
{
    const size_t again_bytes = (size_t)imgz_min(bytes, source->peeked_bytes);
    int rc;

    memcpy(buffer, source->peeked, again_bytes);
    source->peeked_bytes -= again_bytes;
    memmove(source->peeked, source->peeked + again_bytes, source->peeked_bytes);
    rc = imgz_stream_read(source->fd, imgz_latch_fd(latch), (unsigned char *)buffer + again_bytes,
                          bytes - again_bytes, done_bytes);
    *done_bytes += again_bytes;
    return rc;
}

int imgz_source_read_at(const struct imgz_source *source, uint64_t offset, void *buffer,
                        size_t bytes, size_t *done_bytes)
{
    *done_bytes = 0;
    while (*done_bytes < bytes) {
        ssize_t moved = pread(source->fd, (unsigned char *)buffer + *done_bytes,
                              bytes - *done_bytes, (off_t)(offset + *done_bytes));

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

/* ---- Looking at the beginning --------------------------------------------------------------- */

static int peek_stream(struct imgz_source *source, struct imgz_latch *latch, unsigned char *buffer,
                       size_t bytes, size_t *done_bytes)
{
    int rc = 0;

    if (source->peeked_bytes == 0)
        rc = imgz_stream_read(source->fd, imgz_latch_fd(latch), source->peeked, bytes,
                              &source->peeked_bytes);
    *done_bytes = (size_t)imgz_min(bytes, source->peeked_bytes);
    memcpy(buffer, source->peeked, *done_bytes);
    return rc;
}

int imgz_source_peek(struct imgz_source *source, struct imgz_latch *latch, unsigned char *buffer,
                     size_t bytes, size_t *done_bytes)
{
    int rc;

    IMGZ_ASSERT(bytes <= IMGZ_SOURCE_PEEK_BYTES);
    rc = source->kind == IMGZ_SOURCE_STREAM ? peek_stream(source, latch, buffer, bytes, done_bytes)
                                            : peek_file(source, buffer, bytes, done_bytes);
    if (rc < 0)
        return imgz_latch_raise_system(latch, rc, imgz_source_location(source, *done_bytes),
                                       "reading");
    return 0;
}

void imgz_source_use_cache(struct imgz_source *source)
{
    const int flags = fcntl(source->fd, F_GETFL);

    if (!source->direct)
        return;
    imgz_never_fails(fcntl(source->fd, F_SETFL, flags & ~O_DIRECT));
    source->direct = false;
}

void imgz_source_close(struct imgz_source *source)
{
    if (source->fd >= 0)
        close(source->fd);
    source->fd = -1;
}
