/* SPDX-License-Identifier: MIT */
/*
 * The threads of one job: a feeder, workers and a drain on a pipeline, and the caller's thread,
 * which waits for them, shows progress and passes on a request to cancel.
 *
 * A thread may be stuck in a read that the kernel does not end. The job reports that by 'stuck';
 * then the other threads get time to end, and this one is left behind. It may go on at any time, or
 * never: everything it knows of must stay as long as the process does.
 *
 * Threads    run() starts and joins them all, each on the processors that the pipeline's placement
 *            has for it; signals are left to the caller's thread.
 * Errors     run() returns what the first-error latch of the pipeline holds: 0, or the first
 *            error's code. A stage that fails must have raised its error, or return -ECANCELED.
 * Blocking   run() until everything has ended.
 */
#ifndef IMGZ_THREADS_H
#define IMGZ_THREADS_H

#include "base/stopwatch.h"
#include "pipeline/caller.h"
#include "pipeline/pipeline.h"

/* Which threads did not end. 'drain': the one that writes is among them, or the thread of a call.
 * Then what it writes must be left alone. */
struct imgz_threads_left {
    bool any;
    bool drain;
};

/* What the caller's thread does meanwhile. */
struct imgz_threads_watch {
    struct imgz_caller caller;
    uint32_t progress_interval_ms;
    uint64_t raw_bytes_total;
    struct imgz_stopwatch *stopwatch; /* the job's; NULL: it begins now */

    /* Asked once every interval: true once a thread is stuck, which was raised. May be NULL. */
    bool (*stuck)(void *context);
    void *stuck_context;
    struct imgz_threads_left *left; /* receives who was left behind; NULL only without 'stuck' */
};

/* Processor time the threads took, without that of kernel threads that worked for them. */
struct imgz_threads_usage {
    uint64_t feed_cpu_ns;
    uint64_t work_cpu_ns; /* of all workers */
    uint64_t drain_cpu_ns;
};

struct imgz_threads_plan {
    void *job; /* handed to the functions below */
    uint32_t worker_count;

    /* Runs once, in its own thread: takes free slots, fills them, feeds them. When it returns 0,
     * the pipeline is ended. */
    int (*feed)(void *job, struct imgz_pipeline *pipeline);

    /* Runs in a worker's thread for each slot; worker_index < worker_count. */
    int (*work)(void *job, uint32_t worker_index, struct imgz_slot *slot);

    /* Runs once, in its own thread: takes slots in order, gives them back. */
    int (*drain)(void *job, struct imgz_pipeline *pipeline);

    struct imgz_threads_watch watch;
};

/* 'usage' is filled in, as far as threads were started, unless one is left behind. */
IMGZ_MUST_CHECK int imgz_threads_run(const struct imgz_threads_plan *plan,
                                     struct imgz_pipeline *pipeline,
                                     struct imgz_threads_usage *usage);

/* Runs one function in a thread of its own, so that what may block (a pipe that says nothing yet)
 * can be cancelled too. 0, or what the latch holds; 'body' raises its errors. */
IMGZ_MUST_CHECK int imgz_threads_call(int (*body)(void *context), void *context,
                                      const struct imgz_threads_watch *watch,
                                      struct imgz_latch *latch);

/* Runs one function in a thread of its own and waits for it: for what needs more stack than the
 * caller may have. Returns the function's result, or why no thread could be started. */
IMGZ_MUST_CHECK int imgz_threads_call_deep(int (*body)(void *context), void *context);

#endif /* IMGZ_THREADS_H */
