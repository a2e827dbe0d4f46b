/* SPDX-License-Identifier: MIT */
#include "io/sink/append.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/pages.h"
#include "io/aio/stream.h"

#define BUFFER_BYTES ((uint64_t)1 << 20)
#define MEMORY_BYTES (IMGZ_APPEND_BUFFERS * BUFFER_BYTES)

/* The file is made longer ahead of its data by this much at a time: a direct write that extends a
 * file is done one at a time by most file systems, one into a hole need not be. */
#define SIZE_STEP_BYTES ((uint64_t)64 << 20)

enum file_index {
    FILE_MAIN,   /* direct where possible */
    FILE_CACHED, /* through the page cache: the last bytes, which are no whole block */
};

static int raise_write(const struct imgz_append *append, int rc, uint64_t offset)
{
    return imgz_latch_raise_system(append->pipeline->latch, rc,
                                   imgz_output_location(append->output, offset), "writing");
}

static int create_io(struct imgz_append *append)
{
    const struct imgz_output *output = append->output;
    const int fds[] = {
        [FILE_MAIN] = output->direct_fd >= 0 ? output->direct_fd : output->fd,
        [FILE_CACHED] = output->fd,
    };
    const struct imgz_aio_config config = {
        .depth_count = IMGZ_APPEND_BUFFERS + 1, /* the last buffer may need two writes */
        .fds = fds,
        .fd_count = IMGZ_COUNT_OF(fds),
        .memory = append->memory,
        .memory_bytes = MEMORY_BYTES,
    };

    return imgz_aio_create(&config, &append->io);
}

static int init_buffers(struct imgz_append *append)
{
    unsigned char *memory = imgz_pages_map(MEMORY_BYTES);

    if (memory == MAP_FAILED)
        return -ENOMEM;
    append->memory = memory;
    for (uint32_t i = 0; i < IMGZ_APPEND_BUFFERS; i++)
        append->buffers[i].data = memory + i * BUFFER_BYTES;
    append->filling = &append->buffers[0];
    return 0;
}

int imgz_append_init(struct imgz_append *append, struct imgz_output *output,
                     struct imgz_pipeline *pipeline)
{
    int rc;

    *append = (struct imgz_append){.output = output, .pipeline = pipeline};
    output->begun = true;
    if (output->kind == IMGZ_OUTPUT_STREAM)
        return 0;
    rc = init_buffers(append);
    if (rc == 0)
        rc = create_io(append);
    if (rc < 0)
        return raise_write(append, rc, 0);
    imgz_log_line(pipeline->log, "writing %s by %s", output->path, imgz_aio_describe(append->io));
    return 0;
}

/* The current buffer begins with what its part of the file holds: it is written as a whole. */
static int load_filling(struct imgz_append *append)
{
    const uint64_t bytes = append->offset - append->filling_offset;
    uint64_t done = 0;

    while (done < bytes) {
        ssize_t moved = pread(append->output->fd, append->filling->data + done,
                              (size_t)(bytes - done), (off_t)(append->filling_offset + done));

        if (moved < 0 && errno == EINTR)
            continue;
        if (moved <= 0)
            return moved < 0 ? -errno : -ENODATA;
        done += (uint64_t)moved;
    }
    return 0;
}

int imgz_append_resume(struct imgz_append *append, uint64_t offset)
{
    int rc;

    IMGZ_ASSERT(append->output->kind == IMGZ_OUTPUT_FILE && append->offset == 0);
    append->offset = offset;
    append->settled_offset = offset;
    append->filling_offset = imgz_align_down(offset, BUFFER_BYTES);
    append->sized_bytes = append->filling_offset;
    rc = load_filling(append);
    if (rc == 0 && ftruncate(append->output->fd, (off_t)offset) < 0)
        rc = -errno;
    return rc < 0 ? raise_write(append, rc, offset) : 0;
}

/* ---- Writes under way --------------------------------------------------------------------- */

static int submit_write(struct imgz_append *append, const struct imgz_aio_request *request)
{
    int rc = imgz_aio_submit(append->io, request);

    if (rc == 0)
        rc = imgz_aio_flush(append->io);
    return rc < 0 ? raise_write(append, rc, request->offset) : 0;
}

/* Waits for one write, which frees its buffer. */
static int reap_write(struct imgz_append *append)
{
    struct imgz_append_buffer *buffer;
    struct imgz_aio_result result;
    int rc = imgz_aio_reap(append->io, &result);

    if (rc < 0)
        return raise_write(append, rc, append->filling_offset);
    /* The file system takes no direct write of this alignment (open(2), O_DIRECT: EINVAL): the same
     * through the page cache. */
    if (result.rc == -EINVAL && result.request.file_index == FILE_MAIN &&
        append->output->direct_fd >= 0) {
        result.request.file_index = FILE_CACHED;
        return submit_write(append, &result.request);
    }
    buffer = result.request.owner;
    buffer->under_way = false;
    append->output->stored_bytes += result.done_bytes;
    if (result.rc < 0)
        return raise_write(append, result.rc, result.request.offset + result.done_bytes);
    return 0;
}

/* Writes 'bytes' of the current buffer, from 'from_bytes' on, to their place in the file. */
static int write_part(struct imgz_append *append, enum file_index file_index, uint64_t from_bytes,
                      uint64_t bytes)
{
    const struct imgz_aio_request request = {
        .kind = IMGZ_AIO_WRITE,
        .file_index = file_index,
        .offset = append->filling_offset + from_bytes,
        .bytes = bytes,
        .need_bytes = bytes,
        .buffer = append->filling->data + from_bytes,
        .owner = append->filling,
    };

    if (bytes == 0)
        return 0;
    append->filling->under_way = true;
    return submit_write(append, &request);
}

