/* SPDX-License-Identifier: MIT */
/*
 * Example of runs and alignment, with direct I/O and a disk of 10,000 bytes (blocks of 4096: the
 * third has 1,808):
 *
 *     block   0 data   1 zero   2 data (short)
 *     file    write [0, 4096) direct; hole; write [8192, 10000) through the page cache
 *
 * Direct writes need whole blocks, so the part after the last whole block goes through the page
 * cache. The two never touch the same page.
 */
#include "io/sink/sparse_local.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"

/* On a device a zero run shorter than this inside a chunk is written as data: a request of its own
 * costs more than the bytes. */
#define DEVICE_ZERO_BYTES_MIN ((uint64_t)64 << 10)

#define ZERO_BUFFER_BYTES ((size_t)1 << 20)

/* Requests under way at most: deep enough for chunks cut into many short runs. */
#define DEPTH_COUNT 128u

enum file_index {
    FILE_MAIN,   /* direct where possible */
    FILE_CACHED, /* through the page cache */
};

static int write_zeros(struct imgz_sparse_local *local, uint64_t offset, uint64_t bytes);

static struct imgz_sparse_local *local_of(struct imgz_sparse *sparse)
{
    return (struct imgz_sparse_local *)(void *)sparse;
}

/* Books the result of a write for the slot that owns it: gives the slot back to the pipeline if it
 * was the slot's last, or raises the failure. */
static int book(struct imgz_sparse_local *local, const struct imgz_aio_result *result)
{
    struct imgz_sink *sink = local->sparse.sink;
    struct imgz_slot *slot = result->request.owner;

    IMGZ_ASSERT(slot->pending_count > 0);
    slot->pending_count -= 1;
    sink->stored_bytes += result->done_bytes;
    if (result->rc < 0)
        return imgz_latch_raise_system(
            sink->latch, result->rc,
            imgz_sink_location(sink, result->request.offset + result->done_bytes), "writing");
    if (slot->pending_count == 0)
        imgz_pipeline_give_back(local->sparse.pipeline, &slot);
    return 0;
}

/* The device cannot zero ranges by itself. EBUSY: it is mounted nevertheless, and the file system
 * keeps a page of it in memory (blkdev_fallocate, Linux 6.18). */
static bool refuses_zeroing(int rc)
{
    return rc == -EOPNOTSUPP || rc == -EINVAL || rc == -EBUSY;
}

/* Zeros are written instead. */
static int zero_by_writing(struct imgz_sparse_local *local, const struct imgz_aio_result *result)
{
    struct imgz_aio_result settled = *result;
    int rc;

    if (!local->zeroing_refused)
        imgz_log_line(local->sparse.pipeline->log, "%s cannot zero ranges by itself; writing zeros",
                      local->sparse.sink->path);
    local->zeroing_refused = true;
    rc = write_zeros(local, result->request.offset, result->request.bytes);
    if (rc < 0)
        return rc;
    settled.rc = 0;
    return book(local, &settled);
}

/* The file system takes no direct write of this alignment (open(2), O_DIRECT: EINVAL): the same
 * through the page cache. */
static int write_through_cache(struct imgz_sparse_local *local,
                               const struct imgz_aio_result *result)
{
    struct imgz_aio_request request = result->request;

    request.file_index = FILE_CACHED;
    return imgz_aio_loop_submit(&local->loop, &request);
}

static int handle_result(void *context, const struct imgz_aio_result *result)
{
    struct imgz_sparse_local *local = context;
    const struct imgz_aio_request *request = &result->request;

    if (request->kind == IMGZ_AIO_ZERO && refuses_zeroing(result->rc))
        return zero_by_writing(local, result);
    if (request->kind == IMGZ_AIO_WRITE && request->file_index == FILE_MAIN &&
        local->sparse.sink->direct_fd >= 0 && result->rc == -EINVAL)
        return write_through_cache(local, result);
    return book(local, result);
}

