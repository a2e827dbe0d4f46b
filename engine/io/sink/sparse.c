/* SPDX-License-Identifier: MIT */
/*
 * Runs and alignment by example, with direct I/O and a disk of 10,000 bytes (blocks of 4096: the
 * third has 1,808):
 *
 *     block   0 data   1 zero   2 data (short)
 *     file    write [0, 4096) direct; hole; write [8192, 10000) through the page cache
 *
 * Direct writes need whole blocks, so the part behind the last whole block goes through the page
 * cache. The two never touch the same page.
 */
#include "io/sink/sparse.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

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

static int write_zeros(struct imgz_sparse *sparse, uint64_t offset, uint64_t bytes);

/* A device that cannot zero ranges by itself; EBUSY: one that is mounted nevertheless, of which the
 * file system keeps a page in memory (blkdev_fallocate, Linux 6.18). */
static bool refuses_zeroing(int rc)
{
    return rc == -EOPNOTSUPP || rc == -EINVAL || rc == -EBUSY;
}

/* Zeros are written instead. */
static int zero_by_writing(struct imgz_sparse *sparse, const struct imgz_aio_result *result)
{
    struct imgz_aio_result settled = *result;
    int rc;

    if (!sparse->zeroing_refused)
        imgz_log_line(sparse->pipeline->log, "%s cannot zero ranges by itself; writing zeros",
                      sparse->output->path);
    sparse->zeroing_refused = true;
    rc = write_zeros(sparse, result->request.offset, result->request.bytes);
    if (rc < 0)
        return rc;
    settled.rc = 0;
    return imgz_output_book(sparse->output, sparse->pipeline, &settled);
}

/* The file system takes no direct write of this alignment (open(2), O_DIRECT: EINVAL): the same
 * through the page cache. */
static int write_through_cache(struct imgz_sparse *sparse, const struct imgz_aio_result *result)
{
    struct imgz_aio_request request = result->request;

    request.file_index = FILE_CACHED;
    return imgz_aio_loop_submit(&sparse->loop, &request);
}

static int handle_result(void *context, const struct imgz_aio_result *result)
{
    struct imgz_sparse *sparse = context;
    const struct imgz_aio_request *request = &result->request;

    if (request->kind == IMGZ_AIO_ZERO && refuses_zeroing(result->rc))
        return zero_by_writing(sparse, result);
    if (request->kind == IMGZ_AIO_WRITE && request->file_index == FILE_MAIN &&
        sparse->output->direct_fd >= 0 && result->rc == -EINVAL)
        return write_through_cache(sparse, result);
    return imgz_output_book(sparse->output, sparse->pipeline, result);
}

static int raise_write(struct imgz_sparse *sparse, int rc, uint64_t offset)
{
    return imgz_latch_raise_system(sparse->pipeline->latch, rc,
                                   imgz_output_location(sparse->output, offset), "writing");
}

/* Sizes a file at once, so that writes never extend it. */
static int size_file(struct imgz_sparse *sparse, uint64_t raw_bytes)
{
    if (sparse->output->kind != IMGZ_OUTPUT_FILE || raw_bytes == IMGZ_SIZE_UNKNOWN)
        return 0;
    if (raw_bytes > INT64_MAX)
        return raise_write(sparse, -EFBIG, 0);
    return ftruncate(sparse->output->fd, (off_t)raw_bytes) < 0
               ? raise_write(sparse, -errno, raw_bytes)
               : 0;
}

int imgz_sparse_init(struct imgz_sparse *sparse, struct imgz_output *output,
                     struct imgz_pipeline *pipeline, uint64_t raw_bytes)
{
    const int fds[] = {
        [FILE_MAIN] = output->direct_fd >= 0 ? output->direct_fd : output->fd,
        [FILE_CACHED] = output->fd,
    };
    struct imgz_aio_config config = {.depth_count = DEPTH_COUNT, .fds = fds, .fd_count = 2};
    int rc;

