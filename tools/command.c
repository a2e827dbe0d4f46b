/* SPDX-License-Identifier: MIT */
#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "habits.h"
#include "help.h"
#include "options.h"
#include "report.h"
#include "signals.h"
#include "streams.h"
#include "suggest.h"

const struct command *const command_table[] = {
    &cmd_capture, &cmd_restore, &cmd_verify, &cmd_hash, &cmd_info,
    &cmd_devices, &cmd_bench,   &cmd_remote, NULL,
};

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; command_table[i] != NULL; i++)
        if (strcmp(command_table[i]->name, name) == 0)
            return command_table[i];
    return NULL;
}

/* ---- Usage errors --------------------------------------------------------------------------- */

/* 'command' and 'options' as far as they are known: each may be NULL. */
static int fail_usage(const struct command *command, const struct options *options, bool json,
                      const char *text)
{
    const char *name = command != NULL ? command->name : NULL;
    struct imgz_error error = {
        .kind = IMGZ_ERROR_USAGE,
        .code = -EINVAL,
        .stage = IMGZ_STAGE_SETUP,
        .offset = IMGZ_OFFSET_NONE,
    };
    const struct report report = {
        .command = name,
        .options = options,
        .error = &error,
        .exit_code = EXIT_CODE_USAGE,
    };

    streams_error("%s", text);
    streams_note("Try 'imgz%s%s --help'.", name != NULL ? " " : "", name != NULL ? name : "");
    if (json) {
        snprintf(error.text, sizeof(error.text), "%s", text);
        report_print_json(&report);
    }
    return EXIT_CODE_USAGE;
}

int command_refuse(const struct options *options, const char *text)
{
    return fail_usage(options->command, options, options_has(options, OPTION_JSON), text);
}

/* Whether --json is there, also on a line that cannot be parsed. */
static bool mentions_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--json") == 0)
            return true;
    return false;
}

static int fail_unknown(const char *name, bool json)
{
    const char *habit = habits_of_command(name);
    struct suggest suggest = {0};
    char text[256];

    for (size_t i = 0; command_table[i] != NULL; i++)
        suggest_consider(&suggest, name, command_table[i]->name);
    if (habit != NULL)
        snprintf(text, sizeof(text), "there is no command '%.64s'; %s", name, habit);
    else if (suggest.best != NULL)
        snprintf(text, sizeof(text), "there is no command '%.64s'; did you mean '%s'?", name,
                 suggest.best);
    else
        snprintf(text, sizeof(text), "there is no command '%.64s'", name);
    return fail_usage(NULL, NULL, json, text);
}

static int fail_option_first(const char *option, bool json)
{
    const char *habit = habits_of_option(option);
    char text[256];

    snprintf(text, sizeof(text), "the command comes first, then its options%s%s",
             habit != NULL ? "; " : "", habit != NULL ? habit : "");
    return fail_usage(NULL, NULL, json, text);
}

/* ---- Standard streams ------------------------------------------------------------------------ */

/* Why this operand cannot be "-", or NULL. */
static const char *refuse_stream(const struct options *options, enum operand_role role)
{
    switch (role) {
    case OPERAND_SOURCE:
    case OPERAND_IMAGE:
        if (isatty(STDIN_FILENO))
            return "disks and images cannot be typed in: redirect standard input or name a file";
        return NULL;
    case OPERAND_IMAGE_OUT:
    case OPERAND_RAW_OUT:
        if (options_has(options, OPTION_JSON))
            return "--json needs standard output for itself: name a file";
        if (isatty(STDOUT_FILENO))
            return "not writing a disk to the terminal: redirect standard output or name a file";
        return NULL;
    case OPERAND_SAMPLE:
        return "a stream cannot be measured: name a file or a block device";
    }
    return NULL;
}

