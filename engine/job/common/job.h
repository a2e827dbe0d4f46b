/* SPDX-License-Identifier: MIT */
/*
 * What every job has: checked options, a log, a first-error latch, a pipeline with its threads, and
 * at the end a report and an error.
 *
 * A job's page reads: begin; open what is read and written; run the threads; commit; end.
 *
 * Threads    the caller's.
 * Errors     raised on job->latch, and returned.
 */
#ifndef IMGZ_JOB_H
#define IMGZ_JOB_H

#include <imgz/imgz.h>

#include "base/range_list.h"
#include "image/totals.h"
#include "io/source/source.h"
#include "machine/memory.h"
#include "pipeline/threads.h"
#include "pipeline/watchdog.h"

/* The calls of the library that are jobs. */
enum imgz_job_kind {
    IMGZ_JOB_CAPTURE,
    IMGZ_JOB_RESTORE,
    IMGZ_JOB_VERIFY,
    IMGZ_JOB_HASH,
    IMGZ_JOB_BENCH,
    IMGZ_JOB_OPEN_IMAGE,
    IMGZ_JOB_TOPOLOGY,
    IMGZ_JOB_SERVE,
    IMGZ_JOB_SERVE_ENCODED,
};

/* One of them: what its caller gave. */
struct imgz_job_request {
    enum imgz_job_kind kind;
    const struct imgz_options *options; /* NULL: the defaults */
    struct imgz_report *report;         /* NULL: not wanted; the same for the next */
    struct imgz_error *error;
    const char *against; /* verify: what is compared, or NULL */
};

struct imgz_job {
    struct imgz_job_request request;
    struct imgz_options options; /* complete and checked */
    struct imgz_log log;
    struct imgz_latch *latch; /* NULL if even that could not be made */
    uint64_t start_ns;
    struct imgz_stopwatch stopwatch; /* for progress */
    struct imgz_machine *machine;

    /* What is read and written, for the placement; set by the job before imgz_job_prepare(). -1:
     * nothing, or not known. */
    int read_fd;
    int write_fd;

    /* See confined.h. */
    bool confined;
    int read_node; /* then: of the drive that is read, as the system counts nodes, or -1 */
    int write_node;

    struct imgz_memory memory; /* as it was when the job began */

    /* For reads that may hang; NULL without a timeout, then nothing is ever left behind. */
    struct imgz_watchdog *watchdog;
    const char *deadline_path; /* whose reads those are; set by the job */
    struct imgz_threads_left left;

    /* Made by imgz_job_prepare(). */
    struct imgz_placement *placement;
    struct imgz_pipeline *pipeline;
    struct imgz_totals *totals;
    uint32_t slot_count;     /* before: what it is if memory is not short */
    bool worker_count_fixed; /* the first run decides it: what workers have is made once */
    uint32_t chunk_bytes;
    uint64_t raw_bytes_total; /* or IMGZ_SIZE_UNKNOWN */

    enum imgz_phase run_phase; /* what the next run is called in progress: COPY unless set */

    /* Filled in on the way; imgz_job_end() adds the figures of the whole job. The drain owns what
     * it counts while it runs; the job's own thread owns the warnings. */
    struct imgz_report report;
    struct imgz_totals_sum sum; /* complete if sum_done */
    bool sum_done;
    struct imgz_threads_usage usage; /* of all runs */
    uint64_t flush_ns;               /* of runs before the last */
    const char *io_name;
    struct imgz_range_list unreadable; /* owned by the drain while it runs */
    uint64_t unlisted_bytes;           /* unreadable, too, in an image that lists only some */
    uint64_t unlisted_count;           /* ... in how many ranges */
};

/* Checks and completes the options. 'job' may be uninitialized. Call imgz_job_end() in any case. */
IMGZ_MUST_CHECK int imgz_job_begin(struct imgz_job *job, const struct imgz_job_request *request);

/* Completes 'options' (NULL: none) with the defaults. 0; -EINVAL: it was not set up; -E2BIG: it
 * sets something that is not known here. */