    *sparse = (struct imgz_sparse){
        .output = output,
        .pipeline = pipeline,
        .loop = {.pipeline = pipeline,
                 .handle = handle_result,
                 .context = sparse,
                 .location = imgz_output_location(output, IMGZ_OFFSET_NONE)},
    };
    output->begun = output->kind == IMGZ_OUTPUT_FILE; /* a device: when there is something to put */
    rc = size_file(sparse, raw_bytes);
    if (rc < 0)
        return rc;
    if (output->kind == IMGZ_OUTPUT_DEVICE || output->temp.taken_over) {
        sparse->zero_buffer = calloc(1, ZERO_BUFFER_BYTES);
        if (sparse->zero_buffer == NULL)
            return raise_write(sparse, -ENOMEM, 0);
    }
    imgz_pool_pinned_memory(pipeline->pool, &config.memory, &config.memory_bytes);
    rc = imgz_aio_create(&config, &sparse->loop.io);
    if (rc < 0)
        return raise_write(sparse, rc, 0);
    imgz_log_line(pipeline->log, "writing %s by %s", output->path,
                  imgz_aio_describe(sparse->loop.io));
    return 0;
}

void imgz_sparse_fini(struct imgz_sparse *sparse)
{
    imgz_aio_destroy(sparse->loop.io);
    free(sparse->zero_buffer);
    sparse->loop.io = NULL;
    sparse->zero_buffer = NULL;
}

int imgz_sparse_take(struct imgz_sparse *sparse, struct imgz_slot **result)
{
    return imgz_aio_loop_take(&sparse->loop, imgz_pipeline_try_take, imgz_pipeline_take, result);
}

/* Writes zeros through the page cache, at once. */
static int write_zeros(struct imgz_sparse *sparse, uint64_t offset, uint64_t bytes)
{
    while (bytes > 0) {
        ssize_t moved = pwrite(sparse->output->fd, sparse->zero_buffer,
                               (size_t)imgz_min(bytes, ZERO_BUFFER_BYTES), (off_t)offset);

        if (moved < 0 && errno == EINTR)
            continue;
        if (moved <= 0)
            return raise_write(sparse, moved == 0 ? -EIO : -errno, offset);
        offset += (uint64_t)moved;
        bytes -= (uint64_t)moved;
    }
    return 0;
}

/* Zeros on a device: whole blocks by its own means, what is left of the last one by writing. Not
 * smaller units: the write goes through the page cache, which holds whole pages, and would bring
 * back what the page held before the device zeroed its first sectors. */
static int zero_device(struct imgz_sparse *sparse, struct imgz_slot *slot, uint64_t offset,
                       uint64_t bytes)
{
    const uint64_t whole_bytes =
        sparse->zeroing_refused ? 0 : imgz_align_down(bytes, IMGZ_BLOCK_BYTES);
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
        rc = imgz_aio_loop_submit(&sparse->loop, &request);
        if (rc < 0)
            return rc;
    }
    return write_zeros(sparse, offset + whole_bytes, bytes - whole_bytes);
}

static int submit_write(struct imgz_sparse *sparse, struct imgz_slot *slot,
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
    sparse->written_bytes += bytes;
    return imgz_aio_loop_submit(&sparse->loop, &request);
}

/* Data at block-aligned 'offset': whole blocks directly, a short last one through the cache. */
static int write_run(struct imgz_sparse *sparse, struct imgz_slot *slot, uint64_t offset,
                     uint64_t bytes)
{
    const uint64_t whole_bytes = imgz_align_down(bytes, IMGZ_BLOCK_BYTES);
    int rc = submit_write(sparse, slot, FILE_MAIN, offset, whole_bytes);

    if (rc < 0)
        return rc;
    return submit_write(sparse, slot, FILE_CACHED, offset + whole_bytes, bytes - whole_bytes);
}

static int skip_run(struct imgz_sparse *sparse, struct imgz_slot *slot, uint64_t offset,
                    uint64_t bytes)
{
    if (sparse->output->kind == IMGZ_OUTPUT_FILE)
        return 0;
    if (bytes < DEVICE_ZERO_BYTES_MIN)
        return write_run(sparse, slot, offset, bytes);
    return zero_device(sparse, slot, offset, bytes);
}

/* One past the last block from 'block' on that is as zero as it. On a device a zero run too short
 * for a request of its own counts as data. */
