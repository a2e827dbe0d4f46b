/* SPDX-License-Identifier: MIT */
/*
 * How fast a job is, and how long it will take: computed from its events (struct imgz_progress)
 * alone. It reads no clock and writes nothing, so recorded jobs can be replayed.
 *
 * Each phase is forecast by itself, with a clock of its own.
 */
#ifndef IMGZ_TOOLS_FORECAST_H
#define IMGZ_TOOLS_FORECAST_H

#include <stdbool.h>
#include <stdint.h>

#include <imgz/imgz.h>

/* How many moments are kept for the current speed: about three seconds of them. */
#define FORECAST_MOMENTS 16

#define FORECAST_PERCENT_UNKNOWN UINT32_MAX

struct forecast_moment {
    uint64_t elapsed_ns;
    uint64_t work_bytes;  /* done by this run */
    uint64_t blank_bytes; /* of these */
};

/* Sums over the steps of a phase: see forecast.c. */
struct forecast_sums {
    double data_bytes;
    double blank_bytes;
    double ns;
};

struct forecast_fit {
    struct forecast_moment last; /* where the next step begins */
    struct forecast_sums all;
    struct forecast_sums blank; /* the same, each step weighted by its share of blanks */
};

/* All zero: before the first event. */
struct forecast {
    struct imgz_progress at; /* the last event */
    bool begun;
    uint64_t phase_start_ns;           /* in elapsed time, as all here */
    struct forecast_moment work_start; /* after what an earlier run has done already */
    uint64_t moment_count;             /* of this phase; the last FORECAST_MOMENTS are kept */
    struct forecast_moment moments[FORECAST_MOMENTS];
    struct forecast_fit fit;
};

struct forecast_figures {
    uint64_t phase_ns;
    uint32_t percent;             /* of the work; below 100 while there is any, or UNKNOWN */
    uint64_t now_bytes, now_ns;   /* of work: in the last three seconds or so */
    uint64_t mean_bytes, mean_ns; /* in all of the phase */
    uint64_t left_seconds;        /* of the phase, at least 1; or IMGZ_SIZE_UNKNOWN */
};

/* The next event. */
void forecast_add(struct forecast *forecast, const struct imgz_progress *at);

/* As of the last event. */
struct forecast_figures forecast_figures(const struct forecast *forecast);

#endif /* IMGZ_TOOLS_FORECAST_H */
