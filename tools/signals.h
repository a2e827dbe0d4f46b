/* SPDX-License-Identifier: MIT */
/*
 * Signals: the first SIGINT, SIGTERM or SIGHUP asks the running job to stop and clean up, the
 * second ends the process at once.
 */
#ifndef IMGZ_TOOLS_SIGNALS_H
#define IMGZ_TOOLS_SIGNALS_H

/* Makes a broken pipe and a file size limit errors of the write that meets them (EPIPE, EFBIG). */
void signals_ignore_write_signals(void);

/* From here on the stop signals are only remembered. Those that were ignored when the program was
 * started (nohup, a shell's background job) stay ignored. */
void signals_catch_stop(void);

/* The stop signal that came, or 0. */
int signals_stop_requested(void);

#endif /* IMGZ_TOOLS_SIGNALS_H */
