/* SPDX-License-Identifier: MIT */
/*
 * Signals. One that would end the process asks the running job to stop and clean up instead: so it
 * can always say what is left behind. Signals that mean a bug in the program (SIGSEGV, SIGABRT and
 * the like) are left alone. So are those that were ignored when the program was started (nohup, a
 * shell's background job) or have a handler by then (a profiler).
 */
#ifndef IMGZ_TOOLS_SIGNALS_H
#define IMGZ_TOOLS_SIGNALS_H

#include <stdbool.h>
#include <sys/types.h>

/* Call it at the start. From then on a broken pipe and a file size limit are errors of the write
 * that meets them (EPIPE, EFBIG), and SIGUSR1 asks for progress. Children can be waited for, even
 * if SIGCHLD was ignored when the program was started. */
void signals_start(void);

/* From here on a signal that would end the process is only recorded. A second SIGINT, SIGTERM or
 * SIGQUIT, a second or more after that, does end it, at once. */
void signals_catch_stop(void);

/* From here on signals that ask to stop, or for progress, are sent to this process as well; 0: to
 * none. */
void signals_pass_on(pid_t process);

/* The signal that asked to stop, or 0. */
int signals_stop_requested(void);

/* True if progress was asked for (SIGUSR1; SIGINFO where there is one) since the last call. */
bool signals_take_progress_request(void);

/* "SIGTERM", "SIGRTMIN+3". */
struct signals_name {
    char text[32];
};
struct signals_name signals_name(int number);

#endif /* IMGZ_TOOLS_SIGNALS_H */
