/* SPDX-License-Identifier: MIT */
#include "runner.h"

#include <errno.h>
#include <string.h>

#include "option_advice.h"
#include "report.h"
#include "signals.h"
#include "streams.h"

#if defined(__has_feature)
#define FEATURE(name) __has_feature(name)
#else
#define FEATURE(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || FEATURE(address_sanitizer) || \
    FEATURE(thread_sanitizer)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

/* A sanitizer needs rights at the end, and a dry run opens the source again. The JSON library reads
 * /dev/urandom once. */
struct imgz_options runner_options(const struct options *options)
{
    struct imgz_options job = options->job;

    if (options_has(options, OPTION_JSON) || options->progress == PROGRESS_JSON)
        json_object_seed(0);
    if (!SANITIZED && !options_has(options, OPTION_DRY_RUN))
        job.flags |= IMGZ_FLAG_CONFINE;
    return job;
}

void runner_start(struct runner *runner, const struct options *options)
{
    *runner = (struct runner){
        .options = options,
        .job = runner_options(options),
        .report.struct_bytes = sizeof(runner->report),
        .error.struct_bytes = sizeof(runner->error),
    };
    progress_attach(&runner->progress, options, &runner->job);
    signals_catch_stop();
}

/* By what the error is, not by its code: 2 is for the command line alone. */
static int exit_code_of(int rc, const struct imgz_error *error)
{
    if (rc == 0)
        return EXIT_CODE_DONE;
    if (error->kind == IMGZ_ERROR_DATA)
        return EXIT_CODE_BAD_DATA;
    if (error->kind == IMGZ_ERROR_USAGE)
        return EXIT_CODE_USAGE;
    if (rc == -ECANCELED && signals_stop_requested() != 0)
        return EXIT_CODE_SIGNAL + signals_stop_requested();
    return EXIT_CODE_FAILED;
}

int runner_say_error(const struct options *options, int rc, struct imgz_error *error)
{
    int exit_code = exit_code_of(rc, error);
    const char *rest;

    option_advice_complete(options, error);
    rest = strchr(error->text, ';'); /* "stopped as asked; nothing is left of ..." */

    if (exit_code > EXIT_CODE_SIGNAL)
        streams_error("%s stopped by %s%s", options->command->name,
                      signals_name(exit_code - EXIT_CODE_SIGNAL).text, rest != NULL ? rest : "");
    else
        streams_error("%s", error->text[0] != '\0' ? error->text : strerror(-rc));
    if (exit_code == EXIT_CODE_USAGE)
        streams_note("Try 'imgz %s --help'.", options->command->name);
    return exit_code;
}

static int done_code(const struct runner *runner)
{
    if (runner->report.unreadable_bytes == 0)
        return EXIT_CODE_DONE;
    return (int)runner->options->command->unreadable_code;
}

int runner_finish(struct runner *runner, int rc)
{
    struct report report = {
        .command = runner->options->command->name,
        .options = runner->options,
        .job = &runner->report,
        .exit_code = done_code(runner),
        .details = runner->details,
    };

    progress_detach(&runner->progress);
    if (rc < 0) {
        report.exit_code = runner_say_error(runner->options, rc, &runner->error);
        report.error = &runner->error;
    }
    if (options_has(runner->options, OPTION_JSON))
        report_print_json(&report);
    else
        json_decref(runner->details);
    return report.exit_code;
}

bool runner_wants_summary(const struct options *options)
{
    return !options_has(options, OPTION_QUIET);
}
