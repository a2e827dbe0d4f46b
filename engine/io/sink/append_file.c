/* SPDX-License-Identifier: MIT */
/*
 * Appends to a file. What is appended is gathered in buffers of whole blocks. Each is written when
 * it is full, several at once, past the page cache if the file system can. So there are no dirty
 * pages for the flush at the end to wait for.
 */
#include "io/sink/append.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/pages.h"
#include "io/aio/aio.h"
#include "io/file/handle.h"
#include "io/sink/sink_ops.h"

#define BUFFER_BYTES ((uint64_t)1 << 20)

/* Enough that the device never waits for the next one to be filled. */
#define BUFFERS      8u
#define MEMORY_BYTES (BUFFERS * BUFFER_BYTES)

/* The file is extended ahead of its data by this much at a time. Most file systems do direct writes
 * that extend a file one at a time; writes into a hole can overlap. */
#define SIZE_STEP_BYTES ((uint64_t)64 << 20)

enum file_index {
    FILE_MAIN,   /* direct where possible */
    FILE_CACHED, /* through the page cache: the last bytes, which are not a whole block */
};

struct buffer {
    unsigned char *data;
    bool under_way;
};

struct file_append {
    struct imgz_append append;
    struct imgz_aio *io;
    unsigned char *memory; /* of all buffers */
    struct buffer buffers[BUFFERS];
    struct buffer *filling;
    uint64_t filling_offset; /* in the file; a multiple of the buffers' size */
    uint64_t settled_offset; /* up to here all is written */
    uint64_t sized_bytes;    /* the file was extended to this */
    bool sizing_refused;     /* do not try again */
};

static struct file_append *file_of(struct imgz_append *append)
{
    return (struct file_append *)(void *)append;
}

static int raise_write(const struct file_append *file, int rc, uint64_t offset)
{
    return imgz_append_raise(&file->append, rc, offset);
}

static int create_io(struct file_append *file)
{
    const struct imgz_sink *sink = file->append.sink;
    const int fds[] = {
        [FILE_MAIN] = sink->direct_fd >= 0 ? sink->direct_fd : sink->fd,
        [FILE_CACHED] = sink->fd,
    };
    const struct imgz_aio_config config = {
        .depth_count = BUFFERS + 1, /* the last buffer may need two writes */
        .fds = fds,
        .fd_count = IMGZ_COUNT_OF(fds),
        .memory = file->memory,
        .memory_bytes = MEMORY_BYTES,
    };

    return imgz_aio_create(&config, &file->io);
}

static int init_buffers(struct file_append *file)
{
    unsigned char *memory = imgz_pages_map(MEMORY_BYTES);

    if (memory == MAP_FAILED)
        return -ENOMEM;
    file->memory = memory;
    for (uint32_t i = 0; i < BUFFERS; i++)
        file->buffers[i].data = memory + i * BUFFER_BYTES;
    file->filling = &file->buffers[0];
    return 0;
}

/* Loads the start of the current buffer from the file, because it is written as a whole. */
static int load_filling(struct file_append *file)
{
    const size_t bytes = (size_t)(file->append.offset - file->filling_offset);
    size_t done_bytes;
    int rc = imgz_handle_read_at(file->append.sink->fd, file->filling_offset, file->filling->data,
                                 bytes, &done_bytes);

    return rc == 0 && done_bytes < bytes ? -ENODATA : rc;
}

static int resume(struct imgz_append *append, uint64_t offset)
{
    struct file_append *file = file_of(append);
    int rc;

    append->offset = offset;
    file->settled_offset = offset;
    file->filling_offset = imgz_align_down(offset, BUFFER_BYTES);
    file->sized_bytes = file->filling_offset;
    rc = load_filling(file);
    if (rc == 0 && ftruncate(append->sink->fd, (off_t)offset) < 0)
        rc = -errno;
    return rc < 0 ? raise_write(file, rc, offset) : 0;
}

/* ---- Writes under way --------------------------------------------------------------------- */

static int submit_write(struct file_append *file, const struct imgz_aio_request *request)
{
    int rc = imgz_aio_submit(file->io, request);

    if (rc == 0)
        rc = imgz_aio_flush(file->io);
    return rc < 0 ? raise_write(file, rc, request->offset) : 0;
}

/* Waits for one write, which frees its buffer. */
static int reap_write(struct file_append *file)
{
    struct buffer *buffer;
    struct imgz_aio_result result;
    int rc = imgz_aio_reap(file->io, &result);

    if (rc < 0)
        return raise_write(file, rc, file->filling_offset);
    /* The file system takes no direct write of this alignment (open(2), O_DIRECT: EINVAL): the same
     * through the page cache. */
    if (result.rc == -EINVAL && result.request.file_index == FILE_MAIN &&
        file->append.sink->direct_fd >= 0) {
        result.request.file_index = FILE_CACHED;
        return submit_write(file, &result.request);
    }
    buffer = result.request.owner;
    buffer->under_way = false;
    file->append.sink->stored_bytes += result.done_bytes;
    if (result.rc < 0)
        return raise_write(file, result.rc, result.request.offset + result.done_bytes);
    return 0;
}

/* Writes 'bytes' of the current buffer, from 'from_bytes' on, to their place in the file. */
static int write_part(struct file_append *file, enum file_index file_index, uint64_t from_bytes,
                      uint64_t bytes)
{
    const struct imgz_aio_request request = {
        .kind = IMGZ_AIO_WRITE,
        .file_index = file_index,
        .offset = file->filling_offset + from_bytes,
        .bytes = bytes,
        .need_bytes = bytes,
        .buffer = file->filling->data + from_bytes,
        .owner = file->filling,
    };

    if (bytes == 0)
        return 0;
    file->filling->under_way = true;
    return submit_write(file, &request);
}

