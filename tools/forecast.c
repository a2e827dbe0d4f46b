/* SPDX-License-Identifier: MIT */
/*
 * The time left is what remains at the average of two speeds: the mean, and that of the last three
 * seconds. The mean alone is slow to notice that a drive's inner tracks are slower, and the other
 * alone jumps with whatever is read just now.
 *
 * Both count the work of this run alone. What an earlier run did is passed over at a speed that
 * says nothing about the rest; so until there is work of its own nothing is foretold, and the clock
 * of the mean starts with it.
 */
#include "forecast.h"

#define NS_PER_S  ((uint64_t)1000000000)
#define MOMENT_NS (NS_PER_S / 5)

/* Too early to say. */
#define FORETELL_NS_MIN NS_PER_S

/* Of this run alone. */
static uint64_t own_work(const struct imgz_progress *at)
{
    return at->work_bytes_done > at->work_bytes_taken_over
               ? at->work_bytes_done - at->work_bytes_taken_over
               : 0;
}

static struct forecast_moment moment_of(const struct imgz_progress *at)
{
    return (struct forecast_moment){at->elapsed_ns, own_work(at)};
}

/* The first begins with the job; the last is no phase, but the sum of all. */
static void begin_phase(struct forecast *forecast, const struct imgz_progress *at)
{
    const bool from_start = !forecast->begun || at->phase == IMGZ_PHASE_FINISH;

    *forecast = (struct forecast){.begun = true};
    if (from_start)
        return;
    forecast->phase_start_ns = at->elapsed_ns;
    forecast->work_start = moment_of(at);
}

static void keep_moment(struct forecast *forecast, struct forecast_moment moment)
{
    struct forecast_moment *last = NULL;

    if (forecast->moment_count > 0)
        last = &forecast->moments[(forecast->moment_count - 1) % FORECAST_MOMENTS];
    if (last != NULL && moment.elapsed_ns < last->elapsed_ns + MOMENT_NS)
        return;
    forecast->moments[forecast->moment_count % FORECAST_MOMENTS] = moment;
    forecast->moment_count += 1;
}

void forecast_add(struct forecast *forecast, const struct imgz_progress *at)
{
    const struct forecast_moment moment = moment_of(at);

    /* Less than before: it has begun anew, though it is called the same. */
    if (!forecast->begun || at->phase != forecast->at.phase ||
        at->elapsed_ns < forecast->at.elapsed_ns || moment.work_bytes < own_work(&forecast->at))
        begin_phase(forecast, at);
    if (moment.work_bytes == 0 && at->work_bytes_taken_over > 0)
        forecast->work_start = moment;
    forecast->at = *at;
    keep_moment(forecast, moment);
}

/* The oldest that is kept, but none before there was work. */
static struct forecast_moment oldest_moment(const struct forecast *forecast)
{
    struct forecast_moment oldest = forecast->work_start;

    if (forecast->moment_count >= FORECAST_MOMENTS)
        oldest = forecast->moments[forecast->moment_count % FORECAST_MOMENTS];
    return oldest.elapsed_ns > forecast->work_start.elapsed_ns ? oldest : forecast->work_start;
}

/* As far as there are phases whose end can be told. */
static bool is_measured(const struct imgz_progress *at)
{
    switch (at->phase) {
    case IMGZ_PHASE_COPY:
    case IMGZ_PHASE_CHECK:
    case IMGZ_PHASE_READ_BACK:
        return at->work_bytes_total != IMGZ_SIZE_UNKNOWN;
    case IMGZ_PHASE_OPEN:
    case IMGZ_PHASE_FLUSH:
    case IMGZ_PHASE_FINISH:
        break;
    }
    return false;
}

static uint32_t percent_of(const struct imgz_progress *at)
{
    double share;

    if (!is_measured(at))
        return FORECAST_PERCENT_UNKNOWN;
    if (at->work_bytes_done >= at->work_bytes_total)
        return 99;
    share = 100.0 * (double)at->work_bytes_done / (double)at->work_bytes_total;
    return share < 99 ? (uint32_t)share : 99;
}

static double per_ns(uint64_t bytes, uint64_t ns)
{
    return ns > 0 ? (double)bytes / (double)ns : 0;
}

static uint64_t left_seconds(const struct imgz_progress *at, const struct forecast_figures *figures)
{
    double speed, seconds;

    if (!is_measured(at) || figures->mean_ns < FORETELL_NS_MIN || figures->mean_bytes == 0 ||
        at->work_bytes_done >= at->work_bytes_total)
        return IMGZ_SIZE_UNKNOWN;
    speed = (per_ns(figures->now_bytes, figures->now_ns) +
             per_ns(figures->mean_bytes, figures->mean_ns)) /
            2;
    seconds = (double)(at->work_bytes_total - at->work_bytes_done) / speed / (double)NS_PER_S;
    if (seconds > 1e9)
        return IMGZ_SIZE_UNKNOWN;
    return (uint64_t)seconds + 1;
}

struct forecast_figures forecast_figures(const struct forecast *forecast)
{
    const struct imgz_progress *at = &forecast->at;
    const struct forecast_moment oldest = oldest_moment(forecast);
    struct forecast_figures figures = {
        .phase_ns = at->elapsed_ns - forecast->phase_start_ns,
        .percent = percent_of(at),
        .now_bytes = own_work(at) - oldest.work_bytes,
        .now_ns = at->elapsed_ns - oldest.elapsed_ns,
        .mean_bytes = own_work(at) - forecast->work_start.work_bytes,
        .mean_ns = at->elapsed_ns - forecast->work_start.elapsed_ns,
    };

    figures.left_seconds = left_seconds(at, &figures);
    return figures;
}
