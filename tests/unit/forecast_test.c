/* SPDX-License-Identifier: MIT */
/* What is foretold of recorded jobs, beside how they went on (forecast/record.py made them); and of
 * made-up ones. */
#include "forecast.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "schedule.h"

#define MS         ((uint64_t)1000000)
#define S          (1000 * MS)
#define MIB        ((uint64_t)1 << 20)
#define EVENTS_MAX 200u

struct recording {
    size_t count;
    struct imgz_progress events[EVENTS_MAX];
};

static enum imgz_phase phase_of(const char *name)
{
    static const struct {
        const char *name;
        enum imgz_phase phase;
    } phases[] = {
        {"open", IMGZ_PHASE_OPEN},           {"check", IMGZ_PHASE_CHECK},
        {"copy", IMGZ_PHASE_COPY},           {"flush", IMGZ_PHASE_FLUSH},
        {"read-back", IMGZ_PHASE_READ_BACK}, {"finish", IMGZ_PHASE_FINISH},
    };

    for (size_t i = 0; i < IMGZ_COUNT_OF(phases); i++)
        if (strcmp(name, phases[i].name) == 0)
            return phases[i].phase;
    fail_msg("there is no phase %s", name);
    return IMGZ_PHASE_COPY;
}

static uint64_t take_number(char **rest)
{
    return (uint64_t)strtoll(*rest, rest, 10);
}

static struct imgz_progress parse_event(char *line)
{
    struct imgz_progress event = {0};
    char *rest;

    event.phase = phase_of(strtok_r(line, " ", &rest));
    event.elapsed_ns = take_number(&rest) * MS;
    event.raw_bytes_done = take_number(&rest);
    event.raw_bytes_total = take_number(&rest);
    event.work_bytes_done = take_number(&rest);
    event.work_bytes_total = take_number(&rest);
    event.work_bytes_taken_over = take_number(&rest);
    event.blank_bytes_done = take_number(&rest);
    event.blank_bytes_ahead = take_number(&rest);
    return event;
}

static void load(const char *name, struct recording *recording)
{
    char path[512];
    char line[256];
    FILE *file;

    snprintf(path, sizeof(path), FORECAST_EVENTS "/%s.events", name);
    file = fopen(path, "re");
    assert_non_null(file);
    recording->count = 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        assert_true(recording->count < EVENTS_MAX);
        recording->events[recording->count++] = parse_event(line);
    }
    fclose(file);
    assert_true(recording->count > 5);
}

/* When the phase of event 'i' began, or ended. */
static uint64_t phase_bound(const struct recording *recording, size_t i, int step)
{
    const enum imgz_phase phase = recording->events[i].phase;

    while (i + (size_t)step < recording->count &&
           recording->events[i + (size_t)step].phase == phase)
        i += (size_t)step;
    if (step > 0 && i + 1 < recording->count)
        i += 1;
    return recording->events[i].elapsed_ns;
}

/* Not off by more than half, and three seconds for what no one can see. */
static void check_left(const char *name, double left, double truth)
{
    if (left > 2 * truth + 3 || left < truth / 2 - 3)
        fail_msg("%s: %.0f s left are foretold %.1f s before the end", name, left, truth);
}

static void replay(const char *name, const struct recording *recording)
{
    struct forecast forecast = {0};
    uint32_t percent_before = 0;
    unsigned foretold_count = 0;

    for (size_t i = 0; i < recording->count; i++) {
        const struct imgz_progress *at = &recording->events[i];
        const uint64_t begin_ns = phase_bound(recording, i, -1);
        const uint64_t end_ns = phase_bound(recording, i, 1);
        struct forecast_figures figures;

        if (i > 0 && at->phase != recording->events[i - 1].phase)
            percent_before = 0;
        forecast_add(&forecast, at);
        figures = forecast_figures(&forecast);
        assert_true(figures.now_bytes <= at->raw_bytes_total);
        assert_true(figures.phase_ns <= at->elapsed_ns);
        if (figures.percent != FORECAST_PERCENT_UNKNOWN) {
            assert_in_range(figures.percent, percent_before, 99);
            percent_before = figures.percent;
        }
        assert_int_not_equal(figures.left_seconds, 0);
        if (figures.left_seconds == IMGZ_SIZE_UNKNOWN ||
            at->elapsed_ns - begin_ns < (end_ns - begin_ns) / 8)
            continue;
        check_left(name, (double)figures.left_seconds,
                   (double)(end_ns - at->elapsed_ns) / (double)S);
        foretold_count += 1;
    }
    assert_true(foretold_count >= 2);
}

