/* SPDX-License-Identifier: MIT */
/*
 * What a kind of source is made of: a table of operations, and what all kinds have in common.
 *
 * Place: for io/source alone. Others include source.h.
 *
 * A new kind is one file: it allocates a structure that begins with a struct imgz_source, calls
 * imgz_source_init() on that, fills in its own members, and is added to imgz_source_open(). No job
 * changes.
 *
 * Threads    read_at and next_extent from several at once, on different ranges; the rest by one.
 * Ownership  close() ends what the kind has opened and frees the structure.
 * Errors     a negative errno, not raised.
 */
#ifndef IMGZ_SOURCE_OPS_H
#define IMGZ_SOURCE_OPS_H

#include "io/remote/address.h"
#include "io/source/source.h"

struct imgz_encoded_range {
    uint64_t from_bytes;
    uint64_t end_bytes;
    uint32_t chunk_bytes;
    uint64_t zero_bytes_max;
    uint64_t stored_bytes_max; /* of a slot's stored buffer */
    struct imgz_encoding encoding;
};

struct imgz_source_ops {
    const char *kind; /* recorded in images: "file", "device", "stream" */

    /* Random access: all 'bytes' at 'offset', or fewer at the end. NULL for a stream. */
    int (*read_at)(const struct imgz_source *source, uint64_t offset, void *buffer, size_t bytes,
                   size_t *done_bytes);

    /* A stream: the next 'bytes', or fewer at its end. -ECANCELED when 'wake_fd' becomes readable.
     * NULL with random access. */
    int (*read_next)(struct imgz_source *source, int wake_fd, void *buffer, size_t bytes,
                     size_t *done_bytes);

    /* The first data at or after 'from'; offset = end = size if none follows. NULL: no holes. */
    int (*next_extent)(const struct imgz_source *source, uint64_t from, struct imgz_extent *result);

    /* Of a device: what the system it is at knows of it. NULL: nothing. */
    void (*describe)(const struct imgz_source *source, struct imgz_device *device);

    /* Makes reads of any alignment possible. NULL: they always are. */
    void (*use_cache)(struct imgz_source *source);

    /*
     * Chunks and runs of zeros in disk order, read and encoded where they lie. begin() says which;
     * next() fills a slot with one, as its worker would: 1, or 0 after the last. Nothing else is
     * read meanwhile. Called with IMGZ_SOURCE_ENCODES only.
     */
    int (*begin_encoded)(struct imgz_source *source, const struct imgz_encoded_range *range);
    int (*next_encoded)(struct imgz_source *source, struct imgz_slot *slot);

    void (*close)(struct imgz_source *source);
};

struct imgz_source {
    const struct imgz_source_ops *ops;
    const char *path;        /* for people; "standard input" */
    char *own_path;          /* the same, if it is the source's own; or NULL */
    enum imgz_stage stage;   /* the stage of its errors */
    uint64_t size_bytes;     /* IMGZ_SIZE_UNKNOWN: a stream */
    uint64_t data_bytes_max; /* no more of it is data; IMGZ_SIZE_UNKNOWN: all may be */
    uint32_t sector_bytes;   /* the least of it that can be unreadable */
    uint32_t traits;         /* of enum imgz_source_trait */
    uint32_t retry_count;
    enum imgz_on_error on_error;
    struct imgz_watchdog *watchdog;          /* NULL: reads may take forever */
    const struct imgz_range_list *known_bad; /* NULL: nothing */

    /* A descriptor that a ring may read at the source's offsets, and that fadvise(2) knows; -1:
     * there is none, and workers call read_at(). For io/source alone. */
    int fd;

    /* Valid with IMGZ_SOURCE_LOCAL. */
    struct stat status;

    /* What was peeked at in a stream, and is still to be read. */
    unsigned char peeked[IMGZ_SOURCE_PEEK_BYTES];
    size_t peeked_bytes;
};

/* Everything that 'config' says, no descriptor, size unknown, sectors of IMGZ_BLOCK_BYTES. */
void imgz_source_init(struct imgz_source *source, const struct imgz_source_ops *ops,
                      const struct imgz_source_config *config);

/* ---- Kinds -------------------------------------------------------------------------------- */

/* A path of this system, or "-": a regular file, a block device, or anything else as a stream. */
IMGZ_MUST_CHECK int imgz_source_local_open(const struct imgz_source_config *config,
                                           struct imgz_source **result);

/* The file or device behind 'fd', past the page cache if it can be, otherwise with the cache
 * dropped. */
IMGZ_MUST_CHECK int imgz_source_local_open_fd(int fd, const struct imgz_source_config *config,
                                              struct imgz_source **result);

/* A file or device of another host. Raised. */
IMGZ_MUST_CHECK int imgz_source_remote_open(const struct imgz_source_config *config,
                                            const struct imgz_address *address,
                                            struct imgz_latch *latch, struct imgz_log *log,
                                            struct imgz_source **result);

#endif /* IMGZ_SOURCE_OPS_H */
