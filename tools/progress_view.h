/* SPDX-License-Identifier: MIT */
/*
 * How far a job is, as text: for people, at a terminal or in a log, and for programs.
 */
#ifndef IMGZ_TOOLS_PROGRESS_VIEW_H
#define IMGZ_TOOLS_PROGRESS_VIEW_H

#include <stddef.h>
#include <stdio.h>

#include "forecast.h"

struct progress_view {
    const char *verb; /* the command's name */
    const struct imgz_progress *at;
    const struct forecast_figures *figures;
};

/* The line of a terminal that is 'columns' wide, without its end. */
void progress_view_bar(FILE *line, const struct progress_view *view, size_t columns);

/* A line of a log, without its newline. */
void progress_view_line(FILE *line, const struct progress_view *view);

/* One JSON object, without a newline. */
void progress_view_json(FILE *line, const struct progress_view *view);

#endif /* IMGZ_TOOLS_PROGRESS_VIEW_H */