/* ---- The file's size ---------------------------------------------------------------------- */

/* True if a file system without holes has filled the one just made. */
static bool hole_was_filled(const struct imgz_append *append)
{
    struct stat status;

    return fstat(append->output->fd, &status) < 0 ||
           (uint64_t)status.st_blocks * 512 > SIZE_STEP_BYTES / 2;
}

/* Makes the file reach beyond the current buffer. A refusal does not matter: the write itself will
 * extend the file, or tell why it cannot. */
static void size_ahead(struct imgz_append *append)
{
    const bool first = append->sized_bytes == 0;

    if (append->sizing_refused || append->output->direct_fd < 0 ||
        append->filling_offset + BUFFER_BYTES <= append->sized_bytes)
        return;
    if (ftruncate(append->output->fd, (off_t)(append->sized_bytes + SIZE_STEP_BYTES)) < 0) {
        append->sizing_refused = true;
        return;
    }
    append->sized_bytes += SIZE_STEP_BYTES;
    append->sizing_refused = first && hole_was_filled(append);
}

/* ---- Appending ---------------------------------------------------------------------------- */

/* Hands the current full buffer to the kernel and goes on with the next. */
static int change_buffer(struct imgz_append *append)
{
    const uint64_t next = (uint64_t)(append->filling - append->buffers + 1) % IMGZ_APPEND_BUFFERS;
    int rc;

    size_ahead(append);
    rc = write_part(append, FILE_MAIN, 0, BUFFER_BYTES);
    append->filling = &append->buffers[next];
    append->filling_offset += BUFFER_BYTES;
    while (rc == 0 && append->filling->under_way)
        rc = reap_write(append);
    return rc;
}

static int append_to_file(struct imgz_append *append, const unsigned char *from, uint64_t bytes)
{
    while (bytes > 0) {
        const uint64_t used_bytes = append->offset - append->filling_offset;
        const uint64_t taken = imgz_min(bytes, BUFFER_BYTES - used_bytes);

        memcpy(append->filling->data + used_bytes, from, taken);
        append->offset += taken;
        from += taken;
        bytes -= taken;
        if (used_bytes + taken == BUFFER_BYTES) {
            int rc = change_buffer(append);

            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

static int append_to_stream(struct imgz_append *append, const void *data, uint64_t bytes)
{
    int rc = imgz_stream_write(append->output->fd, imgz_latch_fd(append->pipeline->latch), data,
                               (size_t)bytes);

    if (rc < 0)
        return raise_write(append, rc, append->offset);
    append->offset += bytes;
    return 0;
}

int imgz_append_bytes(struct imgz_append *append, const void *data, uint64_t bytes)
{
    return append->io != NULL ? append_to_file(append, data, bytes)
                              : append_to_stream(append, data, bytes);
}

int imgz_append_settle(struct imgz_append *append)
{
    const uint64_t from = imgz_max(append->settled_offset, append->filling_offset);
    int rc = 0;

    if (append->io == NULL)
        return 0;
    rc = write_part(append, FILE_CACHED, from - append->filling_offset, append->offset - from);
    while (rc == 0 && imgz_aio_pending_count(append->io) > 0)
        rc = reap_write(append);
    if (rc == 0)
        append->settled_offset = append->offset;
    return rc;
}

/* What is in memory of a file that is to be gone on with; and the file is no longer than that.
 * After a failure others may be under way, each of which may be tried once more. */
static void keep_rest(struct imgz_append *append)
{
    if (!append->output->keep || append->settled_offset == append->offset)
        return;
    if (imgz_append_settle(append) == 0)
        (void)!ftruncate(append->output->fd, (off_t)append->offset);
    for (uint32_t i = 0; i < 2 * IMGZ_APPEND_BUFFERS && imgz_aio_pending_count(append->io) > 0; i++)
        (void)!reap_write(append);
}

void imgz_append_fini(struct imgz_append *append)
{
    if (append->io != NULL)
        keep_rest(append);
    imgz_aio_destroy(append->io);
    if (append->memory != NULL)
        munmap(append->memory, MEMORY_BYTES);
    append->io = NULL;
    append->memory = NULL;
}

/* The last buffer: whole blocks as before, what is left through the page cache. */
static int write_rest(struct imgz_append *append)
{
    const uint64_t used_bytes = append->offset - append->filling_offset;
    const uint64_t whole_bytes = imgz_align_down(used_bytes, IMGZ_BLOCK_BYTES);
    int rc = write_part(append, FILE_MAIN, 0, whole_bytes);

    if (rc == 0)
        rc = write_part(append, FILE_CACHED, whole_bytes, used_bytes - whole_bytes);
    while (rc == 0 && imgz_aio_pending_count(append->io) > 0)
        rc = reap_write(append);
    if (rc == 0 && ftruncate(append->output->fd, (off_t)append->offset) < 0)
        rc = raise_write(append, -errno, append->offset);
    return rc;
}

int imgz_append_finish(struct imgz_append *append)
{
    int rc = append->io != NULL ? write_rest(append) : 0;

    if (rc < 0)
        return rc;
    append->settled_offset = append->offset;
    imgz_pipeline_begin_flush(append->pipeline);
    return imgz_output_flush(append->output);
}
