/* SPDX-License-Identifier: MIT */
#include "io/append.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "io/stream.h"

/* Writeback is started for each such piece as soon as it is complete, so that the flush at the end
 * finds little left to do. Large enough that the disk sees long sequential writes. */
#define PUSH_BYTES ((uint64_t)8 << 20)

static int handle_result(void *context, const struct imgz_io_result *result)
{
    struct imgz_append *append = context;

    return imgz_output_book(append->output, append->line, result);
}

int imgz_append_init(struct imgz_append *append, struct imgz_output *output, struct imgz_line *line)
{
    struct imgz_io_config config = {
        .depth_count = imgz_pool_slot_count(line->pool),
        .fds = &output->fd,
        .fd_count = 1,
    };
    int rc;

    *append = (struct imgz_append){
        .output = output,
        .line = line,
        .pump = {.line = line,
                 .handle = handle_result,
                 .context = append,
                 .place = imgz_output_place(output, IMGZ_OFFSET_NONE)},
    };
    if (output->kind == IMGZ_OUTPUT_STREAM)
        return 0;
    imgz_pool_memory(line->pool, &config.memory, &config.memory_bytes);
    rc = imgz_io_create(&config, &append->pump.io);
    if (rc < 0)
        return imgz_stop_raise_system(line->stop, rc, append->pump.place, "preparing to write");
    imgz_log_line(line->log, "writing %s by %s", output->path, imgz_io_describe(append->pump.io));
    return 0;
}

void imgz_append_fini(struct imgz_append *append)
{
    imgz_io_destroy(append->pump.io);
    append->pump.io = NULL;
}

int imgz_append_take(struct imgz_append *append, struct imgz_slot **result)
{
    if (append->pump.io == NULL)
        return imgz_line_take(append->line, result);
    return imgz_pump_take(&append->pump, imgz_line_try_take, imgz_line_take, result);
}

/* Starts writeback of what lies well behind; only advice, so its result does not matter: a failed
 * write is told by fsync(). */
static void push_writeback(struct imgz_append *append)
{
    if (append->offset - append->pushed_bytes < 2 * PUSH_BYTES)
        return;
    (void)sync_file_range(append->output->fd, (off_t)append->pushed_bytes, (off_t)PUSH_BYTES,
                          SYNC_FILE_RANGE_WRITE);
    append->pushed_bytes += PUSH_BYTES;
}

static int append_to_stream(struct imgz_append *append, const void *data, size_t bytes)
{
    int rc = imgz_stream_write(append->output->fd, imgz_stop_fd(append->line->stop), data, bytes);

    if (rc < 0)
        return imgz_stop_raise_system(append->line->stop, rc,
                                      imgz_output_place(append->output, append->offset), "writing");
    append->offset += bytes;
    return 0;
}

int imgz_append_slot(struct imgz_append *append, unsigned char *data, uint64_t bytes,
                     struct imgz_slot **slot)
{
    const struct imgz_io_request request = {
        .kind = IMGZ_IO_WRITE,
        .offset = append->offset,
        .bytes = bytes,
        .need_bytes = bytes,
        .buffer = data,
        .owner = *slot,
    };
    int rc;

    if (append->pump.io == NULL) {
        rc = append_to_stream(append, data, bytes);
        if (rc == 0)
            imgz_line_give_back(append->line, slot);
        return rc;
    }
    (*slot)->pending_count += 1;
    *slot = NULL;
    append->offset += bytes;
    rc = imgz_pump_submit(&append->pump, &request);
    if (rc == 0)
        rc = imgz_pump_flush(&append->pump);
    push_writeback(append);
    return rc;
}

int imgz_append_bytes(struct imgz_append *append, const void *data, size_t bytes)
{
    const unsigned char *from = data;

    if (append->pump.io == NULL)
        return append_to_stream(append, data, bytes);
    while (bytes > 0) {
        ssize_t moved = pwrite(append->output->fd, from, bytes, (off_t)append->offset);

        if (moved < 0 && errno == EINTR)
            continue;
        if (moved <= 0)
            return imgz_stop_raise_system(append->line->stop, moved == 0 ? -EIO : -errno,
                                          imgz_output_place(append->output, append->offset),
                                          "writing");
        append->offset += (uint64_t)moved;
        from += moved;
        bytes -= (size_t)moved;
    }
    return 0;
}

int imgz_append_finish(struct imgz_append *append)
{
    int rc = append->pump.io != NULL ? imgz_pump_settle(&append->pump) : 0;

    if (rc < 0)
        return rc;
    imgz_line_begin_flush(append->line);
    return imgz_output_flush(append->output);
}