static void recorded_jobs_went_as_foretold(void **state)
{
    static const char *const names[] = {"sparse",   "resume",    "stopped",
                                        "readback", "half-free", "empty-first"};
    static struct recording recording;

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(names); i++) {
        load(names[i], &recording);
        replay(names[i], &recording);
    }
}

/* 15 GiB of 20 are a hole: it used to say 73 % after a third of the time, and 99 % for most of the
 * rest. */
static void a_hole_is_no_progress(void **state)
{
    static struct recording recording;
    struct forecast forecast = {0};

    (void)state;
    load("sparse", &recording);
    for (size_t i = 0; i < recording.count; i++) {
        const struct imgz_progress *at = &recording.events[i];
        const uint64_t end_ns = recording.events[recording.count - 1].elapsed_ns;
        struct forecast_figures figures;

        forecast_add(&forecast, at);
        figures = forecast_figures(&forecast);
        if (at->phase == IMGZ_PHASE_COPY)
            assert_true(figures.percent <= 20 + 100 * at->elapsed_ns / end_ns);
    }
}

/* What an earlier run has done is no speed, though it is passed over within moments. */
static void old_work_is_no_speed(void **state)
{
    static struct recording recording;
    struct forecast forecast = {0};

    (void)state;
    load("resume", &recording);
    for (size_t i = 0; i < recording.count; i++) {
        struct forecast_figures figures;

        forecast_add(&forecast, &recording.events[i]);
        figures = forecast_figures(&forecast);
        assert_true(figures.mean_bytes <= 20000 * (figures.mean_ns / MS + 1));
        assert_true(figures.now_bytes <= 30000 * (figures.now_ns / MS + 1));
    }
}

/* ---- Made up ------------------------------------------------------------------------------ */

static struct imgz_progress event(enum imgz_phase phase, uint64_t elapsed_ns, uint64_t done_bytes,
                                  uint64_t total_bytes)
{
    return (struct imgz_progress){.phase = phase,
                                  .raw_bytes_done = done_bytes,
                                  .raw_bytes_total = total_bytes,
                                  .elapsed_ns = elapsed_ns,
                                  .work_bytes_done = done_bytes,
                                  .work_bytes_total = total_bytes,
                                  .blank_bytes_ahead = IMGZ_SIZE_UNKNOWN};
}