static int raise_write(struct imgz_sparse_local *local, int rc, uint64_t offset)
{
    return imgz_latch_raise_system(local->sparse.pipeline->latch, rc,
                                   imgz_sink_location(local->sparse.sink, offset), "writing");
}

/* Sizes a file at once, so that writes never extend it. */
static int size_file(struct imgz_sparse_local *local, uint64_t raw_bytes)
{
    if (!imgz_sink_is(local->sparse.sink, IMGZ_SINK_NAMED) || raw_bytes == IMGZ_SIZE_UNKNOWN)
        return 0;
    if (raw_bytes > INT64_MAX)
        return raise_write(local, -EFBIG, 0);
    return ftruncate(local->sparse.sink->fd, (off_t)raw_bytes) < 0
               ? raise_write(local, -errno, raw_bytes)
               : 0;
}

static int begin(struct imgz_sparse_local *local, uint64_t raw_bytes)
{
    const struct imgz_sink *sink = local->sparse.sink;
    struct imgz_pipeline *pipeline = local->sparse.pipeline;
    const int fds[] = {
        [FILE_MAIN] = sink->direct_fd >= 0 ? sink->direct_fd : sink->fd,
        [FILE_CACHED] = sink->fd,
    };
    struct imgz_aio_config config = {.depth_count = DEPTH_COUNT, .fds = fds, .fd_count = 2};
    int rc = size_file(local, raw_bytes);

    if (rc < 0)
        return rc;
    if (imgz_sink_is(sink, IMGZ_SINK_DEVICE) || sink->taken_over) {
        local->zero_buffer = calloc(1, ZERO_BUFFER_BYTES);
        if (local->zero_buffer == NULL)
            return raise_write(local, -ENOMEM, 0);
    }
    imgz_pool_pinned_memory(pipeline->pool, &config.memory, &config.memory_bytes);
    rc = imgz_aio_create(&config, &local->loop.io);
    if (rc < 0)
        return raise_write(local, rc, 0);
    imgz_log_line(pipeline->log, "writing %s by %s", sink->path, imgz_aio_describe(local->loop.io));
    return 0;
}

static void close_sparse(struct imgz_sparse *sparse)
{
    struct imgz_sparse_local *local = local_of(sparse);

    imgz_aio_destroy(local->loop.io);
    free(local->zero_buffer);
    free(local);
}

static int take(struct imgz_sparse *sparse, struct imgz_slot **result)
{
    return imgz_aio_loop_take(&local_of(sparse)->loop, imgz_pipeline_try_take, imgz_pipeline_take,
                              result);
}

/* Writes zeros through the page cache, at once. */
static int write_zeros(struct imgz_sparse_local *local, uint64_t offset, uint64_t bytes)
{
    while (bytes > 0) {
        ssize_t moved = pwrite(local->sparse.sink->fd, local->zero_buffer,
                               (size_t)imgz_min(bytes, ZERO_BUFFER_BYTES), (off_t)offset);

        if (moved < 0 && errno == EINTR)
            continue;
        if (moved <= 0)
            return raise_write(local, moved == 0 ? -EIO : -errno, offset);
        offset += (uint64_t)moved;
        bytes -= (uint64_t)moved;
    }
    return 0;
}

/* Zeros on a device: the device zeroes whole blocks itself, and the rest of the last one is
 * written. Not smaller units: the write goes through the page cache, which holds whole pages, and
 * would bring back what the page held before the device zeroed its first sectors. */
static int zero_device(struct imgz_sparse_local *local, struct imgz_slot *slot, uint64_t offset,
                       uint64_t bytes)
{
    const uint64_t whole_bytes =
        local->zeroing_refused ? 0 : imgz_align_down(bytes, IMGZ_BLOCK_BYTES);
    const struct imgz_aio_request request = {
        .kind = IMGZ_AIO_ZERO,
        .file_index = FILE_CACHED,
        .offset = offset,
        .bytes = whole_bytes,
        .need_bytes = whole_bytes,
        .owner = slot,
    };

    if (whole_bytes > 0) {
        int rc;

        slot->pending_count += 1;
        rc = imgz_aio_loop_submit(&local->loop, &request);
        if (rc < 0)
            return rc;
    }
    return write_zeros(local, offset + whole_bytes, bytes - whole_bytes);
}

