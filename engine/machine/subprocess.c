/* SPDX-License-Identifier: MIT */
#include "machine/subprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

/* Memory that the child may take beyond what the process has already. */
#define CHILD_BYTES_MAX ((uint64_t)256 << 20)

/* Processor time: ends a loop even if nobody is left to kill the child. */
#define CHILD_SECONDS_MAX 10u

/* ---- The child ---------------------------------------------------------------------------- */

static void lower_limit(__rlimit_resource_t resource, uint64_t value)
{
    struct rlimit limit;

    if (getrlimit(resource, &limit) < 0)
        return;
    limit.rlim_max = (rlim_t)imgz_min(limit.rlim_max, value);
    limit.rlim_cur = (rlim_t)imgz_min(limit.rlim_cur, limit.rlim_max);
    (void)setrlimit(resource, &limit);
}

/* Bytes of the address space that are in use; 0: not known. */
static uint64_t used_bytes(void)
{
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");

    if (file == NULL)
        return 0;
    if (fscanf(file, "%llu", &pages) != 1)
        pages = 0;
    (void)fclose(file);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void limit_child(void)
{
    const uint64_t bytes = used_bytes();

    lower_limit(RLIMIT_CORE, 0);
    lower_limit(RLIMIT_CPU, CHILD_SECONDS_MAX);
    if (bytes > 0)
        lower_limit(RLIMIT_AS, bytes + CHILD_BYTES_MAX);
}

/* Closes all but the pipe, whose new number is returned. The standard streams are /dev/null, for
 * libraries that complain. */
static int close_all_but(int pipe_fd)
{
    const int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    const int keep_fd = fcntl(pipe_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

    if (keep_fd < 0)
        _exit(1);
    for (int fd = 0; fd <= STDERR_FILENO; fd++) {
        if (null_fd < 0 || dup2(null_fd, fd) < 0)
            (void)close(fd);
    }
    if (keep_fd > STDERR_FILENO + 1)
        (void)close_range(STDERR_FILENO + 1, (unsigned)keep_fd - 1, 0);
    (void)close_range((unsigned)keep_fd + 1, ~0U, 0);
    return keep_fd;
}

__attribute__((noreturn)) static void run_child(const struct imgz_subprocess_config *config,
                                                int pipe_fd, pid_t parent)
{
    if (config->kind == IMGZ_SUBPROCESS_ORPHAN) {
        if (fork() != 0)
            _exit(0);
    } else {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
    }
    limit_child();
    config->body(config->context, close_all_but(pipe_fd));
    _exit(0);
}

void imgz_subprocess_write(int pipe_fd, const void *data, size_t bytes)
{
    const char *at = data;

    while (bytes > 0) {
        ssize_t sent = write(pipe_fd, at, bytes);

        if (sent <= 0)
            _exit(1);
        at += sent;
        bytes -= (size_t)sent;
    }
}

/* ---- The parent --------------------------------------------------------------------------- */

/* Every signal is blocked; the child leaves it so. */
static int fork_child(const struct imgz_subprocess_config *config, int pipe_fd, pid_t *result)
{
    const pid_t parent = getpid();
    sigset_t all;
    sigset_t before;
    int rc;

    sigfillset(&all);
    imgz_never_fails(pthread_sigmask(SIG_SETMASK, &all, &before));
    *result = fork();
    if (*result == 0)
        run_child(config, pipe_fd, parent);
    rc = *result < 0 ? -errno : 0;
    imgz_never_fails(pthread_sigmask(SIG_SETMASK, &before, NULL));
    return rc;
}

/* For exactly this one. ECHILD: somebody else has done so, as in a process that ignores SIGCHLD. */
static void wait_for(pid_t child)
{
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
}

int imgz_subprocess_start(const struct imgz_subprocess_config *config,
                          struct imgz_subprocess *apart)
{
    int fds[2];
    pid_t child;
    int rc;

    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    rc = fork_child(config, fds[1], &child);
    (void)close(fds[1]);
    if (rc < 0) {
        (void)close(fds[0]);
        return rc;
    }
    *apart = (struct imgz_subprocess){
        .child = child,
        .pipe_fd = fds[0],
        .deadline_ns = imgz_clock_ns() + config->limit_ms * (uint64_t)1000000,
    };
    if (config->kind == IMGZ_SUBPROCESS_ORPHAN) {
        wait_for(child);
        apart->child = 0;
    }
    return 0;
}

/* 0: there is something to read, or the end. */
static int wait_readable(const struct imgz_subprocess *apart)
{
    struct pollfd wait = {.fd = apart->pipe_fd, .events = POLLIN};
    int count;

    do {
        const uint64_t now_ns = imgz_clock_ns();

        if (now_ns >= apart->deadline_ns)
            return -ETIMEDOUT;
        count = poll(&wait, 1, (int)imgz_div_up(apart->deadline_ns - now_ns, 1000000));
    } while (count == 0 || (count < 0 && errno == EINTR));
    return count < 0 ? -errno : 0;
}

int imgz_subprocess_read(const struct imgz_subprocess *apart, void *data, size_t bytes)
{
    char *at = data;

    while (bytes > 0) {
        int rc = wait_readable(apart);
        ssize_t got;

        if (rc < 0)
            return rc;
        got = read(apart->pipe_fd, at, bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got == 0 ? -EPROTO : -errno;
        at += got;
        bytes -= (size_t)got;
    }
    return 0;
}

/* True if the child must be killed. One that has closed its end of the pipe is about to end by
 * itself, or may be gone, and another process may have its number. */
static bool holds_pipe(const struct imgz_subprocess *apart)
{
    struct pollfd look = {.fd = apart->pipe_fd, .events = POLLIN};

    return poll(&look, 1, 0) == 0 || (look.revents & POLLHUP) == 0;
}

void imgz_subprocess_end(struct imgz_subprocess *apart)
{
    if (apart->child > 0) {
        if (holds_pipe(apart))
            (void)kill(apart->child, SIGKILL);
        wait_for(apart->child);
    }
    (void)close(apart->pipe_fd);
    *apart = (struct imgz_subprocess){.pipe_fd = -1};
}