IMGZ_MUST_CHECK int imgz_job_complete_options(const struct imgz_options *options,
                                              struct imgz_options *result);

/* Gives the caller report and error and frees everything; nothing if a thread was left behind
 * (job->left). Returns 'rc', or the code that the latch has, such as -ECANCELED. */
IMGZ_MUST_CHECK int imgz_job_end(struct imgz_job *job, int rc);

/* The end of a job that could not even be made. Returns 'rc'. */
int imgz_job_refuse(const struct imgz_job_request *request, int rc);

static inline bool imgz_job_has(const struct imgz_job *job, enum imgz_flag flag)
{
    return (job->options.flags & (uint32_t)flag) != 0;
}

/* How the options have other hosts reached. */
struct imgz_reach imgz_job_reach(const struct imgz_job *job);

/* The chunk hash that the options ask for; XXH3 unless they do. */
enum imgz_hash_kind imgz_job_hash(const struct imgz_job *job);

/* As the public header names it. */
enum imgz_chunk_hash imgz_job_hash_named(enum imgz_hash_kind hash);

/* -EINVAL, raised, if the options ask for another one than the image has. */
IMGZ_MUST_CHECK int imgz_job_check_hash(struct imgz_job *job, const char *image_path,
                                        enum imgz_hash_kind hash);

/* Runs 'body', which opens what is read and written: it may block on a pipe, and can be cancelled
 * meanwhile. */
IMGZ_MUST_CHECK int imgz_job_call(struct imgz_job *job, int (*body)(void *context), void *context);

/* Opens a source: by imgz_job_call() if it is on another host, for only that may block. Otherwise
 * no thread of the job starts before imgz_confined_begin(). */
IMGZ_MUST_CHECK int imgz_job_open_source(struct imgz_job *job,
                                         const struct imgz_source_config *config,
                                         struct imgz_source **result);

/* Decides where workers and slots go. Called by imgz_job_prepare(). */
IMGZ_MUST_CHECK int imgz_job_place(struct imgz_job *job);

/* What imgz_job_prepare() makes pipeline and totals for. A job may run again: what the last run
 * used is freed. */
struct imgz_job_needs {
    struct imgz_totals_config totals;
    uint64_t raw_bytes;    /* of a slot's raw buffer, unless the disk is smaller; 0: none */
    uint64_t stored_bytes; /* of a slot's stored buffer; 0: none */
    uint64_t worker_bytes; /* of what a worker has, beside the usual */
    uint64_t index_bytes;  /* of what grows on the way, if that is known */
    uint64_t raw_bytes_total;
    struct imgz_meter_config meter;
    bool continues; /* ... the run before this one: its totals and figures go on */
};
IMGZ_MUST_CHECK int imgz_job_prepare(struct imgz_job *job, const struct imgz_job_needs *needs);

/* Runs the threads with these three bodies; 'context' is handed to each. */
struct imgz_job_bodies {
    int (*feed)(void *context, struct imgz_pipeline *pipeline);
    int (*work)(void *context, uint32_t worker_index, struct imgz_slot *slot);
    int (*drain)(void *context, struct imgz_pipeline *pipeline);
};
IMGZ_MUST_CHECK int imgz_job_run(struct imgz_job *job, const struct imgz_job_bodies *bodies,
                                 void *context);

/* For the drain: adds an item to the totals and the meter. */
void imgz_job_count(struct imgz_job *job, const struct imgz_slot *slot, uint64_t image_bytes_done);

/* For the drain, after the last item: completes job->sum. */
void imgz_job_sum_up(struct imgz_job *job);

/* The last call of the progress callback, for a job that succeeded. */
void imgz_job_finish(struct imgz_job *job);

/* "preparing: Cannot allocate memory; ...". */
IMGZ_MUST_CHECK int imgz_job_raise_memory(struct imgz_job *job);

#endif /* IMGZ_JOB_H */
