/* SPDX-License-Identifier: MIT */
/*
 * The bar takes what the other fields leave of the terminal's width. If that is too little, fields
 * are left out, the least important first.
 */
#include "progress_view.h"

#include <string.h>

#include <jansson.h>

#include "units.h"

#define NS_PER_S 1000000000u

#define BAR_CELLS_MIN 10u
#define BAR_CELLS_MAX 40u

/* ---- What is said of a phase ----------------------------------------------------------------- */

/* "": the command's name says it. */
static const char *phase_words(enum imgz_phase phase)
{
    switch (phase) {
    case IMGZ_PHASE_OPEN:
        return "opening";
    case IMGZ_PHASE_CHECK:
        return "checking what is there";
    case IMGZ_PHASE_FLUSH:
        return "flushing to stable storage";
    case IMGZ_PHASE_READ_BACK:
        return "reading back";
    case IMGZ_PHASE_COPY:
    case IMGZ_PHASE_FINISH:
        break;
    }
    return "";
}

/* Where there is nothing to count, only time passes. */
static bool is_counted(enum imgz_phase phase)
{
    return phase != IMGZ_PHASE_OPEN && phase != IMGZ_PHASE_FLUSH;
}

/* Never "0:00": that would look as if nothing had begun. */
static struct units_text clock_of(uint64_t ns)
{
    return units_clock(ns < NS_PER_S ? 1 : ns / NS_PER_S);
}

/* "1.50 GiB of 4 GiB". While what an interrupted run left is checked, these are bytes of the image,
 * not of the disk. */
static struct units_text size_of(const struct imgz_progress *at)
{
    const bool image = at->phase == IMGZ_PHASE_CHECK;
    const uint64_t done = image ? at->work_bytes_done : at->raw_bytes_done;
    const uint64_t total = image ? at->work_bytes_total : at->raw_bytes_total;
    struct units_text result = units_size(done);

    if (total != IMGZ_SIZE_UNKNOWN)
        snprintf(result.text, sizeof(result.text), "%.12s of %.12s", units_size(done).text,
                 units_size(total).text);
    return result;
}

static struct units_text time_of(const struct forecast_figures *figures)
{
    struct units_text result = clock_of(figures->phase_ns);

    if (figures->left_seconds != IMGZ_SIZE_UNKNOWN)
        snprintf(result.text, sizeof(result.text), "%.20s left",
                 units_clock(figures->left_seconds).text);
    return result;
}

/* ---- The bar -------------------------------------------------------------------------------- */

struct field {
    unsigned rank; /* the highest is left out first; 0 never */
    char text[48];
};

enum {
    FIELD_PHASE,
    FIELD_PERCENT,
    FIELD_SIZE,
    FIELD_NOW,
    FIELD_MEAN,
    FIELD_RATIO,
    FIELD_ZERO,
    FIELD_TIME,
    FIELD_COUNT,
};

static void fill_counted(const struct progress_view *view, struct field fields[FIELD_COUNT])
{
    const struct forecast_figures *figures = view->figures;
    const struct imgz_progress *at = view->at;
    size_t size = sizeof(fields[0].text);

    if (figures->percent != FORECAST_PERCENT_UNKNOWN)
        snprintf(fields[FIELD_PERCENT].text, size, "%3u%%", figures->percent);
    snprintf(fields[FIELD_SIZE].text, size, "%8s", size_of(at).text);
    snprintf(fields[FIELD_NOW].text, size, "%9s",
             units_speed(figures->now_bytes, figures->now_ns).text);
    snprintf(fields[FIELD_MEAN].text, size, "mean %9s",
             units_speed(figures->mean_bytes, figures->mean_ns).text);
    if (at->image_bytes_done > 0)
        snprintf(fields[FIELD_RATIO].text, size, "%6s",
                 units_ratio(at->raw_bytes_done, at->image_bytes_done).text);
    snprintf(fields[FIELD_ZERO].text, size, "%5s zero",
             units_share(at->zero_bytes_done, at->raw_bytes_done).text);
}

static void fill_fields(const struct progress_view *view, struct field fields[FIELD_COUNT])
{
    static const unsigned ranks[FIELD_COUNT] = {
        [FIELD_MEAN] = 4, [FIELD_RATIO] = 3, [FIELD_SIZE] = 2, [FIELD_NOW] = 1, [FIELD_ZERO] = 5,
    };
    size_t size = sizeof(fields[0].text);

    for (size_t i = 0; i < FIELD_COUNT; i++)
        fields[i] = (struct field){.rank = ranks[i]};
    snprintf(fields[FIELD_PHASE].text, size, "%s", phase_words(view->at->phase));
    if (is_counted(view->at->phase))
        fill_counted(view, fields);
    snprintf(fields[FIELD_TIME].text, size, "%10s", time_of(view->figures).text);
}

static size_t fields_width(const struct field fields[FIELD_COUNT])
{
    size_t width = 0;

    for (size_t i = 0; i < FIELD_COUNT; i++)
        if (fields[i].text[0] != '\0')
            width += strlen(fields[i].text) + 2;
    return width;
}

