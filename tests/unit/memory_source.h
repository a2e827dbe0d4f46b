/* SPDX-License-Identifier: MIT */
/*
 * A kind of source that is not a file: bytes in memory, read at random or as a stream, with holes
 * and faults where a test wants them. It has no descriptor, so no ring and no advice.
 */
#ifndef IMGZ_MEMORY_SOURCE_H
#define IMGZ_MEMORY_SOURCE_H

#include <errno.h>
#include <string.h>

#include "io/source/source_ops.h"

struct imgz_memory_source {
    struct imgz_source source; /* made by open() */
    const unsigned char *data; /* 'bytes' of them; NULL: zeros */
    uint64_t bytes;
    bool stream;
    const struct imgz_extent *extents; /* of data, in order; NULL: no holes are reported */
    size_t extent_count;
    struct imgz_range bad; /* reading any of it fails with -EIO */
    uint64_t ends_at;      /* > 0: where it turns out to end */
    uint64_t read_at;      /* as far as the stream was read */
    bool closed;
};

/* Sets memory->source up and returns it; closing it frees nothing. */
static struct imgz_source *imgz_memory_source_open(struct imgz_memory_source *memory);

/* ---- How ---------------------------------------------------------------------------------- */

static const struct imgz_memory_source *imgz_memory_source_of(const struct imgz_source *source)
{
    return (const struct imgz_memory_source *)(const void *)source;
}

static int imgz_memory_source_read_at(const struct imgz_source *source, uint64_t offset,
                                      void *buffer, size_t bytes, size_t *done_bytes)
{
    const struct imgz_memory_source *memory = imgz_memory_source_of(source);
    const uint64_t size = memory->ends_at > 0 ? memory->ends_at : memory->bytes;
    const uint64_t bad_end = memory->bad.offset + memory->bad.bytes;
    uint64_t end = imgz_max(imgz_min(offset + bytes, size), offset);
    bool fails = false;

    if (memory->bad.bytes > 0 && offset < bad_end && memory->bad.offset < end) {
        end = imgz_max(memory->bad.offset, offset);
        fails = true;
    }
    if (memory->data != NULL)
        memcpy(buffer, memory->data + offset, end - offset);
    else
        memset(buffer, 0, end - offset);
    *done_bytes = (size_t)(end - offset);
    return fails ? -EIO : 0;
}

static int imgz_memory_source_read_next(struct imgz_source *source, int wake_fd, void *buffer,
                                        size_t bytes, size_t *done_bytes)
{
    struct imgz_memory_source *memory = (struct imgz_memory_source *)(void *)source;
    int rc = imgz_memory_source_read_at(source, memory->read_at, buffer, bytes, done_bytes);

    (void)wake_fd;
    memory->read_at += *done_bytes;
    return rc;
}

static int imgz_memory_source_next_extent(const struct imgz_source *source, uint64_t from,
                                          struct imgz_extent *result)
{
    const struct imgz_memory_source *memory = imgz_memory_source_of(source);

    *result = (struct imgz_extent){memory->bytes, memory->bytes};
    for (size_t i = memory->extent_count; i-- > 0 && memory->extents[i].end > from;)
        *result =
            (struct imgz_extent){imgz_max(memory->extents[i].offset, from), memory->extents[i].end};
    return 0;
}

static void imgz_memory_source_close(struct imgz_source *source)
{
    ((struct imgz_memory_source *)(void *)source)->closed = true;
}

static struct imgz_source *imgz_memory_source_open(struct imgz_memory_source *memory)
{
    static const struct imgz_source_ops random_ops = {
        .kind = "memory",
        .read_at = imgz_memory_source_read_at,
        .next_extent = imgz_memory_source_next_extent,
        .close = imgz_memory_source_close,
    };
    static const struct imgz_source_ops stream_ops = {
        .kind = "memory stream",
        .read_next = imgz_memory_source_read_next,
        .close = imgz_memory_source_close,
    };
    const struct imgz_source_config config = {.path = "memory", .stage = IMGZ_STAGE_READ_SOURCE};

    imgz_source_init(&memory->source, memory->stream ? &stream_ops : &random_ops, &config);
    if (!memory->stream) {
        memory->source.size_bytes = memory->bytes;
        memory->source.traits = IMGZ_SOURCE_RANDOM;
        if (memory->extents != NULL)
            memory->source.traits |= IMGZ_SOURCE_HOLES;
    }
    return &memory->source;
}

#endif /* IMGZ_MEMORY_SOURCE_H */
