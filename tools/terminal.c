/* SPDX-License-Identifier: MIT */
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "signals.h"

static enum terminal_state open_standard(struct terminal *terminal)
{
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return TERMINAL_NONE;
    *terminal = (struct terminal){STDIN_FILENO, stderr};
    return TERMINAL_READY;
}

static enum terminal_state open_any(struct terminal *terminal)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return open_standard(terminal);
    if (tcgetpgrp(fd) != getpgrp()) {
        close(fd);
        return TERMINAL_BACKGROUND;
    }
    terminal->fd = fd;
    terminal->out = fdopen(fd, "w");
    if (terminal->out != NULL)
        return TERMINAL_READY;
    close(fd);
    return open_standard(terminal);
}

enum terminal_state terminal_open(struct terminal *terminal)
{
    enum terminal_state state = open_any(terminal);

    if (state == TERMINAL_READY)
        tcflush(terminal->fd, TCIFLUSH);
    return state;
}

void terminal_close(struct terminal *terminal)
{
    if (terminal->out != stderr)
        fclose(terminal->out);
}

/* Waits until there is something to read; false if a stop signal came first. Signals are let in
 * only while it waits, so none is lost between the check for one and the wait. */
static bool wait_for_input(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    sigset_t all, before;
    int count = -1;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    while (signals_stop_requested() == 0 && count < 0) {
        count = ppoll(&ready, 1, NULL, &before);
        if (count < 0 && errno != EINTR)
            break;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return count > 0;
}

bool terminal_read(struct terminal *terminal, char *line, size_t line_bytes)
{
    ssize_t length;

    fflush(terminal->out);
    if (!wait_for_input(terminal->fd))
        return false;
    length = read(terminal->fd, line, line_bytes - 1);
    if (length <= 0)
        return false;
    line[length] = '\0';
    line[strcspn(line, "\n")] = '\0';
    return true;
}
