/* SPDX-License-Identifier: MIT */
/*
 * Reads a raw disk into slots: the feeder of capture, hash and verify --against.
 *
 * Files are asked for their holes first (SEEK_DATA): a hole is never read, and becomes ZERO slots
 * of many chunks each. Everything else becomes DATA slots of one chunk each. Past the page cache
 * they are read here, with as many requests under way as there are free slots; through it, by the
 * worker that gets the slot.
 *
 * Place: source -> [reader] -> queue. Runs as the feeder's body.
 *
 * Threads    the feeder's; fetch() a worker's, raise() the drain's.
 * Errors     raised; -ENODATA when the source ends before its size, if that is known.
 * Memory     all at the start.
 */
#ifndef IMGZ_READER_H
#define IMGZ_READER_H

#include "io/source/source.h"
#include "pipeline/pipeline.h"

struct imgz_reader_config {
    struct imgz_source *source;
    uint64_t from_bytes;     /* where to begin, in whole chunks; 0 for a stream */
    uint64_t size_bytes;     /* where to end: the source's, or less; IMGZ_SIZE_UNKNOWN: a stream */
    uint32_t chunk_bytes;    /* of a DATA slot; the slots' raw buffers hold as much */
    uint64_t zero_bytes_max; /* of a ZERO slot; a multiple of chunk_bytes */
    bool survey;             /* first tell the pipeline's meter how much there is to do */
    bool look_for_free;      /* ... and what of it is free, which takes a few reads */
    struct imgz_encoding encoding; /* what the source may do of the workers\' part */
    const char **io_name;          /* receives a static text: how it was read */
};

/* Feeds every chunk of the source. */
IMGZ_MUST_CHECK int imgz_reader_run(const struct imgz_reader_config *config,
                                    struct imgz_pipeline *pipeline);

/* For the worker, first of all: reads the chunk if that was left to it (slot->read_deferred). It
 * may leave the slot with IMGZ_FAULT_READ. */
void imgz_reader_fetch(const struct imgz_source *source, struct imgz_slot *slot);

/* For the drain: the error message of a slot with IMGZ_FAULT_READ. */
int imgz_reader_raise(const struct imgz_source *source, struct imgz_latch *latch,
                      const struct imgz_slot *slot);

#endif /* IMGZ_READER_H */
