/* SPDX-License-Identifier: MIT */
#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <imgz/imgz.h>

#include "command.h"

void streams_fill_closed(void)
{
    /* Opened the wrong way round, so that reading from 0 and writing to 1 or 2 fails. In ascending
     * order, open() takes just the number that is free. */
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0)
            _exit(EXIT_CODE_FAILED);
}

/* ---- Non-blocking streams -------------------------------------------------------------------- */

static int wait_for_room(int fd)
{
    struct pollfd room = {.fd = fd, .events = POLLOUT};

    while (poll(&room, 1, -1) < 0)
        if (errno != EINTR)
            return -errno;
    return 0;
}

int streams_write(int fd, const char *text, size_t bytes)
{
    while (bytes > 0) {
        ssize_t written = write(fd, text, bytes);
        int rc = written == 0 ? -EIO : 0;

        if (written > 0) {
            text += written;
            bytes -= (size_t)written;
        } else if (written < 0 && errno == EAGAIN) {
            rc = wait_for_room(fd);
        } else if (written < 0 && errno != EINTR) {
            rc = -errno;
        }
        if (rc < 0)
            return rc;
    }
    return 0;
}

static ssize_t write_cookie(void *cookie, const char *text, size_t bytes)
{
    int rc = streams_write(*(const int *)cookie, text, bytes);

    errno = -rc;
    return rc < 0 ? 0 : (ssize_t)bytes; /* fopencookie(3): 0 is a failure */
}

static void replace(FILE **stream, int *fd, int buffering)
{
    FILE *patient = fopencookie(fd, "w", (cookie_io_functions_t){.write = write_cookie});

    if (patient == NULL || setvbuf(patient, NULL, buffering, BUFSIZ) != 0)
        _exit(EXIT_CODE_FAILED); /* there is no memory for a few hundred bytes */
    *stream = patient;
}

void streams_make_patient(void)
{
    static int output = STDOUT_FILENO;
    static int error = STDERR_FILENO;

    replace(&stdout, &output, isatty(output) ? _IOLBF : _IOFBF);
    replace(&stderr, &error, _IONBF);
}

/* ---- The end --------------------------------------------------------------------------------- */

/* Once. */
static void say_lost(void)
{
    static bool said;

    if (!said)
        streams_error("cannot write to standard output: %s", strerror(errno));
    said = true;
}

bool streams_flush(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    say_lost();
    return false;
}

int streams_finish(int exit_code)
{
    bool whole = streams_flush();

    /* EBADF: a job wrote to standard output itself and closed it. */
    if (whole && close(STDOUT_FILENO) < 0 && errno != EBADF) {
        say_lost();
        whole = false;
    }
    return whole || exit_code != EXIT_CODE_DONE ? exit_code : EXIT_CODE_FAILED;
}

/* ---- Messages -------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 0))) static void put_line(FILE *stream, const char *prefix,
                                                           const char *format, va_list arguments)
{
    char line[2048];

    vsnprintf(line, sizeof(line), format, arguments);
    imgz_make_printable(line);
    fprintf(stream, "%s%s\n", prefix, line);
}

void streams_error(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    put_line(stderr, "imgz: ", format, arguments);
    va_end(arguments);
}

void streams_note(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    put_line(stderr, "", format, arguments);
    va_end(arguments);
}

void streams_say(FILE *stream, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    put_line(stream, "", format, arguments);
    va_end(arguments);
}

void streams_print(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    put_line(stdout, "", format, arguments);
    va_end(arguments);
}
