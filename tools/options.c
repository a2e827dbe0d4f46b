/* SPDX-License-Identifier: MIT */
/*
 * getopt_long() finds the options, and option_table says what each is. Two things getopt does not
 * do by itself. Levels such as -12 are ten short options with optional arguments ("-1" with the
 * argument "2"). And abbreviations of long options are refused, because a script that uses one
 * would break when an option is added.
 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "environment.h"
#include "habits.h"
#include "option_table.h"
#include "suggest.h"

/* What getopt_long() returns for an option of the table: beyond every character. */
#define CODE_OF_ID(id) (256 + (int)(id))

/* Room for a letter and a colon per option, and for the levels. */
#define LETTERS_BYTES (2 * OPTION_COUNT + 40)

int options_refuse(struct options_problem *problem, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(problem->text, sizeof(problem->text), format, arguments);
    va_end(arguments);
    return -EINVAL;
}

bool options_takes(const struct command *command, enum option_id id)
{
    return (option_table[id].commands & (uint32_t)command->bit) != 0;
}

/* ---- The table, as getopt_long() wants it --------------------------------------------------- */

/* A letter for each option that has one, and ten for the levels. "-": operands come in order, as
 * code 1, wherever they stand and whatever POSIXLY_CORRECT says; ":": a missing value is reported
 * as such. */
static void make_getopt_letters(char letters[LETTERS_BYTES])
{
    size_t used = (size_t)snprintf(letters, LETTERS_BYTES, "-:0::1::2::3::4::5::6::7::8::9::");

    for (size_t id = 0; id < OPTION_COUNT; id++) {
        if (option_table[id].letter == 0)
            continue;
        letters[used++] = option_table[id].letter;
        if (option_table[id].argument != NULL)
            letters[used++] = ':';
    }
    letters[used] = '\0';
}

static void make_getopt_table(struct option table[OPTION_COUNT + 1])
{
    for (size_t id = 0; id < OPTION_COUNT; id++) {
        table[id] = (struct option){
            .name = option_table[id].name,
            .has_arg = option_table[id].argument != NULL ? required_argument : no_argument,
            .val = CODE_OF_ID(id),
        };
    }
    table[OPTION_COUNT] = (struct option){0};
}

/* The option getopt_long() means by 'code'; OPTION_COUNT: none. */
static enum option_id find_code(int code)
{
    if (code >= '0' && code <= '9')
        return OPTION_LEVEL;
    for (enum option_id id = 0; id < OPTION_COUNT; id++)
        if (code == CODE_OF_ID(id) ||
            (option_table[id].letter != 0 && code == option_table[id].letter))
            return id;
    return OPTION_COUNT;
}

static const struct option_spec *find_name(const char *name, size_t length)
{
    for (size_t id = 0; id < OPTION_COUNT; id++)
        if (strlen(option_table[id].name) == length &&
            memcmp(option_table[id].name, name, length) == 0)
            return &option_table[id];
    return NULL;
}

/* ---- Parsing -------------------------------------------------------------------------------- */

static int refuse_unknown(const struct command *command, const char *argument,
                          struct options_problem *problem)
{
    struct suggest suggest = {0};
    const char *habit = habits_of_option(argument);
    char name[64];

    snprintf(name, sizeof(name), "%.*s", (int)strcspn(argument + 2, "="), argument + 2);
    if (habit != NULL)
        return options_refuse(problem, "unknown option '--%s'; %s", name, habit);
    for (enum option_id id = 0; id < OPTION_COUNT; id++)
        if (options_takes(command, id))
            suggest_consider(&suggest, name, option_table[id].name);
    if (suggest.best != NULL)
        return options_refuse(problem, "unknown option '--%s'; did you mean '--%s'?", name,
                              suggest.best);
    return options_refuse(problem, "unknown option '--%s'", name);
}

/* Refuses long options that are not spelt out in full, before getopt_long() guesses. */
static int check_long_names(const struct command *command, int argc, char **argv,
                            struct options_problem *problem)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const struct option_spec *spec;
        size_t length;

        if (strncmp(argv[i], "--", 2) != 0)
            continue;
        length = strcspn(argv[i] + 2, "=");
        spec = find_name(argv[i] + 2, length);
        if (spec == NULL)
            return refuse_unknown(command, argv[i], problem);
        if (spec->argument != NULL && argv[i][2 + length] == '\0')
            i += 1; /* the value */
    }
    return 0;
}

static int add_operand(struct options *options, const char *value, struct options_problem *problem)
{
    const struct command *command = options->command;
    const char *habit = habits_of_operand(value);

    if (habit != NULL)
        return options_refuse(problem, "%s; for a file named '%s', write './%s'", habit, value,
                              value);
    if (options->operand_count == command->operand_count && !command->several)
        return options_refuse(problem, "'%s' is one argument too many", value);
    if (value[0] == '\0')
        return options_refuse(problem, "%s is empty",
                              command_operand(command, options->operand_count)->name);
    options->operands[options->operand_count] = value;
    options->operand_count += 1;
    return 0;
}

static int refuse_letter(char letter, struct options_problem *problem)
{
    const char option[] = {'-', letter, '\0'};
    const char *habit = habits_of_option(option);

    return options_refuse(problem, "unknown option '%s'%s%s", option, habit != NULL ? "; " : "",
                          habit != NULL ? habit : "");
}

