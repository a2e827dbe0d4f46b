/* SPDX-License-Identifier: MIT */
#include "signals.h"

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

/* Written by the handler, in whichever thread the signal lands; read by the progress callback. */
static volatile sig_atomic_t stop_signal;

static void on_stop(int number)
{
    if (stop_signal != 0)
        _exit(128 + number);
    stop_signal = number;
}

static void set_handler(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};

    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

void signals_ignore_write_signals(void)
{
    set_handler(SIGPIPE, SIG_IGN);
    set_handler(SIGXFSZ, SIG_IGN);
}

void signals_catch_stop(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct sigaction before;

        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            set_handler(numbers[i], on_stop);
    }
}

int signals_stop_requested(void)
{
    return stop_signal;
}