/* ---- The file's size ---------------------------------------------------------------------- */

/* True if a file system without holes has filled the one just made. */
static bool hole_was_filled(const struct file_append *file)
{
    struct stat status;

    return fstat(file->append.sink->fd, &status) < 0 ||
           (uint64_t)status.st_blocks * 512 > SIZE_STEP_BYTES / 2;
}

/* Makes the file reach beyond the current buffer. A refusal does not matter: the write itself
 * extends the file, or fails with a reason. */
static void size_ahead(struct file_append *file)
{
    const bool first = file->sized_bytes == 0;

    if (file->sizing_refused || file->append.sink->direct_fd < 0 ||
        file->filling_offset + BUFFER_BYTES <= file->sized_bytes)
        return;
    if (ftruncate(file->append.sink->fd, (off_t)(file->sized_bytes + SIZE_STEP_BYTES)) < 0) {
        file->sizing_refused = true;
        return;
    }
    file->sized_bytes += SIZE_STEP_BYTES;
    file->sizing_refused = first && hole_was_filled(file);
}

/* ---- Appending ---------------------------------------------------------------------------- */

/* Hands the current full buffer to the kernel and goes on with the next. */
static int change_buffer(struct file_append *file)
{
    const uint64_t next = (uint64_t)(file->filling - file->buffers + 1) % BUFFERS;
    int rc;

    size_ahead(file);
    rc = write_part(file, FILE_MAIN, 0, BUFFER_BYTES);
    file->filling = &file->buffers[next];
    file->filling_offset += BUFFER_BYTES;
    while (rc == 0 && file->filling->under_way)
        rc = reap_write(file);
    return rc;
}

static int append_bytes(struct imgz_append *append, const void *data, uint64_t bytes)
{
    struct file_append *file = file_of(append);
    const unsigned char *from = data;

    while (bytes > 0) {
        const uint64_t used_bytes = append->offset - file->filling_offset;
        const uint64_t taken = imgz_min(bytes, BUFFER_BYTES - used_bytes);

        memcpy(file->filling->data + used_bytes, from, taken);
        append->offset += taken;
        from += taken;
        bytes -= taken;
        if (used_bytes + taken == BUFFER_BYTES) {
            int rc = change_buffer(file);

            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

static int settle(struct imgz_append *append)
{
    struct file_append *file = file_of(append);
    const uint64_t from = imgz_max(file->settled_offset, file->filling_offset);
    int rc = write_part(file, FILE_CACHED, from - file->filling_offset, append->offset - from);

    while (rc == 0 && imgz_aio_pending_count(file->io) > 0)
        rc = reap_write(file);
    if (rc == 0)
        file->settled_offset = append->offset;
    return rc;
}

/* Writes what is in memory of a file that will be resumed, and cuts the file there. After a failure
 * other writes may be under way, and each may be tried once more. */
static void keep_rest(struct file_append *file)
{
    if (!file->append.sink->keep || file->settled_offset == file->append.offset)
        return;
    if (settle(&file->append) == 0)
        (void)!ftruncate(file->append.sink->fd, (off_t)file->append.offset);
    for (uint32_t i = 0; i < 2 * BUFFERS && imgz_aio_pending_count(file->io) > 0; i++)
        (void)!reap_write(file);
}

static void close_append(struct imgz_append *append)
{
    struct file_append *file = file_of(append);

    if (file->io != NULL)
        keep_rest(file);
    imgz_aio_destroy(file->io);
    if (file->memory != NULL)
        munmap(file->memory, MEMORY_BYTES);
    free(file);
}

/* Writes the last buffer: whole blocks as before, the rest through the page cache. */
static int write_rest(struct file_append *file)
{
    const uint64_t used_bytes = file->append.offset - file->filling_offset;
    const uint64_t whole_bytes = imgz_align_down(used_bytes, IMGZ_BLOCK_BYTES);
    int rc = write_part(file, FILE_MAIN, 0, whole_bytes);

    if (rc == 0)
        rc = write_part(file, FILE_CACHED, whole_bytes, used_bytes - whole_bytes);
    while (rc == 0 && imgz_aio_pending_count(file->io) > 0)
        rc = reap_write(file);
    if (rc == 0 && ftruncate(file->append.sink->fd, (off_t)file->append.offset) < 0)
        rc = raise_write(file, -errno, file->append.offset);
    return rc;
}

static int finish(struct imgz_append *append)
{
    struct file_append *file = file_of(append);
    int rc = write_rest(file);

    if (rc == 0)
        file->settled_offset = append->offset;
    return rc;
}

/* ---- Beginning ---------------------------------------------------------------------------- */

static int begin(struct file_append *file)
{
    int rc = init_buffers(file);

    if (rc == 0)
        rc = create_io(file);
    if (rc < 0)
        return raise_write(file, rc, 0);
    imgz_log_line(file->append.pipeline->log, "writing %s by %s", file->append.sink->path,
                  imgz_aio_describe(file->io));
    return 0;
}

int imgz_append_open_file(struct imgz_sink *sink, struct imgz_pipeline *pipeline,
                          struct imgz_append **result)
{
    static const struct imgz_append_ops ops = {.resume = resume,
                                               .bytes = append_bytes,
                                               .settle = settle,
                                               .finish = finish,
                                               .close = close_append};
    struct file_append *file = calloc(1, sizeof(*file));
    int rc;

    if (file == NULL)
        return imgz_sink_raise(sink, -ENOMEM, "writing");
    file->append = (struct imgz_append){.ops = &ops, .sink = sink, .pipeline = pipeline};
    rc = begin(file);
    if (rc < 0) {
        close_append(&file->append);
        return rc;
    }
    *result = &file->append;
    return 0;
}