/* It used to show 5583230998 GB/s: the second phase begins with less than the first one ended. */
static void each_phase_has_a_clock_of_its_own(void **state)
{
    struct forecast forecast = {0};
    struct forecast_figures figures;
    struct imgz_progress at;

    (void)state;
    for (uint64_t s = 0; s <= 10; s++) {
        at = event(IMGZ_PHASE_COPY, s * S, s * 100 * MIB, 1000 * MIB);
        forecast_add(&forecast, &at);
    }
    figures = forecast_figures(&forecast);
    assert_int_equal(figures.percent, 99);
    assert_int_equal(figures.left_seconds, IMGZ_SIZE_UNKNOWN);
    for (uint64_t s = 0; s <= 7; s++) {
        at = event(IMGZ_PHASE_FLUSH, (11 + s) * S, 1000 * MIB, 1000 * MIB);
        forecast_add(&forecast, &at);
    }
    figures = forecast_figures(&forecast);
    assert_int_equal(figures.phase_ns, 7 * S);
    assert_int_equal(figures.percent, FORECAST_PERCENT_UNKNOWN);
    assert_int_equal(figures.left_seconds, IMGZ_SIZE_UNKNOWN);
    for (uint64_t s = 0; s <= 4; s++) {
        at = event(IMGZ_PHASE_READ_BACK, (20 + s) * S, s * 200 * MIB, 1000 * MIB);
        forecast_add(&forecast, &at);
        figures = forecast_figures(&forecast);
        assert_int_equal(figures.mean_bytes, s * 200 * MIB);
        assert_int_equal(figures.mean_ns, s * S);
        assert_int_equal(figures.percent, s * 20);
    }
    assert_int_equal(figures.phase_ns, 4 * S);
    assert_in_range(figures.left_seconds, 1, 2);
    /* The last is the sum of all. */
    at = event(IMGZ_PHASE_FINISH, 30 * S, 1000 * MIB, 1000 * MIB);
    forecast_add(&forecast, &at);
    figures = forecast_figures(&forecast);
    assert_int_equal(figures.phase_ns, 30 * S);
    assert_int_equal(figures.mean_ns, 30 * S);
    assert_int_equal(figures.mean_bytes, 1000 * MIB);
}

/* However often it is looked at. A drive that gets slower is foretold by both its speeds: 10 s at
 * 100, then 3 s at 10; the rest at the mean of 79 and 10. */
static void the_last_three_seconds_count_as_much_as_the_rest(void **state)
{
    struct forecast forecast = {0};
    struct forecast_figures figures;

    (void)state;
    for (uint64_t ms = 0; ms <= 13000; ms += 20) {
        const uint64_t done_kib = ms <= 10000 ? ms * 100 : 1000000 + (ms - 10000) * 10;
        const struct imgz_progress at =
            event(IMGZ_PHASE_COPY, ms * MS, done_kib << 10, (uint64_t)2000000 << 10);

        forecast_add(&forecast, &at);
    }
    figures = forecast_figures(&forecast);
    assert_in_range(figures.now_ns, 2800 * MS, 3200 * MS);
    assert_in_range(figures.left_seconds, 2 * 970 / 91, 2 * 970 / 87);
}

/* While what is there is only passed over, the rest cannot be foretold. */
static void nothing_is_foretold_of_old_work(void **state)
{
    struct forecast forecast = {0};
    struct forecast_figures figures;
    struct imgz_progress at;

    (void)state;
    for (uint64_t s = 0; s <= 20; s++) {
        at = event(IMGZ_PHASE_COPY, s * S, s * 25 * MIB, 1000 * MIB);
        at.work_bytes_taken_over = at.work_bytes_done;
        forecast_add(&forecast, &at);
        figures = forecast_figures(&forecast);
        assert_int_equal(figures.left_seconds, IMGZ_SIZE_UNKNOWN);
        assert_int_equal(figures.now_bytes, 0);
        assert_int_equal(figures.percent, s * 25 / 10);
    }
    for (uint64_t s = 1; s <= 10; s++) {
        at.elapsed_ns = (20 + s) * S;
        at.work_bytes_done = (500 + s * 5) * MIB;
        forecast_add(&forecast, &at);
        figures = forecast_figures(&forecast);
        assert_int_equal(figures.mean_ns, s * S);
        assert_in_range(figures.left_seconds, 90 - s, 101 - s);
    }
}

/* ---- Blanks --------------------------------------------------------------------------------- */

/* A made-up drive: stretches of data and of zeros, and how fast each is. */
struct drive {
    uint64_t stretch_bytes[8]; /* data, zeros, data, ...; 0 ends them */
    uint64_t data_per_s;
    uint64_t blank_per_s;
    uint32_t burst_chunks; /* that are finished at a time; 0: each by itself */
    bool known;            /* how much of the rest is blank */
};

static double pass_seconds(const struct drive *drive, uint64_t bytes, bool blank)
{
    return (double)bytes / (double)(blank ? drive->blank_per_s : drive->data_per_s);
}