/* Empties fields until 'room' columns are enough for the rest. */
static void drop_fields(struct field fields[FIELD_COUNT], size_t room)
{
    for (unsigned rank = FIELD_COUNT; rank > 0 && fields_width(fields) > room; rank--)
        for (size_t i = 0; i < FIELD_COUNT; i++)
            if (fields[i].rank == rank)
                fields[i].text[0] = '\0';
}

/* "[=======>      ]" of 'cells' columns inside, with the text that goes before and after. */
static void put_bar(FILE *line, unsigned percent, size_t cells)
{
    size_t full = cells * percent / 100;

    fputc('[', line);
    for (size_t i = 0; i < cells; i++)
        fputc(i < full ? '=' : i == full ? '>' : ' ', line);
    fputs("]  ", line);
}

void progress_view_bar(FILE *line, const struct progress_view *view, size_t columns)
{
    const bool measured = view->figures->percent != FORECAST_PERCENT_UNKNOWN;
    struct field fields[FIELD_COUNT];
    size_t room = columns > 0 ? columns - 1 : 0; /* the last one would wrap */
    size_t cells = measured ? BAR_CELLS_MIN + 4 : 0;
    size_t width;

    fill_fields(view, fields);
    drop_fields(fields, room > cells ? room - cells : 0);
    width = fields_width(fields);
    if (measured)
        cells = room > width + 4 ? room - width - 4 : 0;
    if (cells > BAR_CELLS_MAX)
        cells = BAR_CELLS_MAX;
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (fields[i].text[0] != '\0')
            fprintf(line, "%s%s", fields[i].text, i + 1 < FIELD_COUNT ? "  " : "");
        if (i == FIELD_PERCENT && cells >= BAR_CELLS_MIN)
            put_bar(line, view->figures->percent, cells);
    }
}

/* ---- A line ---------------------------------------------------------------------------------- */

void progress_view_line(FILE *line, const struct progress_view *view)
{
    const struct forecast_figures *figures = view->figures;
    const struct imgz_progress *at = view->at;
    const char *words = phase_words(at->phase);

    fprintf(line, "imgz: %s%s%s: ", view->verb, words[0] != '\0' ? ", " : "", words);
    if (is_counted(at->phase)) {
        fputs(size_of(at).text, line);
        if (figures->percent != FORECAST_PERCENT_UNKNOWN)
            fprintf(line, " (%u%%)", figures->percent);
        fprintf(line, ", %s, mean %s", units_speed(figures->now_bytes, figures->now_ns).text,
                units_speed(figures->mean_bytes, figures->mean_ns).text);
        if (at->image_bytes_done > 0)
            fprintf(line, ", ratio %s", units_ratio(at->raw_bytes_done, at->image_bytes_done).text);
        fprintf(line, ", %s zero, ", units_share(at->zero_bytes_done, at->raw_bytes_done).text);
    }
    fprintf(line, "%s%s", time_of(figures).text,
            figures->left_seconds == IMGZ_SIZE_UNKNOWN ? " so far" : "");
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static json_t *json_known(uint64_t value)
{
    return value != IMGZ_SIZE_UNKNOWN ? json_integer((json_int_t)value) : json_null();
}

static uint64_t per_second(uint64_t bytes, uint64_t elapsed_ns)
{
    return elapsed_ns > 0 ? (uint64_t)((double)bytes * NS_PER_S / (double)elapsed_ns) : 0;
}

void progress_view_json(FILE *line, const struct progress_view *view)
{
    const struct forecast_figures *figures = view->figures;
    const struct imgz_progress *at = view->at;
    const struct {
        const char *key;
        json_t *value;
    } pairs[] = {
        {"event", json_string("progress")},
        {"command", json_string(view->verb)},
        {"phase", json_string(imgz_phase_name(at->phase))},
        {"raw_bytes_done", json_known(at->raw_bytes_done)},
        {"raw_bytes_total", json_known(at->raw_bytes_total)},
        {"zero_bytes_done", json_known(at->zero_bytes_done)},
        {"image_bytes_done", json_known(at->image_bytes_done)},
        {"work_bytes_done", json_known(at->work_bytes_done)},
        {"work_bytes_total", json_known(at->work_bytes_total)},
        {"work_bytes_taken_over", json_known(at->work_bytes_taken_over)},
        {"blank_bytes_done", json_known(at->blank_bytes_done)},
        {"blank_bytes_ahead", json_known(at->blank_bytes_ahead)},
        {"bytes_per_second_now", json_known(per_second(figures->now_bytes, figures->now_ns))},
        {"bytes_per_second_mean", json_known(per_second(figures->mean_bytes, figures->mean_ns))},
        {"elapsed_ns", json_known(at->elapsed_ns)},
        {"phase_elapsed_ns", json_known(figures->phase_ns)},
        {"seconds_left", json_known(figures->left_seconds)},
    };
    json_t *object = json_object();

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        json_object_set_new(object, pairs[i].key, pairs[i].value);
    json_dumpf(object, line, JSON_COMPACT);
    json_decref(object);
}
