/* SPDX-License-Identifier: MIT */
/* Put before the C library: every thread that is started, and every process before it ends, tries
 * what a program that was broken into would try, and tells of it through the descriptor in
 * CONFINE_PROBE_FD. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct start {
    void *(*body)(void *argument);
    void *argument;
};

static bool can_open(const char *path, int flags)
{
    const int fd = open(path, flags | O_CLOEXEC, 0600);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* Nobody listens there: it is refused by the network, or not even tried. */
static bool can_connect(void)
{
    const struct sockaddr_in nobody = {
        .sin_family = AF_INET,
        .sin_port = htons(9),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool allowed =
        connect(fd, (const struct sockaddr *)&nobody, sizeof(nobody)) == 0 || errno != EACCES;

    close(fd);
    return allowed;
}

static const char *word(bool allowed)
{
    return allowed ? "allowed" : "denied";
}

/* 'victim' is a file in the folder that the program works in; its parent is not confined. */
static void try_all(const char *who)
{
    const char *number = getenv("CONFINE_PROBE_FD");
    const bool reads = can_open("/etc/passwd", O_RDONLY);
    const bool writes = can_open("broken-out", O_WRONLY | O_CREAT);
    const bool truncates = truncate("victim", 0) == 0;
    const bool connects = can_connect();
    const bool signals = kill(getppid(), 0) == 0;

    if (number != NULL)
        dprintf((int)strtol(number, NULL, 10),
                "%s: read %s, write %s, truncate %s, connect %s, signal %s\n", who, word(reads),
                word(writes), word(truncates), word(connects), word(signals));
}

static void *probe(void *argument)
{
    const struct start start = *(struct start *)argument;

    free(argument);
    try_all("thread");
    return start.body(start.argument);
}

__attribute__((destructor)) static void probe_end(void)
{
    try_all("end");
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *),
                   void *argument)
{
    int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    struct start *start = malloc(sizeof(*start));

    *(void **)&next = dlsym(RTLD_NEXT, "pthread_create");
    *start = (struct start){body, argument};
    return next(thread, attributes, probe, start);
}
