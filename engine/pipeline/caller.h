/* SPDX-License-Identifier: MIT */
/*
 * The program that called a job, while the job runs: it is told how far that is, and asked whether
 * to go on.
 *
 * Threads    the caller's, never under a lock.
 */
#ifndef IMGZ_CALLER_H
#define IMGZ_CALLER_H

#include <imgz/imgz.h>

#include "base/base.h"

/* A callback sees so many bytes, those behind the struct being zero: one that was compiled with a
 * newer header finds what this library does not tell as 0. */
#define IMGZ_CALLER_PROGRESS_BYTES 512u

struct imgz_caller {
    imgz_progress_fn progress; /* NULL: is not told */
    void *context;
    const struct imgz_cancel *cancel; /* NULL: cannot ask from elsewhere */
};

/* Tells 'progress'; true if the job is to stop, by the answer or by 'cancel'. */
bool imgz_caller_stops(const struct imgz_caller *caller, const struct imgz_progress *progress);

#endif /* IMGZ_CALLER_H */
