/* SPDX-License-Identifier: MIT */
/*
 * The time left is what remains at the average of two speeds: the mean, and that of the last three
 * seconds. The mean alone is slow to notice that a drive's inner tracks are slower. The other alone
 * jumps about.
 *
 * Blanks are bytes that were read and turned out to be zeros. They take as long as other data if
 * the drive is the limit, and a fraction of that if the processors are. So there are two costs in
 * time per byte: a for data, and b for blanks. The phase is cut into steps of a fifth of a second
 * or more; s is the blank share of a step. The costs must account for the time of all steps, and
 * for the time of all steps weighted by s:
 *
 *     sum(ns)     = a sum(data)     + b sum(blank)
 *     sum(s * ns) = a sum(s * data) + b sum(s * blank)
 *
 * If each step has one kind only, a and b are the means of both kinds. Least squares would do
 * worse: chunks are finished in bursts, and noise in the byte counts makes its costs too small.
 * Until enough of both kinds was read, or if they are always mixed, a and b are both the mean.
 *
 * Both count the work of this run alone. What an earlier run did is skipped at a speed that says
 * nothing about the rest. So there is no forecast until this run has done work, and the clock of
 * the mean starts with that.
 */
#include "forecast.h"

#define NS_PER_S  ((uint64_t)1000000000)
#define MOMENT_NS (NS_PER_S / 5)

/* Too early to say. */
#define FORETELL_NS_MIN NS_PER_S

/* Enough of a kind: it took a second, or it is a sixteenth of what is ahead. Blanks may be so cheap
 * that all of them take less than a second. */
#define KIND_NS_MIN    ((double)NS_PER_S)
#define KIND_SHARE_MIN 16.0

/* How well the steps must separate the two kinds: 0 is always mixed, 1 never. */
#define SEPARATION_MIN 0.25

/* Of this run alone. */
static uint64_t own_work(const struct imgz_progress *at)
{
    return at->work_bytes_done > at->work_bytes_taken_over
               ? at->work_bytes_done - at->work_bytes_taken_over
               : 0;
}

static uint64_t own_blank(const struct imgz_progress *at)
{
    const uint64_t work_bytes = own_work(at);

    return at->blank_bytes_done < work_bytes ? at->blank_bytes_done : work_bytes;
}

static struct forecast_moment moment_of(const struct imgz_progress *at)
{
    return (struct forecast_moment){at->elapsed_ns, own_work(at), own_blank(at)};
}

/* ---- What it costs -------------------------------------------------------------------------- */

static void add_to(struct forecast_sums *sums, const struct forecast_sums *step, double weight)
{
    sums->data_bytes += step->data_bytes * weight;
    sums->blank_bytes += step->blank_bytes * weight;
    sums->ns += step->ns * weight;
}

/* The work between two moments. The counts are of several threads, so they need not fit exactly. */
static struct forecast_sums step_between(struct forecast_moment from, struct forecast_moment to)
{
    const double work = (double)(to.work_bytes - from.work_bytes);
    const double blank =
        to.blank_bytes > from.blank_bytes ? (double)(to.blank_bytes - from.blank_bytes) : 0;
    const double share = blank < work ? blank : work;

    return (struct forecast_sums){work - share, share, (double)(to.elapsed_ns - from.elapsed_ns)};
}

/* A step ends with the first work after its time is over, so every step has some. */
static void add_to_fit(struct forecast_fit *fit, struct forecast_moment moment)
{
    struct forecast_sums step;

    if (moment.work_bytes == fit->last.work_bytes ||
        moment.elapsed_ns < fit->last.elapsed_ns + MOMENT_NS)
        return;
    step = step_between(fit->last, moment);
    add_to(&fit->all, &step, 1);
    add_to(&fit->blank, &step, step.blank_bytes / (step.data_bytes + step.blank_bytes));
    fit->last = moment;
}

/* Per byte. */
struct costs {
    double data_ns;
    double blank_ns;
};

static double cost_of(const struct costs *costs, const struct forecast_sums *step)
{
    return costs->data_ns * step->data_bytes + costs->blank_ns * step->blank_bytes;
}

static bool is_enough(double ns, double bytes, double bytes_ahead)
{
    return bytes > 0 && (ns >= KIND_NS_MIN || bytes >= bytes_ahead / KIND_SHARE_MIN);
}

