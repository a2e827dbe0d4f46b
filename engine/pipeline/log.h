/* SPDX-License-Identifier: MIT */
/*
 * Tells the caller what happens, line by line (imgz_log_fn).
 *
 * Threads    any; lines are reported one at a time.
 * Errors     none. Without a listener nothing is formatted.
 */
#ifndef IMGZ_LOG_H
#define IMGZ_LOG_H

#include <imgz/imgz.h>

#include "base/mutex.h"

struct imgz_log {
    /* Set before any thread starts. */
    imgz_log_fn listener; /* may be NULL */
    void *context;

    struct imgz_mutex lock; /* held while the listener runs */
    bool silenced;          /* guarded by lock */
};

void imgz_log_init(struct imgz_log *log, imgz_log_fn listener, void *context);
void imgz_log_fini(struct imgz_log *log);
void imgz_log_line(struct imgz_log *log, const char *format, ...) IMGZ_PRINTF(2, 3);

/* From now on no thread calls the listener. */
void imgz_log_silence(struct imgz_log *log);

#endif /* IMGZ_LOG_H */
