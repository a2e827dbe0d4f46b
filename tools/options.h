/* SPDX-License-Identifier: MIT */
/*
 * The options of all commands: one table says how each is written, what it means, and how its
 * value is read. A command names those it takes; any other is a usage error.
 */
#ifndef IMGZ_TOOLS_OPTIONS_H
#define IMGZ_TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include <imgz/imgz.h>

#include "command.h"

enum option_bit {
    OPTION_LEVEL = 1 << 0,
    OPTION_THREADS = 1 << 1,
    OPTION_CHUNK_SIZE = 1 << 2,
    OPTION_DIGEST = 1 << 3,
    OPTION_AGAINST = 1 << 4,
    OPTION_DIRECT = 1 << 5,
    OPTION_FORCE = 1 << 6,
    OPTION_REPRODUCIBLE = 1 << 7,
    OPTION_JSON = 1 << 8,
    OPTION_PROGRESS = 1 << 9,
    OPTION_QUIET = 1 << 10,
    OPTION_VERBOSE = 1 << 11,
    OPTION_HELP = 1 << 12,
    OPTION_SCRUB = 1 << 13,
    OPTION_SECONDS = 1 << 14,
    OPTION_WRITE_TO = 1 << 15,
    OPTION_TOPOLOGY = 1 << 16,
    OPTION_ON_ERROR = 1 << 17,
    OPTION_RETRIES = 1 << 18,
    OPTION_READ_BACK = 1 << 19,
    OPTION_ONLY_CHANGED = 1 << 20,
    OPTION_OVERRIDE = 1 << 21,
    OPTION_YES = 1 << 22,
    OPTION_MODE = 1 << 23,
    OPTION_DISCARD = 1 << 24,
    OPTION_MAP = 1 << 26,
    OPTION_TIMEOUT = 1 << 27,
    OPTION_RESUME = 1 << 28,

    /* What every job takes. */
    OPTIONS_OF_JOBS = OPTION_THREADS | OPTION_DIGEST | OPTION_JSON | OPTION_PROGRESS |
                      OPTION_QUIET | OPTION_VERBOSE | OPTION_HELP,
};

enum progress_mode {
    PROGRESS_AUTO,
    PROGRESS_BAR,
    PROGRESS_LINES, /* what "auto" means without a terminal */
    PROGRESS_JSON,
    PROGRESS_NONE,
};

struct options {
    const struct command *command;
    const char *operands[COMMAND_OPERANDS_MAX];
    struct imgz_options job; /* what goes to the library; the callbacks are not set */
    const char *against;     /* verify: NULL, or what to compare with */
    enum progress_mode progress;
    uint32_t given; /* of enum option_bit: what the command line has */
};

static inline bool options_has(const struct options *options, enum option_bit bit)
{
    return (options->given & bit) != 0;
}

/* What is wrong with a command line, for people. */
struct options_problem {
    char text[512];
};

/* Reads argv[1..] of 'command', whose name is argv[0]. 0, or -EINVAL with 'problem' filled in; the
 * result then holds what was read so far. */
__attribute__((warn_unused_result)) int options_parse(const struct command *command, int argc,
                                                      char **argv, struct options *result,
                                                      struct options_problem *problem);

/* Prints the options 'command' takes, a line each. */
void options_print_help(const struct command *command, FILE *stream);

#endif /* IMGZ_TOOLS_OPTIONS_H */
