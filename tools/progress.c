/* SPDX-License-Identifier: MIT */
#include "progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "environment.h"
#include "progress_view.h"
#include "schedule.h"
#include "signals.h"
#include "streams.h"

#define ERASE_REST "\033[K" /* of the line, from the cursor on */
#define ERASE_LINE "\r" ERASE_REST

/* One write(), so that a line is never torn by one from another thread. If it fails, that cannot be
 * reported. */
static void put(const char *text, size_t bytes)
{
    (void)streams_write(STDERR_FILENO, text, bytes);
}

static size_t terminal_columns(void)
{
    struct winsize size;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return 80;
}

static void compose(FILE *line, enum progress_mode mode, const struct progress_view *view)
{
    switch (mode) {
    case PROGRESS_BAR:
        fputc('\r', line);
        progress_view_bar(line, view, terminal_columns());
        fputs(ERASE_REST, line);
        return;
    case PROGRESS_JSON:
        progress_view_json(line, view);
        break;
    case PROGRESS_AUTO:
    case PROGRESS_LINES:
    case PROGRESS_NONE:
        progress_view_line(line, view);
        break;
    }
    fputc('\n', line);
}

static void show(const struct progress *progress, enum progress_mode mode,
                 const struct imgz_progress *at)
{
    const struct forecast_figures figures = forecast_figures(&progress->forecast);
    const struct progress_view view = {progress->verb, at, &figures};
    char text[1024];
    FILE *line = fmemopen(text, sizeof(text), "w");
    long length;

    if (line == NULL)
        return;
    if (progress->mode == PROGRESS_BAR && mode != PROGRESS_BAR)
        fputs(ERASE_LINE, line);
    compose(line, mode, &view);
    length = ftell(line);
    fclose(line);
    if (length > 0)
        put(text, (size_t)length);
}

/* The bar and the lines end with the copy; JSON reports the last phase, too. */
static bool is_due(const struct progress *progress, const struct imgz_progress *at)
{
    if (progress->mode == PROGRESS_NONE)
        return false;
    if (at->phase == IMGZ_PHASE_FINISH)
        return progress->mode == PROGRESS_JSON;
    if (at->phase != progress->phase && progress->mode != PROGRESS_LINES)
        return true;
    return at->elapsed_ns >= schedule_next(progress->mode, progress->shown_ns);
}

/* Whatever else is shown, or not shown. */
static void answer_request(const struct progress *progress, const struct imgz_progress *at)
{
    show(progress, progress->mode == PROGRESS_JSON ? PROGRESS_JSON : PROGRESS_LINES, at);
}

static int on_progress(const struct imgz_progress *at, void *context)
{
    struct progress *progress = context;

    if (signals_stop_requested() != 0)
        return 1;
    forecast_add(&progress->forecast, at);
    if (signals_take_progress_request())
        answer_request(progress, at);
    if (is_due(progress, at)) {
        show(progress, progress->mode, at);
        progress->shown_ns = at->elapsed_ns;
    }
    progress->phase = at->phase;
    return 0;
}

static void say(const struct progress *progress, const char *what, const char *text)
{
    char shown[1100];
    char line[1200];
    int length;

    snprintf(shown, sizeof(shown), "%s", text);
    imgz_make_printable(shown);
    length = snprintf(line, sizeof(line), "%simgz: %s%s\n",
                      progress->mode == PROGRESS_BAR ? ERASE_LINE : "", what, shown);
    if (length > 0)
        put(line, (size_t)length < sizeof(line) ? (size_t)length : sizeof(line) - 1);
}

static void on_log(const char *text, void *context)
{
    say(context, "", text);
}

static void on_warning(const char *text, void *context)
{
    say(context, "warning: ", text);
}

/* A terminal that can erase a line gets a bar. */
static enum progress_mode choose_mode(const struct options *options)
{
    const char *terminal = environment_get("TERM");

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
        .phase = IMGZ_PHASE_OPEN,
    };
    job->progress = on_progress;
    job->progress_context = progress;
    if (!options_has(options, OPTION_QUIET)) {
        job->warning = on_warning;
        job->warning_context = progress;
    }
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
