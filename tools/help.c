/* SPDX-License-Identifier: MIT */
#include "help.h"

#include <stdio.h>
#include <string.h>

#include <imgz/imgz.h>

#include "options.h"

static const char exit_codes[] =
    "Exit codes:\n"
    "  0      success\n"
    "  1      failed: input, output or the system\n"
    "  2      the command line is wrong\n"
    "  3      the data is bad: a corrupt image, a wrong hash, a drive that differs\n"
    "  4      done, but some sectors of the source could not be read\n"
    "  128+n  stopped by signal n\n";

static void print_synopsis(const struct command *command, const char *lead)
{
    const unsigned needed_count = command->operand_count - command->optional_count;
    bool topology = options_takes(command, OPTION_TOPOLOGY);
    bool only_json = topology || !options_takes(command, OPTION_THREADS);

    printf("%simgz %s", lead, command->name);
    if (options_takes(command, OPTION_JSON))
        printf(" %s", only_json ? "[--json]" : "[options]");
    for (unsigned i = 0; i < command->operand_count; i++)
        printf(i < needed_count ? " %s" : " [%s]", command->operands[i].name);
    printf("%s%s\n", command->several ? "..." : "",
           options_takes(command, OPTION_AGAINST) ? " [--against SOURCE]" : "");
    if (topology)
        printf("%*simgz %s --topology [options]\n", (int)strlen(lead), "", command->name);
}

void help_print_program(void)
{
    printf("imgz captures disks to plain .gz images and restores them, checked and in parallel.\n"
           "\n"
           "Usage:\n");
    for (size_t i = 0; command_table[i] != NULL; i++)
        print_synopsis(command_table[i], "  ");
    printf("\nCommands:\n");
    for (size_t i = 0; command_table[i] != NULL; i++)
        printf("  %-8s  %s\n", command_table[i]->name, command_table[i]->summary);
    printf("\n'imgz help COMMAND' shows the options of a command and examples; 'imgz --version'\n"
           "shows the version. '-' is standard input or output.\n"
           "\n%s",
           exit_codes);
}

void help_print_command(const struct command *command)
{
    print_synopsis(command, "Usage: ");
    printf("\n%s\nOptions:\n", command->about);
    options_print_help(command, stdout);
    printf("\nExamples:\n%s\n%s", command->examples, exit_codes);
}

void help_print_version(void)
{
    printf("imgz %s\n", imgz_version());
}
