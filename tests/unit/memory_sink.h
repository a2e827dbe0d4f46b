/* SPDX-License-Identifier: MIT */
/*
 * A kind of sink that is not a file: it keeps in memory what is appended, and one of its calls
 * fails if a test wants that.
 */
#ifndef IMGZ_MEMORY_SINK_H
#define IMGZ_MEMORY_SINK_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/sink/sink_ops.h"

struct imgz_memory_sink {
    struct imgz_sink sink;     /* made by open() */
    struct imgz_append append; /* made by its open_append() */
    unsigned char *data;       /* 'bytes' of them; the test frees it */
    uint64_t bytes;
    uint64_t capacity_bytes;
    uint32_t call_count; /* of open_append, resume, bytes, settle, finish and flush */
    uint32_t fail_at;    /* this call fails, counted from 1; 0: none */
    uint32_t raise_count;
    uint32_t open_count; /* writers that are open */
    bool flushed;
};

/* Sets memory->sink up and returns it. What memory->data holds counts as taken over. */
static struct imgz_sink *imgz_memory_sink_open(struct imgz_memory_sink *memory,
                                               struct imgz_latch *latch, struct imgz_log *log);

/* ---- How ---------------------------------------------------------------------------------- */

static struct imgz_memory_sink *imgz_memory_sink_of(struct imgz_sink *sink)
{
    return (struct imgz_memory_sink *)(void *)sink;
}

/* Counts a call. -EIO, raised, if it is the one that fails. */
static int imgz_memory_sink_count(struct imgz_memory_sink *memory)
{
    memory->call_count += 1;
    if (memory->call_count != memory->fail_at)
        return 0;
    memory->raise_count += 1;
    return imgz_sink_raise(&memory->sink, -EIO, "writing");
}

static void imgz_memory_sink_grow(struct imgz_memory_sink *memory, uint64_t bytes)
{
    if (bytes <= memory->capacity_bytes)
        return;
    memory->capacity_bytes = 2 * bytes;
    memory->data = realloc(memory->data, memory->capacity_bytes);
    IMGZ_ASSERT(memory->data != NULL);
}

static int imgz_memory_sink_resume(struct imgz_append *append, uint64_t offset)
{
    struct imgz_memory_sink *memory = imgz_memory_sink_of(append->sink);

    IMGZ_ASSERT(offset <= memory->bytes);
    memory->bytes = offset;
    append->offset = offset;
    return imgz_memory_sink_count(memory);
}

static int imgz_memory_sink_append(struct imgz_append *append, const void *data, uint64_t bytes)
{
    struct imgz_memory_sink *memory = imgz_memory_sink_of(append->sink);
    int rc = imgz_memory_sink_count(memory);

    if (rc < 0)
        return rc;
    imgz_memory_sink_grow(memory, memory->bytes + bytes);
    memcpy(memory->data + memory->bytes, data, bytes);
    memory->bytes += bytes;
    append->offset += bytes;
    return 0;
}

static int imgz_memory_sink_settle(struct imgz_append *append)
{
    return imgz_memory_sink_count(imgz_memory_sink_of(append->sink));
}

static void imgz_memory_sink_close_append(struct imgz_append *append)
{
    imgz_memory_sink_of(append->sink)->open_count -= 1;
}

static int imgz_memory_sink_open_append(struct imgz_sink *sink, struct imgz_pipeline *pipeline,
                                        struct imgz_append **result)
{
    static const struct imgz_append_ops ops = {
        .resume = imgz_memory_sink_resume,
        .bytes = imgz_memory_sink_append,
        .settle = imgz_memory_sink_settle,
        .finish = imgz_memory_sink_settle,
        .close = imgz_memory_sink_close_append,
    };
    struct imgz_memory_sink *memory = imgz_memory_sink_of(sink);
    int rc = imgz_memory_sink_count(memory);

    if (rc < 0)
        return rc;
    memory->append = (struct imgz_append){.ops = &ops, .sink = sink, .pipeline = pipeline};
    memory->open_count += 1;
    *result = &memory->append;
    return 0;
}

static int imgz_memory_sink_flush(struct imgz_sink *sink)
{
    struct imgz_memory_sink *memory = imgz_memory_sink_of(sink);
    int rc = imgz_memory_sink_count(memory);

    memory->flushed = rc == 0;
    return rc;
}

static struct imgz_sink *imgz_memory_sink_open(struct imgz_memory_sink *memory,
                                               struct imgz_latch *latch, struct imgz_log *log)
{
    static const struct imgz_sink_ops ops = {
        .open_append = imgz_memory_sink_open_append,
        .flush = imgz_memory_sink_flush,
    };
    const struct imgz_sink_config config = {.path = "memory", .stage = IMGZ_STAGE_WRITE_IMAGE};

    imgz_sink_init(&memory->sink, &ops, &config, latch, log);
    memory->sink.taken_over = memory->bytes > 0;
    return &memory->sink;
}

#endif /* IMGZ_MEMORY_SINK_H */
