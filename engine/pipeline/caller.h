/* SPDX-License-Identifier: MIT */
/*
 * The program that called a job, while the job runs: it is told how far the job is, and asked
 * whether to go on.
 *
 * Threads    the caller's, never under a lock.
 */
#ifndef IMGZ_CALLER_H
#define IMGZ_CALLER_H

#include <imgz/imgz.h>

#include "base/base.h"

/* A callback can read this many bytes; those after the struct are zero. So a program that was
 * compiled with a newer header reads members that this library does not know as 0. */
#define IMGZ_CALLER_PROGRESS_BYTES 512u

struct imgz_caller {
    imgz_progress_fn progress; /* NULL: none */
    void *context;
    const struct imgz_cancel *cancel; /* NULL: none */
};

/* Passes on 'progress'. True if the job must stop: the answer or 'cancel' says so. */
bool imgz_caller_stops(const struct imgz_caller *caller, const struct imgz_progress *progress);

#endif /* IMGZ_CALLER_H */
