/* SPDX-License-Identifier: MIT */
/*
 * A process of its own for one of several files: it gives up its rights for good
 * (IMGZ_FLAG_CONFINE), and a file that crashes it does not affect the others.
 */
#ifndef IMGZ_TOOLS_CHILD_H
#define IMGZ_TOOLS_CHILD_H

#include "options.h"

enum child_end {
    CHILD_DONE,   /* '*exit_code' is what 'body' returned */
    CHILD_SILENT, /* nobody reads standard output any more: there is no point in going on */
    CHILD_BROKEN, /* it crashed, or could not even start; that was reported */
};

/* Calls 'body' in a child, and waits for it. Signals that stop it or ask for progress are passed
 * on. */
enum child_end child_run(int (*body)(const struct options *options), const struct options *options,
                         int *exit_code);

#endif /* IMGZ_TOOLS_CHILD_H */
