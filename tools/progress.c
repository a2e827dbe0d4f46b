/* SPDX-License-Identifier: MIT */
/*
 * Two speeds are shown: the mean since the start, and that of now, over the last three seconds or
 * so. The time left is what remains at the average of the two: the mean alone is slow to notice
 * that a drive's inner tracks are slower, and the other alone jumps at every hole.
 *
 * The bar takes what the other fields leave of the terminal's width. Where that is too little,
 * fields are left out, the least important first.
 */
#include "progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <jansson.h>

#include "signals.h"
#include "streams.h"
#include "units.h"

#define NS_PER_MS 1000000u
#define NS_PER_S  1000000000u

#define BAR_INTERVAL_NS  (200 * (uint64_t)NS_PER_MS)
#define JSON_INTERVAL_NS (1000 * (uint64_t)NS_PER_MS)
#define LINE_INTERVAL_NS (5000 * (uint64_t)NS_PER_MS)
#define MOMENT_NS        (200 * (uint64_t)NS_PER_MS)

#define BAR_CELLS_MIN 10u
#define BAR_CELLS_MAX 40u

#define ERASE_REST "\033[K" /* of the line, from the cursor on */
#define ERASE_LINE "\r" ERASE_REST

/* ---- Figures -------------------------------------------------------------------------------- */

/* What is shown, worked out of one call's progress. */
struct figures {
    uint64_t done, total; /* total may be IMGZ_SIZE_UNKNOWN */
    uint64_t now_bytes, now_ns;
    uint64_t elapsed_ns;
    uint64_t left_seconds; /* IMGZ_SIZE_UNKNOWN: cannot be told */
    unsigned percent;      /* of a known total */
};

static void keep_moment(struct progress *progress, const struct imgz_progress *at)
{
    struct progress_moment *last = NULL;

    if (progress->moment_count > 0)
        last = &progress->moments[(progress->moment_count - 1) % PROGRESS_MOMENTS];
    if (last != NULL && at->elapsed_ns < last->elapsed_ns + MOMENT_NS)
        return;
    progress->moments[progress->moment_count % PROGRESS_MOMENTS] =
        (struct progress_moment){at->elapsed_ns, at->raw_bytes_done};
    progress->moment_count += 1;
}

static struct progress_moment oldest_moment(const struct progress *progress)
{
    static const struct progress_moment start;

    if (progress->moment_count < PROGRESS_MOMENTS)
        return start;
    return progress->moments[progress->moment_count % PROGRESS_MOMENTS];
}

/* What remains, at the average of the two speeds. */
static uint64_t seconds_left(const struct figures *figures)
{
    double now, mean, seconds;

    if (figures->total == IMGZ_SIZE_UNKNOWN || figures->now_ns == 0 || figures->elapsed_ns == 0)
        return IMGZ_SIZE_UNKNOWN;
    now = (double)figures->now_bytes / (double)figures->now_ns;
    mean = (double)figures->done / (double)figures->elapsed_ns;
    if (now + mean <= 0)
        return IMGZ_SIZE_UNKNOWN;
    seconds = (double)(figures->total - figures->done) / ((now + mean) / 2) / NS_PER_S;
    return seconds < 1e9 ? (uint64_t)(seconds + 0.5) : IMGZ_SIZE_UNKNOWN;
}

static struct figures work_out(const struct progress *progress, const struct imgz_progress *at)
{
    struct progress_moment oldest = oldest_moment(progress);
    struct figures figures = {
        .done = at->raw_bytes_done,
        .total = at->raw_bytes_total,
        .now_bytes = at->raw_bytes_done - oldest.raw_bytes_done,
        .now_ns = at->elapsed_ns - oldest.elapsed_ns,
        .elapsed_ns = at->elapsed_ns,
        .percent = 100,
    };

    if (figures.total < figures.done)
        figures.total = figures.done;
    if (figures.total != IMGZ_SIZE_UNKNOWN && figures.done < figures.total)
        figures.percent = (unsigned)(100.0 * (double)figures.done / (double)figures.total);
    figures.left_seconds = seconds_left(&figures);
    return figures;
}

/* ---- The bar -------------------------------------------------------------------------------- */

struct field {
    unsigned rank; /* the highest is left out first; 0 never */
    char text[48];
};

enum {
    FIELD_PERCENT,
    FIELD_SIZE,
    FIELD_NOW,
    FIELD_MEAN,
    FIELD_RATIO,
    FIELD_ZERO,
    FIELD_TIME,
    FIELD_COUNT,
};

static void fill_fields(const struct imgz_progress *at, const struct figures *figures,
                        struct field fields[FIELD_COUNT])
{
    static const unsigned ranks[FIELD_COUNT] = {0, 2, 1, 5, 4, 3, 0};
    size_t size = sizeof(fields[0].text);
    bool known = figures->total != IMGZ_SIZE_UNKNOWN;

