/* SPDX-License-Identifier: MIT */
/*
 * Where a job's result goes: an image, or a restored disk.
 *
 * A sink is one of several kinds (sink_ops.h): a new file under a temporary name, an existing block
 * device, a stream, or nothing. Jobs do not ask which; they ask for traits. What is written goes
 * through one of two writers: from front to back (append.h), or chunks in their places (sparse.h).
 *
 *     open -> append or sparse writer -> flush, by its finish() -> commit -> close
 *
 * close() before commit() abandons the result. A file then keeps what can be resumed, or is
 * complete, and removes anything else.
 *
 * Place: opened by the job, written by the drain, committed by the job.
 *
 * Threads    one at a time.
 * Errors     raised on the first-error latch, and returned.
 */
#ifndef IMGZ_SINK_H
#define IMGZ_SINK_H

#include "io/file/name.h"
#include "io/file/tempfile.h"
#include "io/source/source.h"
#include "pipeline/latch.h"
#include "pipeline/log.h"

enum imgz_sink_trait {
    IMGZ_SINK_RANDOM = 1u << 0, /* takes chunks at any offset: it has a sparse writer */
    IMGZ_SINK_DEVICE = 1u << 1, /* holds other data at first, and has a size */
    IMGZ_SINK_NAMED = 1u << 2,  /* appears under its name at commit() */
    IMGZ_SINK_LOCAL = 1u << 3,  /* a file, device or pipe of this system */
};

struct imgz_sink;

struct imgz_sink_config {
    const char *path;            /* must outlive the sink; "-": standard output */
    enum imgz_stage stage;       /* the stage of its errors */
    bool force;                  /* an existing file may be replaced */
    const struct stat *replaces; /* with force, only this file may be; NULL: any */
    bool resume;                 /* what an interrupted run left is taken over, if there is any */
    bool discard;                /* ... is replaced; with neither, it is refused */
    bool keep; /* what this run leaves can be resumed: close() keeps it if it is worth it */
    uint32_t head_bytes;            /* losing this many of its bytes does not matter */
    imgz_tempfile_begins_fn begins; /* recognizes what was left, too; may be NULL */
    bool device_allowed;            /* restore: yes; an image needs a file */
    const char *why_no_stream;      /* "is a pipe ...": refuse one, before waiting for it */
    uint32_t no_stream_flag;        /* the flag that is the reason */
    bool direct_wanted;             /* write past the page cache where the file system can */
    uint64_t need_bytes;            /* a device must hold this; IMGZ_SIZE_UNKNOWN: not known yet */
    uint64_t room_bytes;            /* a file needs at most this, without holes; 0: not known */
    bool dry_run;                   /* check all, make and write nothing; gives a null sink */
    bool map_kept;                  /* a map goes with the file while it is written */
    const struct stat *source;      /* must not be the same file; NULL: no local file is read */
    uint32_t file_mode;             /* of a file, once complete; 0: nobody else may read it */
    uint32_t overrides;             /* of enum imgz_override */

    /* For a device, see target.h. */
    uint64_t data_bytes;
    int source_fd; /* what is read: must not be, or lie on, the device */
};

/* On failure nothing is held and no file is left. */
IMGZ_MUST_CHECK int imgz_sink_open(const struct imgz_sink_config *config, struct imgz_latch *latch,
                                   struct imgz_log *log, struct imgz_sink **result);

/* A sink that takes everything and keeps nothing: of any size, under a name for people. 0, or
 * -ENOMEM. */
IMGZ_MUST_CHECK int imgz_sink_open_null(const struct imgz_sink_config *config,
                                        struct imgz_latch *latch, struct imgz_log *log,
                                        struct imgz_sink **result);

/* Abandons what was not committed, and adds what is left of it to the error of a job that failed.
 * Accepts NULL. */
void imgz_sink_close(struct imgz_sink *sink);

/* ---- What it is --------------------------------------------------------------------------- */

bool imgz_sink_is(const struct imgz_sink *sink, enum imgz_sink_trait trait);
const char *imgz_sink_path(const struct imgz_sink *sink); /* for people; "standard output" */

/* Where it is until commit(), for people; path() if it has no temporary name. */
const char *imgz_sink_partial_path(const struct imgz_sink *sink);

/* 'offset' in it, for errors. */
struct imgz_location imgz_sink_location(const struct imgz_sink *sink, uint64_t offset);

uint64_t imgz_sink_size(const struct imgz_sink *sink); /* of a device; else IMGZ_SIZE_UNKNOWN */

/* Zeros at the end of the disk that do not fit on a device. */
uint64_t imgz_sink_left_out_bytes(const struct imgz_sink *sink);

/* Whether it holds what an interrupted run wrote, and whether that was marked (see below). */
bool imgz_sink_taken_over(const struct imgz_sink *sink);
bool imgz_sink_marked(const struct imgz_sink *sink);

/* Dry run: free bytes where a file would be, or IMGZ_SIZE_UNKNOWN; and bytes that would be taken
 * over. */
uint64_t imgz_sink_room_bytes(const struct imgz_sink *sink);
uint64_t imgz_sink_partial_bytes(const struct imgz_sink *sink);

/* For a map that is kept while the file is written, and goes with it; NULL unless named. */
const struct imgz_name *imgz_sink_map_name(const struct imgz_sink *sink);

/* For rights, placement and what only a local file or device can be asked; -1 for others. Never
 * write to it. */
int imgz_sink_local_fd(const struct imgz_sink *sink);
int imgz_sink_folder_fd(const struct imgz_sink *sink);

/* Opens what was written, to read it back. Only with IMGZ_SINK_RANDOM. */
IMGZ_MUST_CHECK int imgz_sink_reopen(const struct imgz_sink *sink, struct imgz_source **result);

/* ---- Ending it ---------------------------------------------------------------------------- */

/* Before anything is written: discards what a device holds. Returns how many bytes; 0 if it
 * cannot. */
uint64_t imgz_sink_discard(struct imgz_sink *sink);

/* Brings everything to stable storage. The first failure is final: later calls of fsync() may
 * report success for data that was lost. */
IMGZ_MUST_CHECK int imgz_sink_flush(struct imgz_sink *sink);

/* Before something that is not quite right is written to a file: marks it until commit(), on stable
 * storage, for a run that takes it over (tempfile.h). A mark that cannot be made is no error. */
IMGZ_MUST_CHECK int imgz_sink_mark(struct imgz_sink *sink);

/* A device: all of the disk is on it, flushed and checked; what follows may fail without loss. */
void imgz_sink_set_whole(struct imgz_sink *sink);

/* What was written is of no use to a later run: close() does not keep it. */
void imgz_sink_set_useless(struct imgz_sink *sink);

/* After flush: closes, and gives a file its final name. */
IMGZ_MUST_CHECK int imgz_sink_commit(struct imgz_sink *sink);

/* True if close() will leave a file that was not committed: one that is complete and could not get
 * its name, or one that can be resumed, has something in it, and did not prove to be bad. */
bool imgz_sink_keeps(const struct imgz_sink *sink);

#endif /* IMGZ_SINK_H */
