/* SPDX-License-Identifier: MIT */
/*
 * Sources of this system: regular files, block devices, and whatever else can be read as a stream
 * (pipes, sockets, terminals, files made up as they are read).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/aio/stream.h"
#include "io/device/device.h"
#include "io/file/handle.h"
#include "io/source/source_ops.h"

#define STATUS_BLOCK_BYTES 512u /* of st_blocks, see stat(3type) */

/* ---- Operations --------------------------------------------------------------------------- */

static int read_at(const struct imgz_source *source, uint64_t offset, void *buffer, size_t bytes,
                   size_t *done_bytes)
{
    return imgz_handle_read_at(source->fd, offset, buffer, bytes, done_bytes);
}

static int read_next(struct imgz_source *source, int wake_fd, void *buffer, size_t bytes,
                     size_t *done_bytes)
{
    return imgz_stream_read(source->fd, wake_fd, buffer, bytes, done_bytes);
}

static int next_extent(const struct imgz_source *source, uint64_t from, struct imgz_extent *result)
{
    return imgz_extent_next(source->fd, from, source->size_bytes, result);
}

static void describe(const struct imgz_source *source, struct imgz_device *device)
{
    imgz_device_describe(source->status.st_rdev, device);
}

static void use_cache(struct imgz_source *source)
{
    const int flags = fcntl(source->fd, F_GETFL);

    if (!imgz_source_is(source, IMGZ_SOURCE_DIRECT))
        return;
    imgz_never_fails(fcntl(source->fd, F_SETFL, flags & ~O_DIRECT));
    source->traits &= ~(uint32_t)IMGZ_SOURCE_DIRECT;
}

static void close_local(struct imgz_source *source)
{
    if (source->fd >= 0)
        close(source->fd);
    free(source);
}

static const struct imgz_source_ops file_ops = {
    .kind = "file",
    .read_at = read_at,
    .next_extent = next_extent,
    .use_cache = use_cache,
    .close = close_local,
};

static const struct imgz_source_ops device_ops = {
    .kind = "device",
    .read_at = read_at,
    .describe = describe,
    .use_cache = use_cache,
    .close = close_local,
};

static const struct imgz_source_ops stream_ops = {
    .kind = "stream",
    .read_next = read_next,
    .close = close_local,
};

/* ---- Opening ------------------------------------------------------------------------------ */

/* O_NONBLOCK: opening a FIFO must not wait for its writer, because a stop could not end that;
 * reading polls first. It has no effect on files and devices. */
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

/* Tries direct I/O if it is wanted. AUTO means devices: their page cache may be stale beside a
 * mounted file system, and a drive read once is not worth caching. */
static int open_wanted(const struct imgz_source_config *config, bool device, bool *direct)
{
    const bool wanted =
        config->direct == IMGZ_DIRECT_ON || (config->direct == IMGZ_DIRECT_AUTO && device);
    int fd = open_path(config->path, wanted);

    /* open(2): EINVAL, the file system does not support O_DIRECT. */
    if (fd == -EINVAL && wanted && config->direct == IMGZ_DIRECT_AUTO)
        return open_path(config->path, false);
    *direct = wanted && fd >= 0;
    return fd;
}

static int open_fd(const struct imgz_source_config *config, bool *direct)
{
    struct stat status;
    int fd;

    if (strcmp(config->path, "-") == 0) {
        fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        return fd < 0 ? -errno : fd;
    }
    if (stat(config->path, &status) < 0)
        return -errno;
    if (S_ISDIR(status.st_mode))
        return -EISDIR;
    if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))
        return open_path(config->path, false);
    return open_wanted(config, S_ISBLK(status.st_mode), direct);
}

/* If a file is made up as it is read, so is its size: in /proc it is 0, in /sys a page, whatever
 * the contents. Reading the last block shows that. A read that fails proves nothing: the job will
 * report it. */
static bool size_is_made_up(const struct imgz_source *source)
{
    _Alignas(IMGZ_BLOCK_BYTES) unsigned char block[IMGZ_BLOCK_BYTES];
    const uint64_t size_bytes = (uint64_t)source->status.st_size;
    const uint64_t offset = size_bytes > 0 ? imgz_align_down(size_bytes - 1, IMGZ_BLOCK_BYTES) : 0;
    size_t done_bytes = 0;
    int rc = read_at(source, offset, block, IMGZ_BLOCK_BYTES, &done_bytes);

    if (size_bytes == 0)
        return rc < 0 || done_bytes > 0;
    return rc == 0 && offset + done_bytes < size_bytes;
}

static int become_device(struct imgz_source *source)
{
    int rc = imgz_device_size(source->fd, &source->size_bytes);

    source->ops = &device_ops;
    source->traits |= IMGZ_SOURCE_RANDOM | IMGZ_SOURCE_DEVICE;
    source->sector_bytes = imgz_device_sector_bytes(source->fd);
    return rc == 0 && source->size_bytes == 0 ? -ENOMEDIUM : rc;
}

static void become_file(struct imgz_source *source)
{
    source->ops = &file_ops;
    source->traits |= IMGZ_SOURCE_RANDOM | IMGZ_SOURCE_HOLES;
    source->size_bytes = (uint64_t)source->status.st_size;
    source->data_bytes_max = (uint64_t)source->status.st_blocks * STATUS_BLOCK_BYTES;
}

/* Makes a source of a descriptor, by what that is. It is closed on failure. */
static int create(int fd, bool direct, const struct imgz_source_config *config,
                  struct imgz_source **result)
{
    struct imgz_source *source = malloc(sizeof(*source));
    const bool standard_input = strcmp(config->path, "-") == 0;
    int rc = 0;

    if (source == NULL) {
        close(fd);
        return -ENOMEM;
    }
    imgz_source_init(source, &stream_ops, config);
    source->fd = fd;
    source->traits = IMGZ_SOURCE_LOCAL | (direct ? IMGZ_SOURCE_DIRECT : 0u);
    if (fstat(fd, &source->status) < 0)
        rc = -errno;
    else if (standard_input)
        source->path = "standard input";
    else if (S_ISBLK(source->status.st_mode))
        rc = become_device(source);
    else if (S_ISREG(source->status.st_mode) && size_is_made_up(source))
        use_cache(source);
    else if (S_ISREG(source->status.st_mode))
        become_file(source);
    if (rc < 0) {
        imgz_source_close(source);
        return rc;
    }
    *result = source;
    return 0;
}

int imgz_source_local_open(const struct imgz_source_config *config, struct imgz_source **result)
{
    bool direct = false;
    int fd = open_fd(config, &direct);
    int rc;

    if (fd < 0)
        return fd;
    rc = create(fd, direct, config, result);
    if (rc == 0 && imgz_source_is(*result, IMGZ_SOURCE_HOLES) && !direct)
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return rc;
}

int imgz_source_local_open_fd(int fd, const struct imgz_source_config *config,
                              struct imgz_source **result)
{
    bool direct;
    int again = imgz_source_open_again(fd, &direct);
    int rc;

    if (again < 0)
        return again;
    rc = create(again, direct, config, result);
    if (rc == 0 && !direct)
        (void)posix_fadvise(again, 0, 0, POSIX_FADV_DONTNEED);
    return rc;
}
