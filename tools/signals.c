/* SPDX-License-Identifier: MIT */
/*
 * A stop is often asked for twice within a moment. timeout(1) signals the program and then its
 * group. A shell that ends and the terminal that it leaves both send SIGHUP. Over the limit of
 * processor time SIGXCPU comes every second. Only somebody who has waited and asks again wants to
 * skip the cleaning up.
 */
#include "signals.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 1000u

/* Written by the handlers, which run in the thread that runs the job, and block each other; read by
 * the progress callback. */
static volatile sig_atomic_t stop_signal;
static volatile sig_atomic_t stop_ms; /* when it came, as now_ms() */
static volatile sig_atomic_t progress_wanted;
static volatile sig_atomic_t passed_to; /* a process, or 0 */

static void pass_on(int number)
{
    if (passed_to != 0)
        (void)kill((pid_t)passed_to, number);
}

/* Wraps around. */
static uint32_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)now.tv_sec * 1000 + (uint32_t)(now.tv_nsec / 1000000);
}

static bool insists(int number)
{
    return (number == SIGINT || number == SIGTERM || number == SIGQUIT) &&
           now_ms() - (uint32_t)stop_ms >= PATIENCE_MS;
}

/* If a write fails, the kernel names the process itself as the sender of these. */
static bool is_of_write(int number, const siginfo_t *info)
{
    return (number == SIGPIPE || number == SIGXFSZ) && info->si_pid == getpid();
}

static void on_stop(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (is_of_write(number, info))
        return;
    pass_on(number);
    if (stop_signal == 0) {
        stop_ms = (sig_atomic_t)now_ms();
        stop_signal = number;
    } else if (insists(number)) {
        _exit(128 + number);
    }
}

static void on_write(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    (void)context;
}

static void on_progress(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    (void)context;
    pass_on(number);
    progress_wanted = 1;
}

typedef void (*handler_fn)(int number, siginfo_t *info, void *context);

/* Takes a signal over from the system, or from on_write(). */
static void set_handler(int number, handler_fn handler)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_RESTART | SA_SIGINFO};
    struct sigaction before;

    if (sigaction(number, NULL, &before) < 0)
        return;
    if ((before.sa_flags & SA_SIGINFO) != 0 ? before.sa_sigaction != on_write
                                            : before.sa_handler != SIG_DFL)
        return;
    sigfillset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

void signals_start(void)
{
    (void)signal(SIGCHLD, SIG_DFL);
    set_handler(SIGPIPE, on_write);
    set_handler(SIGXFSZ, on_write);
    set_handler(SIGUSR1, on_progress);
#ifdef SIGINFO
    set_handler(SIGINFO, on_progress);
#endif
}

void signals_catch_stop(void)
{
    static const int numbers[] = {
        SIGHUP,  SIGINT,    SIGQUIT, SIGTERM, SIGPIPE, SIGALRM, SIGXCPU,
        SIGXFSZ, SIGVTALRM, SIGPROF, SIGUSR2, SIGPOLL, SIGPWR,  SIGSTKFLT,
    };

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        set_handler(numbers[i], on_stop);
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        set_handler(number, on_stop);
}

void signals_pass_on(pid_t process)
{
    passed_to = (sig_atomic_t)process;
}

int signals_stop_requested(void)
{
    return stop_signal;
}

bool signals_take_progress_request(void)
{
    if (progress_wanted == 0)
        return false;
    progress_wanted = 0;
    return true;
}

struct signals_name signals_name(int number)
{
    const char *name = sigabbrev_np(number);
    struct signals_name result;

    if (name != NULL)
        snprintf(result.text, sizeof(result.text), "SIG%s", name);
    else
        snprintf(result.text, sizeof(result.text), "SIGRTMIN+%d", number - SIGRTMIN);
    return result;
}
