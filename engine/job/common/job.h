/* SPDX-License-Identifier: MIT */
/*
 * What every job has: checked options, a log, a first-error latch, a pipeline with its threads, and
 * at the end a report and an error.
 *
 * A job's page reads: begin; open what is read and written; run the threads; commit; end.
 *
 * Threads    the caller's.
 * Errors     raised on job->stop, and returned.
 */
#ifndef IMGZ_JOB_H
#define IMGZ_JOB_H

#include <imgz/imgz.h>

#include "base/range_list.h"
#include "image/totals.h"
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
};

/* One of them: what its caller gave. */
struct imgz_job_request {
    enum imgz_job_kind kind;
    const struct imgz_options *options; /* NULL: the defaults */
    struct imgz_report *report;         /* NULL: not wanted; so for the next */
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
    uint32_t slot_count;     /* before: where nothing is short */
    bool worker_count_fixed; /* the first run decides it: what workers have is made once */
    uint32_t chunk_bytes;
    uint64_t raw_bytes_total; /* or IMGZ_SIZE_UNKNOWN */

    enum imgz_phase run_phase; /* what the next run is called in progress: COPY unless set */

    /* Filled in on the way by who finds it out; imgz_job_end() adds the figures of the whole job.
     * What the drain counts is its own while it runs, the warnings are the job's own thread's. */
    struct imgz_report report;
    struct imgz_totals_sum sum; /* complete if sum_done */
    bool sum_done;
    struct imgz_threads_usage usage; /* of all runs */
    uint64_t flush_ns;               /* of runs before the last */
    const char *io_name;
    struct imgz_range_list unreadable; /* owned by the drain while it runs */
    uint64_t unlisted_bytes;           /* unreadable, too, as an image says that lists only some */
    uint64_t unlisted_count;           /* in so many ranges */
};

/* Checks and completes the options. 'job' may be uninitialized. To be ended in any case. */
IMGZ_MUST_CHECK int imgz_job_begin(struct imgz_job *job, const struct imgz_job_request *request);

/* The options that 'options' (NULL: none) and the defaults make together. 0; -EINVAL: it was not
 * set up; -E2BIG: it has something set that is not known here. */
IMGZ_MUST_CHECK int imgz_job_complete_options(const struct imgz_options *options,
                                              struct imgz_options *result);

/* Gives the caller report and error and frees everything; nothing if a thread was left behind
 * (job->left). Returns 'rc', or -ECANCELED and the like as the latch has it. */
IMGZ_MUST_CHECK int imgz_job_end(struct imgz_job *job, int rc);

/* The end of a job that could not even be made. Returns 'rc'. */
int imgz_job_refuse(const struct imgz_job_request *request, int rc);

static inline bool imgz_job_has(const struct imgz_job *job, enum imgz_flag flag)
{
    return (job->options.flags & (uint32_t)flag) != 0;
}

/* The chunk hash that the options ask for; XXH3 unless they do. */
enum imgz_hash_kind imgz_job_hash(const struct imgz_job *job);

/* As the public header names it. */
enum imgz_chunk_hash imgz_job_hash_named(enum imgz_hash_kind hash);

/* -EINVAL, raised, if the options ask for another one than the image has. */
IMGZ_MUST_CHECK int imgz_job_check_hash(struct imgz_job *job, const char *image_path,
                                        enum imgz_hash_kind hash);

/* Opens what is read and written: what may block on a pipe, while a wish to cancel is heard. */
IMGZ_MUST_CHECK int imgz_job_call(struct imgz_job *job, int (*body)(void *context), void *context);

/* Decides where workers and slots go. Called by imgz_job_prepare(). */
IMGZ_MUST_CHECK int imgz_job_place(struct imgz_job *job);

/* Line and totals for chunks of tally_config->chunk_bytes. A job may run again: what the last run
 * used is given back. */
struct imgz_job_needs {
    struct imgz_totals_config totals;
    uint64_t raw_bytes;    /* of a slot's raw buffer, as far as the disk is so large; 0: none */
    uint64_t stored_bytes; /* of a slot's stored buffer; 0: none */
    uint64_t worker_bytes; /* of what a worker has, beside the usual */
    uint64_t index_bytes;  /* of what grows on the way, if that is known */
    uint64_t raw_bytes_total;
    struct imgz_meter_config meter;
    bool continues; /* the run before this one: its totals and figures count on */
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

/* For the drain, behind the last item: completes job->sum. */
void imgz_job_sum_up(struct imgz_job *job);

/* The last word to the progress callback of a job that succeeded. */
void imgz_job_finish(struct imgz_job *job);

/* "preparing: Cannot allocate memory; ...". */
IMGZ_MUST_CHECK int imgz_job_raise_memory(struct imgz_job *job);

#endif /* IMGZ_JOB_H */
