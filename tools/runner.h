/* SPDX-License-Identifier: MIT */
/*
 * What capture, restore, verify and hash have around their one call of the library: progress,
 * signals, the report, the error and the exit code.
 */
#ifndef IMGZ_TOOLS_RUNNER_H
#define IMGZ_TOOLS_RUNNER_H

#include <imgz/imgz.h>
#include <jansson.h>

#include "options.h"
#include "progress.h"

struct runner {
    const struct options *options;
    struct imgz_options job; /* for the library, with the two below */
    struct imgz_report report;
    struct imgz_error error;
    struct progress progress;
    json_t *details; /* of the JSON object, taken over by runner_finish(); or NULL */
};

/* Options for a call of the library, the last one that needs any rights: data from outside is
 * handled without them (IMGZ_FLAG_CONFINE). */
struct imgz_options runner_options(const struct options *options);

/* Gets ready for the call. 'runner' must stay where it is until runner_finish(). */
void runner_start(struct runner *runner, const struct options *options);

/* Takes the call's result: ends the display, prints the error if there is one, and the JSON object
 * if asked for. Returns the exit code. */
int runner_finish(struct runner *runner, int rc);

/* Whether a summary is wanted on standard error. */
bool runner_wants_summary(const struct options *options);

/* Prints the error of a call that returned 'rc' < 0, with advice; returns the exit code. */
int runner_say_error(const struct options *options, int rc, struct imgz_error *error);

#endif /* IMGZ_TOOLS_RUNNER_H */
