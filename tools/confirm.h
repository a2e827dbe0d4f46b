/* SPDX-License-Identifier: MIT */
/*
 * Before a restore overwrites a drive: says which one and what is on it, so that a wrong one can be
 * noticed, and asks if there is somebody to ask.
 */
#ifndef IMGZ_TOOLS_CONFIRM_H
#define IMGZ_TOOLS_CONFIRM_H

#include "runner.h"

/* An imgz_confirm_fn; 'context' is the struct runner of the restore. Says what is about to be
 * overwritten, unless --quiet is given. Asks for the device's name to be typed in, where standard
 * input (or, if the image comes from there, the terminal itself) and standard error are terminals,
 * and none of --yes, --quiet and --json is given. -ECANCELED: the answer was another. */
int confirm_overwrite(void *context);

#endif /* IMGZ_TOOLS_CONFIRM_H */
