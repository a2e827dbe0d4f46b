/* SPDX-License-Identifier: MIT */
/* What --help and --version print on standard output. */
#ifndef IMGZ_TOOLS_HELP_H
#define IMGZ_TOOLS_HELP_H

#include "command.h"

void help_print_program(void);
void help_print_command(const struct command *command);
void help_print_version(void);

#endif /* IMGZ_TOOLS_HELP_H */
