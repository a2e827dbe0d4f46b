/* SPDX-License-Identifier: MIT */
/*
 * What a job reads: a raw disk or an image, as a regular file, a block device or a stream. Opened
 * for reading only, always.
 *
 * Threads    opened and closed by the job; read by its feeder.
 * Errors     raised on the first-error latch, and returned.
 */
#ifndef IMGZ_SOURCE_H
#define IMGZ_SOURCE_H

#include <sys/stat.h>

#include "base/range_list.h"
#include "pipeline/latch.h"
#include "pipeline/log.h"
#include "pipeline/slot.h"
#include "pipeline/watchdog.h"

enum imgz_source_kind {
    IMGZ_SOURCE_FILE,
    IMGZ_SOURCE_DEVICE,
    IMGZ_SOURCE_STREAM, /* no size, no offsets: a pipe, a terminal, standard input, /proc, /sys */
};

/* As much as the beginning of a source can be looked at. */
#define IMGZ_SOURCE_PEEK_BYTES 64u

struct imgz_source {
    enum imgz_source_kind kind;
    int fd;
    bool direct;           /* opened with O_DIRECT */
    const char *path;      /* the caller's; "standard input" for "-" */
    enum imgz_stage stage; /* what reading it is called in errors */
    uint64_t size_bytes;   /* IMGZ_SIZE_UNKNOWN for a stream */
    uint32_t sector_bytes; /* the least of it that can be unreadable */
    uint32_t retry_count;
    enum imgz_on_error on_error;
    struct imgz_watchdog *watchdog; /* of its reads; NULL: they may take for ever */
    struct stat status;

    /* What an earlier run found bad: it is taken for bad again, and not tried, with ON_ERROR_ZERO.
     * NULL: nothing. Set by whoever knows; must outlive the source. */
    const struct imgz_range_list *known_bad;

    /* What was peeked at in a stream, and is still to be read. */
    unsigned char peeked[IMGZ_SOURCE_PEEK_BYTES];
    size_t peeked_bytes;
};

struct imgz_source_config {
    const char *path; /* must outlive the source */
    enum imgz_stage stage;
    enum imgz_direct direct;
    uint32_t retry_count;           /* of a sector that cannot be read */
    enum imgz_on_error on_error;    /* ZERO: only of a raw disk, whose slots keep what is bad */
    struct imgz_watchdog *watchdog; /* must outlive the source; NULL: reads may take for ever */
};

/* 'source' may be uninitialized; on failure nothing is held. */
IMGZ_MUST_CHECK int imgz_source_open(const struct imgz_source_config *config,
                                     struct imgz_latch *latch, struct imgz_log *log,
                                     struct imgz_source *source);

/* The same for the file or device behind 'fd', to read what was written there: past the page cache
 * if it can be, otherwise with the cache dropped first. 'path' is its name for people. */
IMGZ_MUST_CHECK int imgz_source_reopen(int fd, const char *path, struct imgz_latch *latch,
                                       struct imgz_log *log, struct imgz_source *source);

/* Another description of the file behind 'fd', past the page cache if it can be, as '*direct'
 * tells. A descriptor, or -errno. */
int imgz_source_open_again(int fd, bool *direct);

void imgz_source_close(struct imgz_source *source);

/* The first bytes of a source, at most IMGZ_SOURCE_PEEK_BYTES; '*done_bytes' is less than 'bytes'
 * if it is shorter. A stream will give them again. */
IMGZ_MUST_CHECK int imgz_source_peek(struct imgz_source *source, struct imgz_latch *latch,
                                     unsigned char *buffer, size_t bytes, size_t *done_bytes);

/* Reads that follow may be of any alignment: direct I/O is given up if it was in use. */
void imgz_source_use_cache(struct imgz_source *source);

/* Reads on in a stream: all bytes, or fewer at its end. Not raised: the caller knows the offset. */
IMGZ_MUST_CHECK int imgz_source_read(struct imgz_source *source, struct imgz_latch *latch,
                                     void *buffer, size_t bytes, size_t *done_bytes);

/*
 * Reads at an offset of a file or device: all bytes, or fewer at its end. Not raised. Any thread.
 *
 * What is in the page cache is only a copy away, and a copy that the feeder makes, or a ring that
 * it drives, is made by one processor alone: at 6 GB/s it would be the end of all scaling, and the
 * worker would find the bytes in another processor's cache. So a feeder leaves such reads to the
 * workers (slot->read_deferred), and asks the kernel ahead for what is not cached yet
 * (read_ahead.h).
 */
IMGZ_MUST_CHECK int imgz_source_read_at(const struct imgz_source *source, uint64_t offset,
                                        void *buffer, size_t bytes, size_t *done_bytes);

/* The same while no slots are under way, with the source's deadline: for a thread that may be left
 * behind (pipeline/threads.h). Aligned for direct I/O. */
IMGZ_MUST_CHECK int imgz_source_read_watched(const struct imgz_source *source, uint64_t offset,
                                             void *buffer, size_t bytes, size_t *done_bytes);

/*
 * For a worker: reads 'bytes' at 'offset' for a slot that is unread: because it is left to the
 * worker, or because a direct read of it failed. What cannot be read is read again alone, sector
 * by sector (rescue.h). A sector that cannot be read at all is taken for zeros and marked in
 * slot->bad_map, or it is noted in the slot (IMGZ_FAULT_READ), to be told in disk order: as the
 * source's on_error has it. A source of which nothing can be read any more is gone: that is noted
 * as -ENODEV.
 */
void imgz_source_fetch(const struct imgz_source *source, uint64_t offset, void *buffer,
                       size_t bytes, struct imgz_slot *slot);

/* True if some of the 'bytes' at 'offset' are known to be bad, and are not to be tried: so nothing
 * is to be read there but by fetch. */
bool imgz_source_knows_bad(const struct imgz_source *source, uint64_t offset, uint64_t bytes);

/* The place of 'offset' in it, for errors. */
struct imgz_location imgz_source_location(const struct imgz_source *source, uint64_t offset);

#endif /* IMGZ_SOURCE_H */