static int submit_write(struct imgz_sparse_local *local, struct imgz_slot *slot,
                        enum file_index file_index, uint64_t offset, uint64_t bytes)
{
    const struct imgz_aio_request request = {
        .kind = IMGZ_AIO_WRITE,
        .file_index = file_index,
        .offset = offset,
        .bytes = bytes,
        .need_bytes = bytes,
        .buffer = slot->raw + (offset - slot->raw_offset),
        .owner = slot,
    };

    if (bytes == 0)
        return 0;
    slot->pending_count += 1;
    local->sparse.written_bytes += bytes;
    return imgz_aio_loop_submit(&local->loop, &request);
}

/* Data at block-aligned 'offset': whole blocks directly, a short last one through the cache. */
static int write_run(struct imgz_sparse_local *local, struct imgz_slot *slot, uint64_t offset,
                     uint64_t bytes)
{
    const uint64_t whole_bytes = imgz_align_down(bytes, IMGZ_BLOCK_BYTES);
    int rc = submit_write(local, slot, FILE_MAIN, offset, whole_bytes);

    if (rc < 0)
        return rc;
    return submit_write(local, slot, FILE_CACHED, offset + whole_bytes, bytes - whole_bytes);
}

static int skip_run(struct imgz_sparse_local *local, struct imgz_slot *slot, uint64_t offset,
                    uint64_t bytes)
{
    if (imgz_sink_is(local->sparse.sink, IMGZ_SINK_NAMED))
        return 0;
    if (bytes < DEVICE_ZERO_BYTES_MIN)
        return write_run(local, slot, offset, bytes);
    return zero_device(local, slot, offset, bytes);
}

/* Where the run of zeros, or of data, that begins at 'block' ends. On a device a zero run too short
 * for a request of its own counts as data. */
static uint64_t find_run_end(const struct imgz_sparse_local *local, const struct imgz_slot *slot,
                             uint64_t block, uint64_t block_count)
{
    const uint8_t *map = slot->zero_map;
    uint64_t end = block + 1;

    while (end < block_count && map[end] == map[block])
        end += 1;
    if (!imgz_sink_is(local->sparse.sink, IMGZ_SINK_DEVICE) || map[block] != 0)
        return end;
    while (end < block_count) {
        uint64_t zero_end = end;

        while (zero_end < block_count && map[zero_end] != 0)
            zero_end += 1;
        if ((zero_end - end) * IMGZ_BLOCK_BYTES >= DEVICE_ZERO_BYTES_MIN)
            break;
        end = zero_end;
        while (end < block_count && map[end] == 0)
            end += 1;
    }
    return end;
}

/* Queues every run of a chunk. */
static int put_data(struct imgz_sparse_local *local, struct imgz_slot *slot)
{
    const uint64_t block_count = imgz_div_up(slot->raw_bytes, IMGZ_BLOCK_BYTES);
    uint64_t block = 0;

    while (block < block_count) {
        const uint64_t end = find_run_end(local, slot, block, block_count);
        const uint64_t from_bytes = block * IMGZ_BLOCK_BYTES;
        const uint64_t bytes = imgz_min(end * IMGZ_BLOCK_BYTES, slot->raw_bytes) - from_bytes;
        int rc;

        if (slot->zero_map[block] != 0)
            rc = skip_run(local, slot, slot->raw_offset + from_bytes, bytes);
        else
            rc = write_run(local, slot, slot->raw_offset + from_bytes, bytes);
        if (rc < 0)
            return rc;
        block = end;
    }
    return 0;
}

/* A run from an image that lies about its length must not reach beyond the device: the disk's size
 * comes only at the end of a stream. */
