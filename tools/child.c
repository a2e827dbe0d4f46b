/* SPDX-License-Identifier: MIT */
#include "child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"
#include "report.h"
#include "runner.h"
#include "signals.h"
#include "streams.h"

/* Between the two processes only: no command exits with it. */
#define EXIT_CODE_SILENT 125

__attribute__((noreturn)) static void run_child(int (*body)(const struct options *options),
                                                const struct options *options, pid_t parent)
{
    int exit_code;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_CODE_FAILED);
    exit_code = body(options);
    if (!streams_flush())
        exit_code = EXIT_CODE_SILENT;
    exit(exit_code);
}

/* Signals are blocked until it is known to whom they go. */
static pid_t fork_child(int (*body)(const struct options *options), const struct options *options)
{
    const pid_t parent = getpid();
    sigset_t all;
    sigset_t before;
    pid_t child;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    child = fork();
    if (child == 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        run_child(body, options, parent);
    }
    if (child > 0)
        signals_pass_on(child);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return child;
}

static enum child_end say_broken(const struct options *options, int rc, const char *what,
                                 const char *which)
{
    struct imgz_error error = {
        .code = rc,
        .stage = IMGZ_STAGE_SETUP,
        .offset = IMGZ_OFFSET_NONE,
    };
    struct report report = {.command = options->command->name, .options = options, .error = &error};

    snprintf(error.path, sizeof(error.path), "%s", options->operands[0]);
    snprintf(error.text, sizeof(error.text), "%s %s: %s %s", options->command->name,
             options->operands[0], what, which);
    report.exit_code = runner_say_error(options, rc, &error);
    if (options_has(options, OPTION_JSON))
        report_print_json(&report);
    return CHILD_BROKEN;
}

static enum child_end judge(const struct options *options, int status, int *exit_code)
{
    if (!WIFEXITED(status))
        return say_broken(options, -ECHILD, "its process was ended by",
                          signals_name(WTERMSIG(status)).text);
    if (WEXITSTATUS(status) == EXIT_CODE_SILENT)
        return CHILD_SILENT;
    *exit_code = WEXITSTATUS(status);
    return CHILD_DONE;
}

enum child_end child_run(int (*body)(const struct options *options), const struct options *options,
                         int *exit_code)
{
    int status = 0;
    pid_t child;

    *exit_code = EXIT_CODE_FAILED;
    signals_catch_stop();
    if (!streams_flush())
        return CHILD_SILENT;
    child = fork_child(body, options);
    if (child < 0)
        return say_broken(options, -errno, "cannot start a process for it:", strerror(errno));
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return say_broken(options, -errno, "its process was lost:", strerror(errno));
    signals_pass_on(0);
    return judge(options, status, exit_code);
}