/* False if they cannot be told apart yet. */
static bool fit_costs(const struct forecast_fit *fit, const struct forecast_sums *ahead,
                      struct costs *costs)
{
    const struct forecast_sums *all = &fit->all;
    const struct forecast_sums *blank = &fit->blank;
    const double determinant =
        all->data_bytes * blank->blank_bytes - all->blank_bytes * blank->data_bytes;

    if (!is_enough(blank->ns, all->blank_bytes, ahead->blank_bytes) ||
        !is_enough(all->ns - blank->ns, all->data_bytes, ahead->data_bytes) ||
        determinant <= SEPARATION_MIN * all->data_bytes * all->blank_bytes)
        return false;
    costs->data_ns = (all->ns * blank->blank_bytes - all->blank_bytes * blank->ns) / determinant;
    costs->blank_ns = (all->data_bytes * blank->ns - all->ns * blank->data_bytes) / determinant;
    if (costs->data_ns < 0)
        *costs = (struct costs){0, all->ns / all->blank_bytes};
    if (costs->blank_ns < 0)
        *costs = (struct costs){all->ns / all->data_bytes, 0};
    return true;
}

/* ---- Events --------------------------------------------------------------------------------- */

/* The first begins with the job; the last is not a phase, but the sum of all. */
static void begin_phase(struct forecast *forecast, const struct imgz_progress *at)
{
    const bool from_start = !forecast->begun || at->phase == IMGZ_PHASE_FINISH;

    *forecast = (struct forecast){.begun = true};
    if (from_start)
        return;
    forecast->phase_start_ns = at->elapsed_ns;
    forecast->work_start = moment_of(at);
    forecast->fit.last = forecast->work_start;
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

    /* Less than before: it has begun again, under the same name. */
    if (!forecast->begun || at->phase != forecast->at.phase ||
        at->elapsed_ns < forecast->at.elapsed_ns || moment.work_bytes < own_work(&forecast->at))
        begin_phase(forecast, at);
    if (moment.work_bytes == 0 && at->work_bytes_taken_over > 0) {
        forecast->work_start = moment;
        forecast->fit.last = moment;
    }
    forecast->at = *at;
    keep_moment(forecast, moment);
    add_to_fit(&forecast->fit, moment);
}

/* The oldest that is kept, but none before there was work. */
static struct forecast_moment oldest_moment(const struct forecast *forecast)
{
    struct forecast_moment oldest = forecast->work_start;

    if (forecast->moment_count >= FORECAST_MOMENTS)
        oldest = forecast->moments[forecast->moment_count % FORECAST_MOMENTS];
    return oldest.elapsed_ns > forecast->work_start.elapsed_ns ? oldest : forecast->work_start;
}

/* True for phases whose end can be forecast. */
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

/* What is still to do. */
static struct forecast_sums work_ahead(const struct imgz_progress *at)
{
    const double work = (double)(at->work_bytes_total - at->work_bytes_done);
    const double blank =
        (double)at->blank_bytes_ahead < work ? (double)at->blank_bytes_ahead : work;

    return (struct forecast_sums){work - blank, blank, 0};
}

/* The expected time of the last seconds' work, by the time it took: above 1 it is faster now. */
static double pace_of(const struct forecast *forecast, const struct costs *costs)
{
    const struct forecast_sums now =
        step_between(oldest_moment(forecast), moment_of(&forecast->at));
    const double expected_ns = cost_of(costs, &now);

    if (expected_ns <= 0 && now.blank_bytes > 0)
        return 1; /* the costs are too small to compare */
    return now.ns > 0 ? expected_ns / now.ns : 0;
}

static uint64_t left_seconds(const struct forecast *forecast,
                             const struct forecast_figures *figures)
{
    const struct imgz_progress *at = &forecast->at;
    const struct forecast_sums ahead = work_ahead(at);
    struct costs costs;
    double seconds;

    if (!is_measured(at) || figures->mean_ns < FORETELL_NS_MIN || figures->mean_bytes == 0 ||
        at->work_bytes_done >= at->work_bytes_total)
        return IMGZ_SIZE_UNKNOWN;
    if (at->blank_bytes_ahead == IMGZ_SIZE_UNKNOWN || !fit_costs(&forecast->fit, &ahead, &costs)) {
        costs.data_ns = (double)figures->mean_ns / (double)figures->mean_bytes;
        costs.blank_ns = costs.data_ns;
    }
    seconds = cost_of(&costs, &ahead) / ((1 + pace_of(forecast, &costs)) / 2) / (double)NS_PER_S;
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

    figures.left_seconds = left_seconds(forecast, &figures);
    return figures;
}