/* What getopt_long() gave ':' or '?' for. 'argument' is the one it looked at. */
static int refuse_malformed(int code, const char *argument, struct options_problem *problem)
{
    const enum option_id id = optopt != 0 ? find_code(optopt) : OPTION_COUNT;

    if (code == ':' && id != OPTION_COUNT)
        return options_refuse(problem, "--%s needs a value: --%s %s", option_table[id].name,
                              option_table[id].name, option_table[id].argument);
    if (id != OPTION_COUNT)
        return options_refuse(problem, "--%s takes no value", option_table[id].name);
    if (optopt > ' ' && optopt < 0x7f)
        return refuse_letter((char)optopt, problem);
    return options_refuse(problem, "unknown option in '%s'", argument);
}

static int apply_option(struct options *options, int code, const char *value,
                        struct options_problem *problem)
{
    const enum option_id id = find_code(code);
    const struct option_spec *spec = &option_table[id];
    char level[16];

    if (!options_takes(options->command, id))
        return options_refuse(problem, "'imgz %s' takes no --%s", options->command->name,
                              spec->name);
    options->given |= UINT64_C(1) << id;
    options->job.flags |= spec->flag;
    if (spec->apply == NULL)
        return 0;
    if (code < '0' || code > '9')
        return spec->apply(options, value, problem);
    snprintf(level, sizeof(level), "%c%s", code, value != NULL ? value : "");
    return spec->apply(options, level, problem);
}

/* info shows an image, or with --topology this machine; the options of a plan go with that. */
static int check_topology(const struct options *options, struct options_problem *problem)
{
    if (!options_has(options, OPTION_TOPOLOGY))
        return options_has(options, OPTION_THREADS) || options_has(options, OPTION_CHUNK_SIZE)
                   ? options_refuse(problem, "--threads and --chunk-size need --topology")
                   : 0;
    return options->operand_count > 0
               ? options_refuse(problem, "--topology describes this machine: leave out %s",
                                options->command->operands[0].name)
               : 0;
}

/* What only the whole line can show. */
static int check_together(const struct options *options, struct options_problem *problem)
{
    const struct command *command = options->command;

    if (options_has(options, OPTION_HELP))
        return 0;
    if (options_takes(command, OPTION_TOPOLOGY)) {
        int rc = check_topology(options, problem);

        if (rc < 0)
            return rc;
    }
    if (options->operand_count < command->operand_count - command->optional_count &&
        !options_has(options, OPTION_TOPOLOGY))
        return options_refuse(problem, "%s is missing",
                              command->operands[options->operand_count].name);
    if (options_has(options, OPTION_AGAINST) && options->operand_count > 1)
        return options_refuse(problem, "--against takes one image: leave out '%s'",
                              options->operands[1]);
    if (options_has(options, OPTION_QUIET) && options_has(options, OPTION_VERBOSE))
        return options_refuse(problem, "--quiet and --verbose contradict each other");
    return 0;
}

int options_parse(const struct command *command, int argc, char **argv, struct options *result,
                  struct options_problem *problem)
{
    const char *ssh_client = environment_get("IMGZ_SSH");
    struct option table[OPTION_COUNT + 1];
    char letters[LETTERS_BYTES];
    int code;
    int rc;

    *result = (struct options){.command = command};
    result->operands = calloc((size_t)argc + COMMAND_OPERANDS_MAX, sizeof(result->operands[0]));
    if (result->operands == NULL)
        return options_refuse(problem, "out of memory");
    imgz_options_init(&result->job, sizeof(result->job));
    result->job.ssh_client = ssh_client;
    make_getopt_letters(letters);
    make_getopt_table(table);
    rc = check_long_names(command, argc, argv, problem);
    opterr = 0;
    optind = 0; /* glibc: start afresh, with these letters */
    while (rc == 0) {
        const char *argument = argv[optind > 0 ? optind : 1];

        code = getopt_long(argc, argv, letters, table, NULL);
        if (code == -1)
            break;
        if (code == 1)
            rc = add_operand(result, optarg, problem);
        else if (code == ':' || code == '?')
            rc = refuse_malformed(code, argument, problem);
        else
            rc = apply_option(result, code, optarg, problem);
    }
    for (; rc == 0 && optind < argc; optind++)
        rc = add_operand(result, argv[optind], problem);
    return rc < 0 ? rc : check_together(result, problem);
}

void options_release(struct options *options)
{
    free(options->operands);
    options->operands = NULL;
}

/* ---- Help ----------------------------------------------------------------------------------- */

void options_print_help(const struct command *command, FILE *stream)
{
    for (enum option_id id = 0; id < OPTION_COUNT; id++) {
        const struct option_spec *spec = &option_table[id];
        char left[32];

        if (!options_takes(command, id))
            continue;
        snprintf(left, sizeof(left), "--%s%s%s", spec->name, spec->argument != NULL ? " " : "",
                 spec->argument != NULL ? spec->argument : "");
        if (spec->letter != 0)
            fprintf(stream, "  -%c, %-18s %s\n", spec->letter, left, spec->help);
        else
            fprintf(stream, "      %-18s %s\n", left, spec->help);
    }
}
