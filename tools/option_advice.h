/* SPDX-License-Identifier: MIT */
/*
 * What to do about an error, in the words of the command line. The library says what happened and
 * why (enum imgz_reason); which option helps, and whether the command has it, is decided here.
 */
#ifndef IMGZ_TOOLS_OPTION_ADVICE_H
#define IMGZ_TOOLS_OPTION_ADVICE_H

#include <imgz/imgz.h>

#include "options.h"

/* Adds to the error's text what helps, as far as it fits. */
void option_advice_complete(const struct options *options, struct imgz_error *error);

#endif /* IMGZ_TOOLS_OPTION_ADVICE_H */
