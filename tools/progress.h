/* SPDX-License-Identifier: MIT */
/*
 * What a running job shows on standard error, and the place where it learns of a signal.
 *
 * Threads    the display is written by the thread that runs the job, log lines by any of the job's
 *            threads, one at a time. The two share nothing that changes: each line is one write().
 * Cost       a call formats one line at most five times a second; without a display it only looks
 *            at a flag.
 */
#ifndef IMGZ_TOOLS_PROGRESS_H
#define IMGZ_TOOLS_PROGRESS_H

#include <stdint.h>

#include <imgz/imgz.h>

#include "forecast.h"
#include "options.h"

struct progress {
    const char *verb; /* the command's name */
    enum progress_mode mode;
    uint64_t shown_ns;     /* when the last display was; 0: none yet */
    enum imgz_phase phase; /* of the last call */
    struct forecast forecast;
};

/* Chooses the display and sets its callback, and with --verbose that of the log, in 'job'.
 * 'progress' must stay where it is until the job has returned. */
void progress_attach(struct progress *progress, const struct options *options,
                     struct imgz_options *job);

/* Removes the bar. */
void progress_detach(struct progress *progress);

#endif /* IMGZ_TOOLS_PROGRESS_H */
