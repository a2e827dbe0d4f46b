/* SPDX-License-Identifier: MIT */
/*
 * What a job reads: a raw disk or an image. Opened for reading only, always.
 *
 * A source is one of several kinds (source_ops.h). Jobs do not ask which; they ask for traits.
 *
 * Threads    opened and closed by the job; read as each function says.
 * Errors     raised on the first-error latch, and returned, unless a function says otherwise.
 */
#ifndef IMGZ_SOURCE_H
#define IMGZ_SOURCE_H

#include <sys/stat.h>

#include "base/range_list.h"
#include "io/aio/read_ahead.h"
#include "io/remote/reach.h"
#include "io/source/extent.h"
#include "pipeline/latch.h"
#include "pipeline/log.h"
#include "pipeline/slot.h"
#include "pipeline/watchdog.h"

/* How much of a source can be peeked at. */
#define IMGZ_SOURCE_PEEK_BYTES 64u

enum imgz_source_trait {
    IMGZ_SOURCE_RANDOM = 1u << 0,  /* its size is known, and it can be read at any offset */
    IMGZ_SOURCE_HOLES = 1u << 1,   /* it may tell holes from data; without: all is data */
    IMGZ_SOURCE_DIRECT = 1u << 2,  /* read past the page cache, in aligned blocks */
    IMGZ_SOURCE_DEVICE = 1u << 3,  /* its size is that of a drive, not of what is on it */
    IMGZ_SOURCE_LOCAL = 1u << 4,   /* a file, device or pipe of this system */
    IMGZ_SOURCE_ENCODES = 1u << 5, /* it can do the workers' part: see enum imgz_encoding_kind */
};

/* What a source can do of the workers' part, where what it reads lies: imgz on another host. */
enum imgz_encoding_kind {
    IMGZ_ENCODING_NONE,     /* raw bytes are wanted */
    IMGZ_ENCODING_HASHES,   /* the hash of each chunk, and no more */
    IMGZ_ENCODING_SEGMENTS, /* ... and its note and segment */
};

struct imgz_encoding {
    enum imgz_encoding_kind kind;
    int level;
    enum imgz_hash_kind hash;
};

struct imgz_source;

struct imgz_source_config {
    const char *path; /* copied by imgz_source_open(); for reopen it must outlive the source */
    enum imgz_stage stage;
    enum imgz_direct direct;
    uint32_t retry_count;           /* of a sector that cannot be read */
    enum imgz_on_error on_error;    /* ZERO: only for a raw disk, whose slots record what is bad */
    struct imgz_watchdog *watchdog; /* must outlive the source; NULL: reads may take forever */
    struct imgz_reach reach;        /* how another host is reached */
};

IMGZ_MUST_CHECK int imgz_source_open(const struct imgz_source_config *config,
                                     struct imgz_latch *latch, struct imgz_log *log,
                                     struct imgz_source **result);

/* Opens the file or device behind 'fd' once more, to read what was written there: past the page
 * cache if it can be, otherwise with the cache dropped first. 'path' is its name for people. */
IMGZ_MUST_CHECK int imgz_source_reopen(int fd, const char *path, struct imgz_latch *latch,
                                       struct imgz_log *log, struct imgz_source **result);

/* Another description of the file behind 'fd', past the page cache if possible: '*direct' says so.
 * A descriptor, or -errno. */
int imgz_source_open_again(int fd, bool *direct);

void imgz_source_close(struct imgz_source *source); /* accepts NULL */

/* ---- What it is --------------------------------------------------------------------------- */

bool imgz_source_is(const struct imgz_source *source, enum imgz_source_trait trait);
const char *imgz_source_kind(const struct imgz_source *source); /* "file", "device", "stream" */
const char *imgz_source_path(const struct imgz_source *source); /* for people */
uint64_t imgz_source_size(const struct imgz_source *source);    /* or IMGZ_SIZE_UNKNOWN */
uint32_t imgz_source_sector_bytes(const struct imgz_source *source);

/* How much of a random source may be data: the rest is certainly holes. */
uint64_t imgz_source_data_bytes_max(const struct imgz_source *source);

/* What the system that a device is at knows of it: model, serial, sectors. False: it is none. */
bool imgz_source_describe(const struct imgz_source *source, struct imgz_device *device);