static const char *check_streams(const struct options *options)
{
    const char *refusal = NULL;
    unsigned stream_count = 0;

    for (unsigned i = 0; i < options->operand_count && refusal == NULL; i++) {
        if (strcmp(options->operands[i], "-") != 0)
            continue;
        refusal = refuse_stream(options, command_operand(options->command, i)->role);
        stream_count += 1;
    }
    if (refusal == NULL && stream_count > 1 && options->command->several)
        return "standard input can be read only once";
    if (refusal == NULL && options->against != NULL && strcmp(options->against, "-") == 0)
        refusal = refuse_stream(options, OPERAND_SOURCE);
    return refusal;
}

/* ---- Dispatch -------------------------------------------------------------------------------- */

const struct operand *command_operand(const struct command *command, unsigned index)
{
    return &command->operands[index < command->operand_count ? index : command->operand_count - 1];
}

int command_each(const struct options *options, int (*one)(const struct options *options),
                 unsigned *failed_count)
{
    enum child_end end = CHILD_DONE;
    int worst = EXIT_CODE_DONE;

    *failed_count = 0;
    if (options->operand_count == 1) {
        worst = one(options);
        *failed_count = worst != EXIT_CODE_DONE ? 1 : 0;
        return worst;
    }
    for (unsigned i = 0; i < options->operand_count && worst < EXIT_CODE_SIGNAL; i++) {
        struct options alone = *options;
        int exit_code;

        alone.operands = options->operands + i;
        alone.operand_count = 1;
        alone.is_one_of_several = true;
        end = child_run(one, &alone, &exit_code);
        *failed_count += exit_code != EXIT_CODE_DONE ? 1 : 0;
        worst = exit_code > worst ? exit_code : worst;
        if (signals_stop_requested() != 0)
            return EXIT_CODE_SIGNAL + signals_stop_requested();
        if (end == CHILD_SILENT)
            break;
    }
    return worst;
}

static int run_parsed(const struct options *options)
{
    const char *refusal = check_streams(options);

    if (options_has(options, OPTION_HELP)) {
        help_print_command(options->command);
        return EXIT_CODE_DONE;
    }
    return refusal != NULL ? command_refuse(options, refusal) : options->command->run(options);
}

static int run_command(const struct command *command, int argc, char **argv)
{
    struct options_problem problem;
    struct options options;
    int exit_code;

    if (options_parse(command, argc, argv, &options, &problem) < 0)
        exit_code = fail_usage(command, NULL, mentions_json(argc, argv), problem.text);
    else
        exit_code = run_parsed(&options);
    options_release(&options);
    return exit_code;
}

/* imgz help [COMMAND] */
static int run_help(int argc, char **argv)
{
    const struct command *command = argc > 1 ? find_command(argv[1]) : NULL;

    if (argc > 2)
        return fail_usage(NULL, NULL, false, "help takes one command, or none");
    if (argc > 1 && command == NULL)
        return fail_unknown(argv[1], false);
    if (command != NULL)
        help_print_command(command);
    else
        help_print_program();
    return EXIT_CODE_DONE;
}

static bool is_either(const char *argument, const char *name, const char *letter)
{
    return strcmp(argument, name) == 0 || strcmp(argument, letter) == 0;
}

int command_main(int argc, char **argv)
{
    const struct command *command;

    if (argc < 2)
        return fail_usage(NULL, NULL, false, "a command is needed, such as capture or restore");
    if (strcmp(argv[1], "help") == 0)
        return run_help(argc - 1, argv + 1);
    if (is_either(argv[1], "--help", "-h"))
        return run_help(1, argv);
    if (is_either(argv[1], "--version", "-V")) {
        help_print_version();
        return EXIT_CODE_DONE;
    }
    if (argv[1][0] == '-')
        return fail_option_first(argv[1], mentions_json(argc, argv));
    command = find_command(argv[1]);
    if (command == NULL)
        return fail_unknown(argv[1], mentions_json(argc, argv));
    return run_command(command, argc - 1, argv + 1);
}
