/* SPDX-License-Identifier: MIT */
/*
 * How another host is reached: part of what a source or sink is opened with.
 *
 * Ownership  the texts must outlive what is opened.
 */
#ifndef IMGZ_REACH_H
#define IMGZ_REACH_H

#include "base/base.h"

struct imgz_reach {
    const char *client;  /* "ssh -F file": words, with quotes as in a shell; NULL: "ssh" */
    const char *program; /* imgz on the other host; NULL: as its PATH has it */
    bool sudo;           /* run it as root, by "sudo -n" */
};

#endif /* IMGZ_REACH_H */