/* The time that is foretold for the rest of a drive, beside what it takes, at each fifth of a
 * second from 'from_bytes' on. The largest error, as a share of the whole time. */
static double largest_error(const struct drive *drive, uint64_t from_bytes)
{
    struct forecast forecast = {0};
    uint64_t total = 0, total_blank = 0, done = 0, blank = 0;
    double seconds = 0, all_seconds = 0, told_at = -1, error_max = 0;

    for (size_t i = 0; i < IMGZ_COUNT_OF(drive->stretch_bytes); i++) {
        total += drive->stretch_bytes[i];
        total_blank += i % 2 == 1 ? drive->stretch_bytes[i] : 0;
        all_seconds += pass_seconds(drive, drive->stretch_bytes[i], i % 2 == 1);
    }
    for (size_t i = 0; i < IMGZ_COUNT_OF(drive->stretch_bytes); i++) {
        for (uint64_t in = 0; in < drive->stretch_bytes[i]; in += MIB) {
            struct imgz_progress at;

            done += MIB;
            blank += i % 2 == 1 ? MIB : 0;
            seconds += pass_seconds(drive, MIB, i % 2 == 1);
            if (seconds < told_at + 0.2 ||
                (drive->burst_chunks > 0 && done / MIB % drive->burst_chunks != 0))
                continue;
            told_at = seconds;
            at = event(IMGZ_PHASE_COPY, (uint64_t)(seconds * (double)S), done, total);
            at.blank_bytes_done = blank;
            at.blank_bytes_ahead = drive->known ? total_blank - blank : IMGZ_SIZE_UNKNOWN;
            forecast_add(&forecast, &at);
            if (done >= from_bytes && done < total) {
                const double left = (double)forecast_figures(&forecast).left_seconds;
                const double error = (left - 1 - (all_seconds - seconds)) / all_seconds;

                error_max = error > error_max ? error : -error > error_max ? -error : error_max;
            }
        }
    }
    return error_max;
}

#define TURNS                                                                                      \
    {                                                                                              \
        500 * MIB, 500 * MIB, 100 * MIB, 2000 * MIB, 300 * MIB, 100 * MIB, 200 * MIB, 3000 * MIB   \
    }

/* Zeros are passed 100 times as fast as data is packed: it used to be off by most of the time. */
static void data_and_blanks_have_speeds_of_their_own(void **state)
{
    const struct drive drive = {TURNS, 10 * MIB, 1000 * MIB, 0, true};
    const struct drive unknown = {TURNS, 10 * MIB, 1000 * MIB, 0, false};

    (void)state;
    assert_true(largest_error(&drive, 1000 * MIB) < 0.03);
    assert_true(largest_error(&unknown, 1000 * MIB) > 0.3);
}

/* Four workers finish together, zeros with them: noise in the steps is no error. */
static void chunks_are_finished_in_bursts(void **state)
{
    const struct drive drive = {TURNS, 5 * MIB, 1000 * MIB, 4, true};

    (void)state;
    assert_true(largest_error(&drive, 1000 * MIB) < 0.05);
}

/* Where the drive is the limit, all bytes are alike. */
static void blanks_may_cost_as_much_as_data(void **state)
{
    const struct drive drive = {TURNS, 150 * MIB, 150 * MIB, 0, true};

    (void)state;
    assert_true(largest_error(&drive, 500 * MIB) < 0.05);
}

/* A partition that is empty, and a full one behind it: it used to say that nearly all was done. */
static void zeros_first(void **state)
{
    const struct drive drive = {{MIB, 4000 * MIB, 1000 * MIB}, 10 * MIB, 1000 * MIB, 0, true};

    (void)state;
    assert_true(largest_error(&drive, 4020 * MIB) < 0.05);
}

