/* SPDX-License-Identifier: MIT */
/*
 * What a kind of sink is made of: a table of operations, and what all kinds have in common.
 *
 * Place: for io/sink alone. Others include sink.h, append.h, sparse.h.
 *
 * A new kind is one file: it allocates a structure that begins with a struct imgz_sink, calls
 * imgz_sink_init() on that, fills in its own members, and is added to imgz_sink_open(). No job
 * changes.
 *
 * Threads    one at a time.
 * Ownership  close() ends what the kind has opened and frees the structure.
 * Errors     raised.
 */
#ifndef IMGZ_SINK_OPS_H
#define IMGZ_SINK_OPS_H

#include "io/aio/aio.h"
#include "io/sink/append.h"
#include "io/sink/sink.h"
#include "io/sink/sparse.h"

struct imgz_sink_ops {
    const char *described; /* "a stream": for the log; NULL: by how it is written */

    /* Begins writing from front to back. NULL for a device. */
    int (*open_append)(struct imgz_sink *sink, struct imgz_pipeline *pipeline,
                       struct imgz_append **result);

    /* Begins writing chunks in their places; the disk has 'raw_bytes', or IMGZ_SIZE_UNKNOWN. NULL
     * without IMGZ_SINK_RANDOM. */
    int (*open_sparse)(struct imgz_sink *sink, struct imgz_pipeline *pipeline, uint64_t raw_bytes,
                       struct imgz_sparse **result);

    uint64_t (*discard)(struct imgz_sink *sink); /* NULL: it cannot */
    int (*flush)(struct imgz_sink *sink);
    int (*mark)(struct imgz_sink *sink); /* NULL: nothing to mark */
    int (*commit)(struct imgz_sink *sink);
    bool (*keeps)(const struct imgz_sink *sink); /* NULL: never */
    void (*close)(struct imgz_sink *sink);
};

struct imgz_sink {
    const struct imgz_sink_ops *ops;
    const char *path;      /* for people */
    enum imgz_stage stage; /* the stage of its errors */
    uint32_t traits;       /* of enum imgz_sink_trait */
    uint64_t size_bytes;
    uint64_t left_out_bytes;
    uint64_t room_bytes;
    uint64_t partial_bytes;
    struct imgz_latch *latch;
    struct imgz_log *log;

    /* Local kinds: the descriptors that their writers share; -1: there is none. */
    int fd;        /* through the page cache */
    int direct_fd; /* past it */

    /* Named kinds. */
    const char *partial_path; /* NULL: none */
    int folder_fd;            /* -1: none */
    const struct imgz_name *map_name;
    bool taken_over;
    bool marked;
    bool keep; /* until the job finds that keeping it is of no use */

    uint64_t stored_bytes; /* written so far, some of it twice */
    bool begun;            /* its writer has begun */
    bool whole;            /* of a device: all is written, flushed and checked */
    bool committed;
};

/* Everything that 'config' says; no descriptor, size unknown. */
void imgz_sink_init(struct imgz_sink *sink, const struct imgz_sink_ops *ops,
                    const struct imgz_sink_config *config, struct imgz_latch *latch,
                    struct imgz_log *log);

/* ---- For kinds ---------------------------------------------------------------------------- */

/* Raises the system's error in 'doing' it. */
int imgz_sink_raise(const struct imgz_sink *sink, int rc, const char *doing);

/* Raises that it became something else between two looks. */
int imgz_sink_raise_changed(const struct imgz_sink *sink);

/* Raises that its name with 'suffix' is the source. */
int imgz_sink_raise_both(const struct imgz_sink *sink, const char *suffix);

/* fsync(2); and close(2), whose result counts. '*fd' is -1 then, and may be before. */
int imgz_sink_flush_fd(struct imgz_sink *sink);
int imgz_sink_close_fd(int *fd);

/* Closes both descriptors of a sink that is committed. */
IMGZ_MUST_CHECK int imgz_sink_close_fds(struct imgz_sink *sink);

/* ---- Kinds -------------------------------------------------------------------------------- */

/* A new file; 'existing' is what is under its name now, or NULL. */
IMGZ_MUST_CHECK int imgz_sink_file_open(const struct imgz_sink_config *config,
                                        const struct stat *existing, struct imgz_latch *latch,
                                        struct imgz_log *log, struct imgz_sink **result);

/* The block device behind 'handle' (io/file/handle.h). */
IMGZ_MUST_CHECK int imgz_sink_device_open(const struct imgz_sink_config *config, int handle,
                                          struct imgz_latch *latch, struct imgz_log *log,
                                          struct imgz_sink **result);

/* Standard output, with a handle of -1, or the FIFO or character device behind it. */
IMGZ_MUST_CHECK int imgz_sink_stream_open(const struct imgz_sink_config *config, int handle,
                                          struct imgz_latch *latch, struct imgz_log *log,
                                          struct imgz_sink **result);

/* ---- Appending without buffers ------------------------------------------------------------ */

/* 'bytes' writes at once what is appended; there is nothing else to do. */
IMGZ_MUST_CHECK int imgz_append_open_plain(struct imgz_sink *sink, struct imgz_pipeline *pipeline,
                                           int (*bytes)(struct imgz_append *append,
                                                        const void *data, uint64_t bytes),
                                           struct imgz_append **result);

/* ---- Writers of local kinds --------------------------------------------------------------- */

IMGZ_MUST_CHECK int imgz_append_open_file(struct imgz_sink *sink, struct imgz_pipeline *pipeline,
                                          struct imgz_append **result);
IMGZ_MUST_CHECK int imgz_sparse_open_local(struct imgz_sink *sink, struct imgz_pipeline *pipeline,
                                           uint64_t raw_bytes, struct imgz_sparse **result);

#endif /* IMGZ_SINK_OPS_H */
