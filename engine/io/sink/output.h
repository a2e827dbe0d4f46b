/* SPDX-License-Identifier: MIT */
/*
 * What a job writes: a new file under a temporary name, an existing block device, or a stream.
 *
 * A file is written under a temporary name (tempfile.h) and shown by commit(). Until then close()
 * keeps what can be gone on with, or is complete, and removes anything else. A device is opened
 * exclusively (target.h) and never renamed. A stream is standard output, a FIFO, or a character
 * device.
 *
 * Place: opened by the job, written by the drain, committed by the job.
 *
 * Threads    one at a time.
 * Errors     raised on the first-error latch, and returned.
 */
#ifndef IMGZ_OUTPUT_H
#define IMGZ_OUTPUT_H

#include "io/aio/aio.h"
#include "io/file/tempfile.h"
#include "pipeline/pipeline.h"

enum imgz_output_kind {
    IMGZ_OUTPUT_FILE,
    IMGZ_OUTPUT_DEVICE,
    IMGZ_OUTPUT_STREAM,
};

struct imgz_output_config {
    const char *path;            /* must outlive the output; "-": standard output */
    enum imgz_stage stage;       /* what writing it is called in errors */
    bool force;                  /* an existing file may be replaced */
    const struct stat *replaces; /* by force: it alone, and nothing else; NULL: any */
    const char *exists_advice;   /* without force; NULL: to use it */
    bool resume;                 /* NAME.partial is taken over if it is there */
    bool
        discard; /* what an interrupted run left in it is replaced; else, without resume, refused */
    bool keep;   /* what this run leaves can be gone on with: close() keeps it if it is worth it */
    uint32_t head_bytes;            /* of it so many are no loss */
    imgz_tempfile_begins_fn begins; /* what is left is known by this, too; may be NULL */
    bool device_allowed;            /* restore: yes; an image needs a file */
    const char *why_no_stream; /* "is a pipe ...": then one is refused, before it is waited for */
    bool direct_wanted;        /* also open it with O_DIRECT, if its file system can */
    uint64_t need_bytes;       /* a device must hold so much; IMGZ_SIZE_UNKNOWN: cannot tell yet */
    uint64_t room_bytes;       /* a file takes so much at most, apart from holes; 0: cannot tell */
    bool dry_run;  /* look at all, but make and write nothing: no file, no stream is open */
    bool map_kept; /* a map goes with the file while it is written */
    const struct stat *source; /* must not be the same file; NULL: nothing is read */
    uint32_t file_mode;        /* of a file, once complete; 0: nobody else may read it */

    uint32_t overrides; /* of enum imgz_override */

    /* For a device, see target.h. */
    uint64_t data_bytes;
    int source_fd; /* what is read: must not be, or lie on, the device */
};

struct imgz_output {
    enum imgz_output_kind kind;
    enum imgz_stage stage;
    const char *path;        /* the caller's; "standard output" for "-" */
    int fd;                  /* through the page cache */
    int direct_fd;           /* -1 if there is none */
    uint64_t size_bytes;     /* of a device; else IMGZ_SIZE_UNKNOWN */
    uint64_t left_out_bytes; /* zeros at the end of the disk, for which a device has no room */
    uint32_t file_mode;
    bool force;
    bool resume;
    bool keep; /* until the job finds that it is of no use */
    uint32_t head_bytes;
    uint64_t stored_bytes;     /* of a file: so many were written, some of them twice */
    uint64_t room_bytes;       /* dry run: free where a file would be; else IMGZ_SIZE_UNKNOWN */
    uint64_t partial_bytes;    /* dry run: of an interrupted run, that would be gone on with */
    bool begun;                /* whoever writes has begun to */
    bool whole;                /* of a device: all is written, flushed and checked */
    bool complete;             /* all is written, flushed and closed */
    bool committed;            /* and has its name */
    struct imgz_tempfile temp; /* of a file */
    struct imgz_latch *latch;
    struct imgz_log *log;
};

/* One that is not open. */
#define IMGZ_OUTPUT_NONE                                                                           \
    {                                                                                              \
        .fd = -1, .direct_fd = -1, .temp = IMGZ_TEMPFILE_NONE                                      \
    }

/* 'output' may be uninitialized; on failure nothing is held and no file is left. */
IMGZ_MUST_CHECK int imgz_output_open(const struct imgz_output_config *config,
                                     struct imgz_latch *latch, struct imgz_log *log,
                                     struct imgz_output *output);

/* The place of 'offset' in it, for errors. */
struct imgz_location imgz_output_location(const struct imgz_output *output, uint64_t offset);

/* Books the result of a write for the slot that owns it: gives the slot back to the pipeline when
 * it was the slot's last, or raises the failure. */
IMGZ_MUST_CHECK int imgz_output_book(struct imgz_output *output, struct imgz_pipeline *pipeline,
                                     const struct imgz_aio_result *result);

/* Brings everything to stable storage. The first failure is final: later calls of fsync() may
 * report success for data that was lost. */
IMGZ_MUST_CHECK int imgz_output_flush(struct imgz_output *output);

/* Before what is not quite right is written to a file: marks it, on stable storage, for a run that
 * takes it over (tempfile.h). Until commit(); a mark that cannot be made is no error. */
IMGZ_MUST_CHECK int imgz_output_mark(struct imgz_output *output);

/* After flush: closes, and gives a file its final name. */
IMGZ_MUST_CHECK int imgz_output_commit(struct imgz_output *output);

/* True if close() will leave a file that was not committed: one that is complete and could not get
 * its name, or one that can be gone on with, has something in it, and did not prove to be bad. */
bool imgz_output_keeps(const struct imgz_output *output);

/* Closes. A file that was not committed, and is not to be kept, is removed. Adds to the story of a
 * job that failed what is left of the output. Accepts an output in any state. */
void imgz_output_close(struct imgz_output *output);

#endif /* IMGZ_OUTPUT_H */
