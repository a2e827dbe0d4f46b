/* SPDX-License-Identifier: MIT */
#include "job/common/warn.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"

void imgz_warn(struct imgz_job *job, const char *code, const char *format, ...)
{
    struct imgz_warning warning = {0};
    va_list args;

    va_start(args, format);
    (void)vsnprintf(warning.text, sizeof(warning.text), format, args);
    va_end(args);
    imgz_text_copy(warning.code, sizeof(warning.code), code);
    if (job->report.warning_count < IMGZ_WARNINGS_MAX)
        job->report.warnings[job->report.warning_count++] = warning;
    if (job->options.warning != NULL)
        job->options.warning(warning.text, job->options.warning_context);
}