static uint64_t find_run_end(const struct imgz_sparse *sparse, const struct imgz_slot *slot,
                             uint64_t block, uint64_t block_count)
{
    const uint8_t *map = slot->zero_map;
    uint64_t end = block + 1;

    while (end < block_count && map[end] == map[block])
        end += 1;
    if (sparse->output->kind != IMGZ_OUTPUT_DEVICE || map[block] != 0)
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
static int put_data(struct imgz_sparse *sparse, struct imgz_slot *slot)
{
    const uint64_t block_count = imgz_div_up(slot->raw_bytes, IMGZ_BLOCK_BYTES);
    uint64_t block = 0;

    while (block < block_count) {
        const uint64_t end = find_run_end(sparse, slot, block, block_count);
        const uint64_t from_bytes = block * IMGZ_BLOCK_BYTES;
        const uint64_t bytes = imgz_min(end * IMGZ_BLOCK_BYTES, slot->raw_bytes) - from_bytes;
        int rc;

        if (slot->zero_map[block] != 0)
            rc = skip_run(sparse, slot, slot->raw_offset + from_bytes, bytes);
        else
            rc = write_run(sparse, slot, slot->raw_offset + from_bytes, bytes);
        if (rc < 0)
            return rc;
        block = end;
    }
    return 0;
}

/* A run from an image that lies about its length must not reach beyond the device: a stream tells
 * the disk's size only at its end. */
static int check_fits(struct imgz_sparse *sparse, const struct imgz_slot *slot)
{
    const struct imgz_output *output = sparse->output;

    if (slot->kind == IMGZ_SLOT_ZERO && output->left_out_bytes > 0)
        return 0;
    if (slot->raw_bytes <= output->size_bytes &&
        slot->raw_offset <= output->size_bytes - slot->raw_bytes)
        return 0;
    return imgz_latch_raise(sparse->pipeline->latch, -ENOSPC,
                            imgz_output_location(output, slot->raw_offset),
                            "writing %s at offset %" PRIu64
                            ": it holds only %s, the disk has more; use a larger target",
                            output->path, slot->raw_offset,
                            imgz_text_size(output->size_bytes).text);
}

/* What an earlier run left at the item's place may be anything: it becomes a hole again, or zeros
 * where the file system has no holes. */
static int punch_before_write(struct imgz_sparse *sparse, const struct imgz_slot *slot)
{
    const struct imgz_output *output = sparse->output;

    if (!output->temp.taken_over)
        return 0;
    if (fallocate(output->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)slot->raw_offset,
                  (off_t)slot->raw_bytes) == 0)
        return 0;
    return errno == EOPNOTSUPP ? write_zeros(sparse, slot->raw_offset, slot->raw_bytes)
                               : raise_write(sparse, -errno, slot->raw_offset);
}

/* How much of a run of zeros lies on the device: what it has no room for may be left out. */
static uint64_t zero_bytes_within(const struct imgz_output *output, const struct imgz_slot *slot)
{
    if (slot->raw_offset >= output->size_bytes)
        return 0;
    return imgz_min(slot->raw_bytes, output->size_bytes - slot->raw_offset);
}

int imgz_sparse_put(struct imgz_sparse *sparse, struct imgz_slot **slot)
{
    struct imgz_slot *putting = *slot;
    int rc = check_fits(sparse, putting);

    IMGZ_ASSERT(putting->checked);
    IMGZ_ASSERT(putting->raw_offset % IMGZ_BLOCK_BYTES == 0);
    if (rc == 0)
        rc = punch_before_write(sparse, putting);
    if (rc < 0)
        return rc;
    sparse->output->begun = true;
    *slot = NULL;
    /* One more than there are requests, so that none of them is the last while runs are added. */
    putting->pending_count = 1;
    if (putting->kind == IMGZ_SLOT_DATA)
        rc = put_data(sparse, putting);
    else if (sparse->output->kind == IMGZ_OUTPUT_DEVICE)
        rc = zero_device(sparse, putting, putting->raw_offset,
                         zero_bytes_within(sparse->output, putting));
    if (rc == 0)
        rc = imgz_aio_loop_flush(&sparse->loop);
    putting->pending_count -= 1;
    if (rc == 0 && putting->pending_count == 0)
        imgz_pipeline_give_back(sparse->pipeline, &putting);
    return rc;
}

int imgz_sparse_finish(struct imgz_sparse *sparse, uint64_t raw_bytes)
{
    int rc = imgz_aio_loop_settle(&sparse->loop);

    if (rc == 0)
        rc = size_file(sparse, raw_bytes);
    if (rc < 0)
        return rc;
    imgz_pipeline_begin_flush(sparse->pipeline);
    return imgz_output_flush(sparse->output);
}