    for (size_t i = 0; i < FIELD_COUNT; i++)
        fields[i] = (struct field){.rank = ranks[i]};
    if (known)
        snprintf(fields[FIELD_PERCENT].text, size, "%3u%%", figures->percent);
    snprintf(fields[FIELD_SIZE].text, size, known ? "%8s of %s" : "%8s%s",
             units_size(figures->done).text, known ? units_size(figures->total).text : "");
    snprintf(fields[FIELD_NOW].text, size, "%9s",
             units_speed(figures->now_bytes, figures->now_ns).text);
    snprintf(fields[FIELD_MEAN].text, size, "mean %9s",
             units_speed(figures->done, figures->elapsed_ns).text);
    if (at->image_bytes_done > 0)
        snprintf(fields[FIELD_RATIO].text, size, "%6s",
                 units_ratio(figures->done, at->image_bytes_done).text);
    snprintf(fields[FIELD_ZERO].text, size, "%5s zero",
             units_share(at->zero_bytes_done, figures->done).text);
    if (figures->left_seconds != IMGZ_SIZE_UNKNOWN)
        snprintf(fields[FIELD_TIME].text, size, "%5s left",
                 units_clock(figures->left_seconds).text);
    else
        snprintf(fields[FIELD_TIME].text, size, "%5s",
                 units_clock(figures->elapsed_ns / NS_PER_S).text);
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

static size_t terminal_columns(void)
{
    struct winsize size;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return 80;
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

static void compose_bar(FILE *line, const struct imgz_progress *at, const struct figures *figures)
{
    struct field fields[FIELD_COUNT];
    size_t columns = terminal_columns() - 1; /* the last one would wrap */
    size_t cells = 0;
    size_t width;

    fill_fields(at, figures, fields);
    if (figures->total != IMGZ_SIZE_UNKNOWN)
        cells = BAR_CELLS_MIN + 4;
    drop_fields(fields, columns > cells ? columns - cells : 0);
    width = fields_width(fields);
    if (cells > 0)
        cells = columns > width + 4 ? columns - width - 4 : 0;
    if (cells > BAR_CELLS_MAX)
        cells = BAR_CELLS_MAX;
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (fields[i].text[0] != '\0')
            fprintf(line, "%s%s", fields[i].text, i + 1 < FIELD_COUNT ? "  " : "");
        if (i == FIELD_PERCENT && cells >= BAR_CELLS_MIN)
            put_bar(line, figures->percent, cells);
    }
}

/* ---- The other displays ---------------------------------------------------------------------- */

static void compose_line(FILE *line, const struct progress *progress,
                         const struct imgz_progress *at, const struct figures *figures)
{
    fprintf(line, "imgz: %s: %s", progress->verb, units_size(figures->done).text);
    if (figures->total != IMGZ_SIZE_UNKNOWN)
        fprintf(line, " of %s (%u%%)", units_size(figures->total).text, figures->percent);
    fprintf(line, ", %s, mean %s", units_speed(figures->now_bytes, figures->now_ns).text,
            units_speed(figures->done, figures->elapsed_ns).text);
    if (at->image_bytes_done > 0)
        fprintf(line, ", ratio %s", units_ratio(figures->done, at->image_bytes_done).text);
    fprintf(line, ", %s zero", units_share(at->zero_bytes_done, figures->done).text);
    if (figures->left_seconds != IMGZ_SIZE_UNKNOWN)
        fprintf(line, ", %s left", units_clock(figures->left_seconds).text);
}

static const char *phase_name(enum imgz_phase phase)
{
    switch (phase) {
    case IMGZ_PHASE_COPY:
        return "copy";
    case IMGZ_PHASE_FLUSH:
        return "flush";
    case IMGZ_PHASE_FINISH:
        return "finish";
    case IMGZ_PHASE_READ_BACK:
        return "read-back";
    }
    return "?";
}

static json_t *json_known(uint64_t value)
{
    return value != IMGZ_SIZE_UNKNOWN ? json_integer((json_int_t)value) : json_null();
}

static uint64_t per_second(uint64_t bytes, uint64_t elapsed_ns)
{
    return elapsed_ns > 0 ? (uint64_t)((double)bytes * NS_PER_S / (double)elapsed_ns) : 0;
}

static void compose_json(FILE *line, const struct progress *progress,
                         const struct imgz_progress *at, const struct figures *figures)
{
    const struct {
        const char *key;
        json_t *value;
    } pairs[] = {
        {"event", json_string("progress")},
        {"command", json_string(progress->verb)},
        {"phase", json_string(phase_name(at->phase))},
        {"raw_bytes_done", json_known(at->raw_bytes_done)},
        {"raw_bytes_total", json_known(at->raw_bytes_total)},
        {"zero_bytes_done", json_known(at->zero_bytes_done)},
        {"image_bytes_done", json_known(at->image_bytes_done)},
        {"bytes_per_second_now", json_known(per_second(figures->now_bytes, figures->now_ns))},
        {"bytes_per_second_mean", json_known(per_second(figures->done, figures->elapsed_ns))},
        {"elapsed_ns", json_known(at->elapsed_ns)},
        {"seconds_left", json_known(figures->left_seconds)},
    };
    json_t *object = json_object();

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        json_object_set_new(object, pairs[i].key, pairs[i].value);
    json_dumpf(object, line, JSON_COMPACT);
    json_decref(object);
}

/* ---- Showing --------------------------------------------------------------------------------- */

static void compose_flush(FILE *line, const struct progress *progress, enum progress_mode mode,
                          const struct imgz_progress *at)
{
    uint64_t waiting_ns = at->elapsed_ns - progress->flush_started_ns;

    fprintf(line, "%s: all %s done; flushing to stable storage  %s",
            mode == PROGRESS_BAR ? "100%" : "imgz", units_size(at->raw_bytes_done).text,
            units_clock(waiting_ns / NS_PER_S).text);
}

/* One write(), so that a line is never torn by one from another thread. Nobody can be told if it
 * fails. */
static void put(const char *text, size_t bytes)
{
    (void)streams_write(STDERR_FILENO, text, bytes);
}

static void show(const struct progress *progress, enum progress_mode mode,
                 const struct imgz_progress *at)
{
    struct figures figures = work_out(progress, at);
    char text[1024];
    FILE *line = fmemopen(text, sizeof(text), "w");
    long length;

    if (line == NULL)
        return;
    if (progress->mode == PROGRESS_BAR)
        fputs(mode == PROGRESS_BAR ? "\r" : ERASE_LINE, line);
    if (mode == PROGRESS_JSON)
        compose_json(line, progress, at, &figures);
    else if (at->phase == IMGZ_PHASE_FLUSH)
        compose_flush(line, progress, mode, at);
    else if (mode == PROGRESS_BAR)
        compose_bar(line, at, &figures);
    else
        compose_line(line, progress, at, &figures);
    fputs(mode == PROGRESS_BAR ? ERASE_REST : "\n", line);
    length = ftell(line);
    fclose(line);
    if (length > 0)
        put(text, (size_t)length);
}

/* Whatever else is shown, or not shown. */
static void answer(const struct progress *progress, const struct imgz_progress *at)
{
    show(progress, progress->mode == PROGRESS_JSON ? PROGRESS_JSON : PROGRESS_LINES, at);
}

/* The bar and the lines end with the copy; JSON tells of the last phase too. */
static bool is_due(const struct progress *progress, const struct imgz_progress *at)
{
    if (progress->mode == PROGRESS_NONE)
        return false;
    if (at->phase == IMGZ_PHASE_FINISH)
        return progress->mode == PROGRESS_JSON;
    if (at->phase != progress->phase && progress->mode != PROGRESS_LINES)
        return true;
    return at->elapsed_ns >= progress->shown_ns + progress->interval_ns;
}

static int on_progress(const struct imgz_progress *at, void *context)
{
    struct progress *progress = context;

    if (signals_stop_requested() != 0)
        return 1;
    if (at->phase != progress->phase && at->phase == IMGZ_PHASE_FLUSH)
        progress->flush_started_ns = at->elapsed_ns;
    if (signals_take_progress_request())
        answer(progress, at);
    if (is_due(progress, at)) {
        show(progress, progress->mode, at);
        progress->shown_ns = at->elapsed_ns;
    }
    progress->phase = at->phase;
    keep_moment(progress, at);
    return 0;
}

static void on_log(const char *text, void *context)
{
    const struct progress *progress = context;
    char shown[1100];
    char line[1200];
    int length;

    snprintf(shown, sizeof(shown), "%s", text);
    imgz_make_printable(shown);
    length = snprintf(line, sizeof(line), "%simgz: %s\n",
                      progress->mode == PROGRESS_BAR ? ERASE_LINE : "", shown);
    if (length > 0)
        put(line, (size_t)length < sizeof(line) ? (size_t)length : sizeof(line) - 1);
}

/* A terminal that can erase a line gets a bar. */
static enum progress_mode choose_mode(const struct options *options)
{
    const char *terminal = getenv("TERM");

    if (options->progress != PROGRESS_AUTO)
        return options->progress;
    if (options_has(options, OPTION_QUIET))
        return PROGRESS_NONE;
    if (isatty(STDERR_FILENO) && terminal != NULL && strcmp(terminal, "dumb") != 0)
        return PROGRESS_BAR;
    return PROGRESS_LINES;
}

void progress_attach(struct progress *progress, const struct options *options,
                     struct imgz_options *job)
{
    *progress = (struct progress){
        .verb = options->command->name,
        .mode = choose_mode(options),
        .interval_ns = LINE_INTERVAL_NS,
    };
    if (progress->mode == PROGRESS_BAR)
        progress->interval_ns = BAR_INTERVAL_NS;
    if (progress->mode == PROGRESS_JSON)
        progress->interval_ns = JSON_INTERVAL_NS;
    job->progress = on_progress;
    job->progress_context = progress;
    if (options_has(options, OPTION_VERBOSE)) {
        job->log = on_log;
        job->log_context = progress;
    }
}

void progress_detach(struct progress *progress)
{
    if (progress->mode == PROGRESS_BAR)
        put(ERASE_LINE, strlen(ERASE_LINE));
}
