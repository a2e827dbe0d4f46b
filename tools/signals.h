/* SPDX-License-Identifier: MIT */
/*
 * Signals. One that would end the process asks the running job to stop and clean up instead:
 * whoever sends it, what is left behind is said. What says that the program itself is at fault
 * (SIGSEGV, SIGABRT and the like) is left alone, and so is what was ignored when the program was
 * started (nohup, a shell's background job) or has a handler by then (a profiler).
 */
#ifndef IMGZ_TOOLS_SIGNALS_H
#define IMGZ_TOOLS_SIGNALS_H

#include <stdbool.h>
#include <sys/types.h>

/* For the start: a broken pipe and a file size limit are errors of the write that meets them
 * (EPIPE, EFBIG), SIGUSR1 asks for progress, and what becomes of a child can be waited for, though
 * SIGCHLD was ignored when the program was started. */
void signals_start(void);

/* From here on what would end the process is only remembered. A second SIGINT, SIGTERM or SIGQUIT,
 * a second or more after that, does end it, at once. */
void signals_catch_stop(void);

/* From here on what asks to stop, or for progress, is sent to this process as well; 0: no more. */
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