static int check_fits(struct imgz_sparse_local *local, const struct imgz_slot *slot)
{
    const struct imgz_sink *sink = local->sparse.sink;

    if (slot->kind == IMGZ_SLOT_ZERO && sink->left_out_bytes > 0)
        return 0;
    if (slot->raw_bytes <= sink->size_bytes &&
        slot->raw_offset <= sink->size_bytes - slot->raw_bytes)
        return 0;
    return imgz_latch_raise(local->sparse.pipeline->latch, -ENOSPC,
                            imgz_sink_location(sink, slot->raw_offset),
                            "writing %s at offset %" PRIu64
                            ": it holds only %s, the disk has more; use a larger target",
                            sink->path, slot->raw_offset, imgz_text_size(sink->size_bytes).text);
}

/* What an earlier run left at the item's place may be anything: it becomes a hole again, or zeros
 * where the file system has no holes. */
static int punch_before_write(struct imgz_sparse_local *local, const struct imgz_slot *slot)
{
    const struct imgz_sink *sink = local->sparse.sink;

    if (!sink->taken_over)
        return 0;
    if (fallocate(sink->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)slot->raw_offset,
                  (off_t)slot->raw_bytes) == 0)
        return 0;
    return errno == EOPNOTSUPP ? write_zeros(local, slot->raw_offset, slot->raw_bytes)
                               : raise_write(local, -errno, slot->raw_offset);
}

/* How much of a run of zeros lies on the device: what does not fit may be left out. */
static uint64_t zero_bytes_within(const struct imgz_sink *sink, const struct imgz_slot *slot)
{
    if (slot->raw_offset >= sink->size_bytes)
        return 0;
    return imgz_min(slot->raw_bytes, sink->size_bytes - slot->raw_offset);
}

static int put(struct imgz_sparse *sparse, struct imgz_slot **slot)
{
    struct imgz_sparse_local *local = local_of(sparse);
    struct imgz_slot *putting = *slot;
    int rc = check_fits(local, putting);

    if (rc == 0)
        rc = punch_before_write(local, putting);
    if (rc < 0)
        return rc;
    local->sparse.sink->begun = true;
    *slot = NULL;
    /* One more than there are requests, so that none of them is the last while runs are added. */
    putting->pending_count = 1;
    if (putting->kind == IMGZ_SLOT_DATA)
        rc = put_data(local, putting);
    else if (imgz_sink_is(local->sparse.sink, IMGZ_SINK_DEVICE))
        rc = zero_device(local, putting, putting->raw_offset,
                         zero_bytes_within(local->sparse.sink, putting));
    if (rc == 0)
        rc = imgz_aio_loop_flush(&local->loop);
    putting->pending_count -= 1;
    if (rc == 0 && putting->pending_count == 0)
        imgz_pipeline_give_back(local->sparse.pipeline, &putting);
    return rc;
}

static int finish(struct imgz_sparse *sparse, uint64_t raw_bytes)
{
    struct imgz_sparse_local *local = local_of(sparse);
    int rc = imgz_aio_loop_settle(&local->loop);

    return rc < 0 ? rc : size_file(local, raw_bytes);
}

/* ---- Beginning ---------------------------------------------------------------------------- */

int imgz_sparse_open_local(struct imgz_sink *sink, struct imgz_pipeline *pipeline,
                           uint64_t raw_bytes, struct imgz_sparse **result)
{
    static const struct imgz_sparse_ops ops = {
        .take = take, .put = put, .finish = finish, .close = close_sparse};
    struct imgz_sparse_local *local = calloc(1, sizeof(*local));
    int rc;

    if (local == NULL)
        return imgz_sink_raise(sink, -ENOMEM, "writing");
    local->sparse = (struct imgz_sparse){.ops = &ops, .sink = sink, .pipeline = pipeline};
    local->loop = (struct imgz_aio_loop){.pipeline = pipeline,
                                         .handle = handle_result,
                                         .context = local,
                                         .location = imgz_sink_location(sink, IMGZ_OFFSET_NONE)};
    rc = begin(local, raw_bytes);
    if (rc < 0) {
        close_sparse(&local->sparse);
        return rc;
    }
    *result = &local->sparse;
    return 0;
}
