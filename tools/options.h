/* SPDX-License-Identifier: MIT */
/*
 * A command line, read: its operands and options. option_table.c says which options there are, and
 * which commands take them; any other is a usage error.
 */
#ifndef IMGZ_TOOLS_OPTIONS_H
#define IMGZ_TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <imgz/imgz.h>

#include "command.h"

/* In the order of the help. option_table.c says what each is. */
enum option_id {
    OPTION_LEVEL,
    OPTION_CHUNK_SIZE,
    OPTION_CHUNK_HASH,
    OPTION_AGAINST,
    OPTION_SCRUB,
    OPTION_DIGEST,
    OPTION_TOPOLOGY,
    OPTION_THREADS,
    OPTION_DIRECT,
    OPTION_SECONDS,
    OPTION_WRITE_TO,
    OPTION_ON_ERROR,
    OPTION_RETRIES,
    OPTION_MAP,
    OPTION_TIMEOUT,
    OPTION_SIZE,
    OPTION_ONLY_CHANGED,
    OPTION_READ_BACK,
    OPTION_RESUME,
    OPTION_PARANOID,
    OPTION_DISCARD_PARTIAL,
    OPTION_DISCARD,
    OPTION_FIX_GPT,
    OPTION_OVERRIDE,
    OPTION_YES,
    OPTION_FORCE,
    OPTION_DRY_RUN,
    OPTION_MODE,
    OPTION_REPRODUCIBLE,
    OPTION_ALLOW_EMPTY,
    OPTION_SSH,
    OPTION_REMOTE_IMGZ,
    OPTION_SUDO,
    OPTION_JSON,
    OPTION_PROGRESS,
    OPTION_QUIET,
    OPTION_VERBOSE,
    OPTION_HELP,
    OPTION_COUNT
};

_Static_assert(OPTION_COUNT <= 64, "options.given has a bit for each");

enum progress_mode {
    PROGRESS_AUTO,
    PROGRESS_BAR,
    PROGRESS_LINES, /* what "auto" means without a terminal */
    PROGRESS_JSON,
    PROGRESS_NONE,
};

struct options {
    const struct command *command;
    const char **operands;   /* in the command's order; NULL for an optional one that is left out */
    unsigned operand_count;  /* how many were given */
    bool is_one_of_several;  /* true if the command line has more operands like this one */
    struct imgz_options job; /* what goes to the library; the callbacks are not set */
    const char *against;     /* verify: NULL, or what to compare with */
    enum progress_mode progress;
    uint64_t given; /* bit n: the command line has option n of enum option_id */
};

static inline bool options_has(const struct options *options, enum option_id id)
{
    return (options->given >> id & 1) != 0;
}

/* Whether 'command' takes option 'id'. */
bool options_takes(const struct command *command, enum option_id id);

/* What is wrong with a command line, for people. */
struct options_problem {
    char text[512];
};

/* Reads argv[1..] of 'command', whose name is argv[0]. 0, or -EINVAL with 'problem' filled in; the
 * result then holds what was read so far. */
__attribute__((warn_unused_result)) int options_parse(const struct command *command, int argc,
                                                      char **argv, struct options *result,
                                                      struct options_problem *problem);

/* Frees what options_parse() got, however it ended. */
void options_release(struct options *options);

/* Prints the options 'command' takes, a line each. */
void options_print_help(const struct command *command, FILE *stream);

#endif /* IMGZ_TOOLS_OPTIONS_H */
