/* SPDX-License-Identifier: MIT */
/*
 * The terminal at which somebody can be asked, whatever the standard streams are redirected to.
 */
#ifndef IMGZ_TOOLS_TERMINAL_H
#define IMGZ_TOOLS_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum terminal_state {
    TERMINAL_READY,
    TERMINAL_NONE,       /* nobody to ask: cron, ssh without -t, a service */
    TERMINAL_BACKGROUND, /* a background job: reading would stop it until it is brought back */
};

struct terminal {
    int fd;    /* where answers come from */
    FILE *out; /* where questions go */
};

/* Opens the controlling terminal; without one, as in a rescue shell on a console, standard input
 * and error if both are terminals. Close it if it is READY. What was typed before is dropped: it
 * was not an answer. */
enum terminal_state terminal_open(struct terminal *terminal);
void terminal_close(struct terminal *terminal);

/* Waits for a line, and takes it without its end. False: the end of input, a stop signal, or the
 * terminal failed. */
bool terminal_read(struct terminal *terminal, char *line, size_t line_bytes);

#endif /* IMGZ_TOOLS_TERMINAL_H */