/* 'offset' in it, for errors. */
struct imgz_location imgz_source_location(const struct imgz_source *source, uint64_t offset);

/* As it was when it was opened; NULL unless it is local. */
const struct stat *imgz_source_status(const struct imgz_source *source);

/* A local source's descriptor, for rights, placement and comparing with other files; -1 for others.
 * Never read from it. */
int imgz_source_local_fd(const struct imgz_source *source);

/* ---- Settings: before it is read ---------------------------------------------------------- */

/* The stage of its errors, for a disk that turns out to be an image. */
void imgz_source_set_stage(struct imgz_source *source, enum imgz_stage stage);

/* What an earlier run found bad: with ON_ERROR_ZERO it counts as bad again and is not tried. The
 * list must outlive the source. */
void imgz_source_set_known_bad(struct imgz_source *source, const struct imgz_range_list *list);

/* From now on reads may have any alignment: direct I/O is given up. */
void imgz_source_use_cache(struct imgz_source *source);

/* ---- Reading ------------------------------------------------------------------------------ */

/* The first bytes of a source, at most IMGZ_SOURCE_PEEK_BYTES; '*done_bytes' is less than 'bytes'
 * if it is shorter. A stream will give them again, until imgz_source_drop_peeked(). */
IMGZ_MUST_CHECK int imgz_source_peek(struct imgz_source *source, struct imgz_latch *latch,
                                     unsigned char *buffer, size_t bytes, size_t *done_bytes);
void imgz_source_drop_peeked(struct imgz_source *source);

/* Reads on in a stream: all bytes, or fewer at its end. Not raised: the caller knows the offset. */
IMGZ_MUST_CHECK int imgz_source_read(struct imgz_source *source, struct imgz_latch *latch,
                                     void *buffer, size_t bytes, size_t *done_bytes);

/*
 * Reads at an offset: all bytes, or fewer at the end. Not raised. Any thread.
 *
 * Cached bytes need only be copied. If the feeder did that, or a ring that it drives, one processor
 * would copy for all: scaling would end at 6 GB/s, and workers would find the bytes in another
 * processor's cache. So a feeder leaves such reads to the workers (slot->read_deferred), and asks
 * the kernel ahead for what is not cached yet (read_ahead.h).
 */
IMGZ_MUST_CHECK int imgz_source_read_at(const struct imgz_source *source, uint64_t offset,
                                        void *buffer, size_t bytes, size_t *done_bytes);

/* The same while no slots are under way, with the source's watchdog: for a thread that may be left
 * behind (pipeline/threads.h). Aligned for direct I/O. */
IMGZ_MUST_CHECK int imgz_source_read_watched(const struct imgz_source *source, uint64_t offset,
                                             void *buffer, size_t bytes, size_t *done_bytes);

/* The first data at or after 'from', which is within a random source; offset = end = size if only
 * a hole follows. Not raised. One thread at a time. */
IMGZ_MUST_CHECK int imgz_source_next_extent(const struct imgz_source *source, uint64_t from,
                                            struct imgz_extent *result);

/* For reading through a random source in order: see read_ahead.h. */
struct imgz_read_ahead imgz_source_read_ahead(const struct imgz_source *source);

/*
 * For a worker: reads 'bytes' at 'offset' for a slot whose read is deferred: because it is left to
 * the worker, or because a direct read of it failed. What cannot be read is read again alone,
 * sector by sector (rescue.h). The source's on_error decides about a sector that cannot be read at
 * all: either it becomes zeros and is marked in slot->unreadable_map, or the slot gets
 * IMGZ_FAULT_READ, to be reported in disk order. If nothing of the source can be read any more, it
 * is gone: that is noted as -ENODEV.
 */
void imgz_source_fetch(const struct imgz_source *source, uint64_t offset, void *buffer,
                       size_t bytes, struct imgz_slot *slot);

/* True if some of the 'bytes' at 'offset' are known to be bad and must not be tried. Then only
 * fetch may read there. */
bool imgz_source_knows_bad(const struct imgz_source *source, uint64_t offset, uint64_t bytes);

#endif /* IMGZ_SOURCE_H */
