/* SPDX-License-Identifier: MIT */
/*
 * Before a restore overwrites a drive: says which one, what is on it and what will overwrite it, so
 * that a mistake can be noticed; then asks, if there is somebody to ask.
 */
#ifndef IMGZ_TOOLS_CONFIRM_H
#define IMGZ_TOOLS_CONFIRM_H

#include "runner.h"

/* An imgz_confirm_image_fn; 'context' is the struct runner of the restore. With a terminal
 * (terminal.h) it says there what is about to happen, and asks the user to type the device's name;
 * only --yes skips that. Without one it says so on standard error, unless --quiet is given, and
 * goes on. -ECANCELED: another answer, or a background job, which cannot ask. */
int confirm_overwrite(const struct imgz_image *image, void *context);

#endif /* IMGZ_TOOLS_CONFIRM_H */