/* Before there were blanks nothing is known of them, and they are taken for data. */
static void nothing_is_foretold_of_what_was_not_met(void **state)
{
    struct forecast forecast = {0};

    (void)state;
    for (uint64_t s = 0; s <= 10; s++) {
        struct imgz_progress at = event(IMGZ_PHASE_COPY, s * S, s * 10 * MIB, 1000 * MIB);

        at.blank_bytes_ahead = 500 * MIB;
        forecast_add(&forecast, &at);
    }
    assert_in_range(forecast_figures(&forecast).left_seconds, 89, 91);
}

/* Figures of several threads, and totals that are corrected, need not fit each other. */
static void nothing_overflows(void **state)
{
    static const uint64_t values[] = {
        0, 1, S, 1000 * MIB, UINT64_MAX / 2, UINT64_MAX - 2, UINT64_MAX - 1, UINT64_MAX};
    static const enum imgz_phase phases[] = {IMGZ_PHASE_COPY, IMGZ_PHASE_READ_BACK,
                                             IMGZ_PHASE_CHECK, IMGZ_PHASE_OPEN};
    struct forecast forecast = {0};
    uint32_t seed = 1;

    (void)state;
    for (int i = 0; i < 200000; i++) {
        uint64_t picked[7];
        struct imgz_progress at;
        struct forecast_figures figures;

        for (size_t k = 0; k < IMGZ_COUNT_OF(picked); k++) {
            seed = seed * 1664525 + 1013904223;
            picked[k] = values[(seed >> 16) % IMGZ_COUNT_OF(values)];
        }
        at = event(phases[(seed >> 8) % IMGZ_COUNT_OF(phases)], picked[0], picked[1], picked[2]);
        at.work_bytes_done = picked[3];
        at.work_bytes_taken_over = picked[4];
        at.blank_bytes_done = picked[5];
        at.blank_bytes_ahead = picked[6];
        forecast_add(&forecast, &at);
        figures = forecast_figures(&forecast);
        assert_true(figures.percent <= 99 || figures.percent == FORECAST_PERCENT_UNKNOWN);
        assert_true(figures.left_seconds > 0);
        assert_true(figures.left_seconds == IMGZ_SIZE_UNKNOWN ||
                    (figures.left_seconds <= 1000000001 && figures.mean_ns >= S));
        assert_true(figures.phase_ns <= at.elapsed_ns);
        assert_true(figures.now_bytes <= figures.mean_bytes);
        assert_true(figures.mean_bytes <= at.work_bytes_done);
        assert_true(figures.now_ns <= figures.mean_ns);
    }
}

static void a_log_is_not_filled(void **state)
{
    static const uint64_t lines[] = {5, 60, 300, 600, 900, 1200};
    uint64_t shown_ns = 0;

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(lines); i++) {
        assert_int_equal(schedule_next(PROGRESS_LINES, shown_ns), lines[i] * S);
        shown_ns = lines[i] * S + 180 * MS; /* a call comes a little later */
    }
    assert_int_equal(schedule_next(PROGRESS_NONE, shown_ns), UINT64_MAX);
    assert_int_equal(schedule_next(PROGRESS_BAR, S), S + 200 * MS);
    assert_int_equal(schedule_next(PROGRESS_JSON, S), 2 * S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_jobs_went_as_foretold),
        cmocka_unit_test(a_hole_is_no_progress),
        cmocka_unit_test(old_work_is_no_speed),
        cmocka_unit_test(each_phase_has_a_clock_of_its_own),
        cmocka_unit_test(the_last_three_seconds_count_as_much_as_the_rest),
        cmocka_unit_test(nothing_is_foretold_of_old_work),
        cmocka_unit_test(data_and_blanks_have_speeds_of_their_own),
        cmocka_unit_test(chunks_are_finished_in_bursts),
        cmocka_unit_test(blanks_may_cost_as_much_as_data),
        cmocka_unit_test(zeros_first),
        cmocka_unit_test(nothing_is_foretold_of_what_was_not_met),
        cmocka_unit_test(nothing_overflows),
        cmocka_unit_test(a_log_is_not_filled),
    };

    return cmocka_run_group_tests_name("forecast", tests, NULL, NULL);
}
