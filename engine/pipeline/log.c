/* SPDX-License-Identifier: MIT */
#include "pipeline/log.h"

#include <stdarg.h>
#include <stdio.h>

void imgz_log_init(struct imgz_log *log, imgz_log_fn listener, void *context)
{
    log->listener = listener;
    log->context = context;
    log->silenced = false;
    imgz_mutex_init(&log->lock);
}

void imgz_log_fini(struct imgz_log *log)
{
    imgz_mutex_fini(&log->lock);
}

void imgz_log_line(struct imgz_log *log, const char *format, ...)
{
    char line[1024];
    va_list args;

    if (log->listener == NULL)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    imgz_mutex_lock(&log->lock);
    if (!log->silenced)
        log->listener(line, log->context);
    imgz_mutex_unlock(&log->lock);
}

void imgz_log_silence(struct imgz_log *log)
{
    imgz_mutex_lock(&log->lock);
    log->silenced = true;
    imgz_mutex_unlock(&log->lock);
}
