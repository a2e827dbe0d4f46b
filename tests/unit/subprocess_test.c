/* SPDX-License-Identifier: MIT */
/* A process of its own: what it may do to the one that started it is nothing. */
#include "machine/subprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

#define SHORT_MS 50u    /* for what is to run out */
#define LONG_MS  60000u /* for what is not */

/* Shared with the child, which writes here what happens to it. */
static struct {
    volatile int exit_handlers_run;
    volatile int signal_handlers_run;
    volatile pid_t child;
} * shared;

static int start(void (*body)(const void *, int), const void *context,
                 enum imgz_subprocess_kind kind, uint32_t limit_ms, struct imgz_subprocess *apart)
{
    const struct imgz_subprocess_config config = {
        .kind = kind, .body = body, .context = context, .limit_ms = limit_ms};

    shared->child = 0;
    return imgz_subprocess_start(&config, apart);
}

/* What the first 4 bytes that come are, or why none do; nobody is left. */
static int ask(void (*body)(const void *, int), const void *context, enum imgz_subprocess_kind kind,
               uint32_t limit_ms, uint32_t *answer)
{
    struct imgz_subprocess apart;
    int rc;

    assert_int_equal(start(body, context, kind, limit_ms, &apart), 0);
    rc = imgz_subprocess_read(&apart, answer, sizeof(*answer));
    imgz_subprocess_end(&apart);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    return rc;
}

static uint32_t count_open(void)
{
    uint32_t count = 0;

    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* ---- What children do -------------------------------------------------------------------------
 */

static void answer(const void *context, int fd)
{
    imgz_subprocess_write(fd, context, sizeof(uint32_t));
}

static void say_nothing(const void *context, int fd)
{
    (void)context;
    (void)fd;
}

static void loop(const void *context, int fd)
{
    (void)context;
    (void)fd;
    shared->child = getpid();
    for (;;)
        ;
}

/* Without processor time, of which it has but so much. */
static void doze(const void *context, int fd)
{
    (void)context;
    (void)fd;
    shared->child = getpid();
    for (;;)
        pause();
}

static void answer_and_loop(const void *context, int fd)
{
    answer(context, fd);
    loop(context, fd);
}

static void crash(const void *context, int fd)
{
    (void)context;
    (void)fd;
    __builtin_trap();
}

static void fall_apart(const void *context, int fd)
{
    (void)context;
    (void)fd;
    abort();
}

/* Ends when there is no more; says how much there was, in MiB. */
static void take_memory(const void *context, int fd)
{
    const size_t mib = (size_t)1 << 20;
    uint32_t count = 0;

    (void)context;
    while (count < 4096 && mmap(NULL, mib, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                                0) != MAP_FAILED)
        count += 1;
    imgz_subprocess_write(fd, &count, sizeof(count));
}

static void count_files(const void *context, int fd)
{
    const uint32_t count = count_open();

    (void)context;
    imgz_subprocess_write(fd, &count, sizeof(count));
}

/* 1: as it must be. */
static void look_around(const void *context, int fd)
{
    struct rlimit core;
    struct rlimit cpu;
    sigset_t blocked;
    uint32_t right;

    (void)context;
    right = getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0 &&
            getrlimit(RLIMIT_CPU, &cpu) == 0 && cpu.rlim_max != RLIM_INFINITY &&
            pthread_sigmask(SIG_SETMASK, NULL, &blocked) == 0 &&
            sigismember(&blocked, SIGTERM) == 1 && sigismember(&blocked, SIGINT) == 1 &&
            write(STDERR_FILENO, "x", 1) == 1;
    kill(getpid(), SIGTERM); /* stays pending: no handler of the parent's runs */
    imgz_subprocess_write(fd, &right, sizeof(right));
}

/* ---- And what becomes of it -------------------------------------------------------------------
 */

static void an_answer_comes_through(void **state)
{
    const uint32_t sent = 0x12345678;
    uint32_t got = 0;

    (void)state;
    assert_int_equal(ask(answer, &sent, IMGZ_SUBPROCESS_CHILD, LONG_MS, &got), 0);
    assert_int_equal(got, sent);
    assert_int_equal(ask(answer, &sent, IMGZ_SUBPROCESS_ORPHAN, LONG_MS, &got), 0);
    assert_int_equal(got, sent);
}

static void silence_and_crashes_are_told(void **state)
{
    uint32_t got;

    (void)state;
    for (int kind = IMGZ_SUBPROCESS_CHILD; kind <= IMGZ_SUBPROCESS_ORPHAN; kind++) {
        assert_int_equal(ask(say_nothing, NULL, (enum imgz_subprocess_kind)kind, LONG_MS, &got),
                         -EPROTO);
        assert_int_equal(ask(crash, NULL, (enum imgz_subprocess_kind)kind, LONG_MS, &got), -EPROTO);
        assert_int_equal(ask(fall_apart, NULL, (enum imgz_subprocess_kind)kind, LONG_MS, &got),
                         -EPROTO);
    }
}

/* ask() has waited for it, which it would do for ever if the loop were not ended. */
static void a_loop_is_ended(void **state)
{
    const uint32_t sent = 7;
    uint32_t got = 0;

    (void)state;
    assert_int_equal(ask(loop, NULL, IMGZ_SUBPROCESS_CHILD, SHORT_MS, &got), -ETIMEDOUT);
    assert_int_equal(ask(doze, NULL, IMGZ_SUBPROCESS_CHILD, SHORT_MS, &got), -ETIMEDOUT);
    assert_int_equal(ask(answer_and_loop, &sent, IMGZ_SUBPROCESS_CHILD, LONG_MS, &got), 0);
    assert_int_equal(got, sent);
}

static void an_orphan_is_not_waited_for(void **state)
{
    uint32_t got;

    (void)state;
    assert_int_equal(ask(loop, NULL, IMGZ_SUBPROCESS_ORPHAN, SHORT_MS, &got), -ETIMEDOUT);
    while (shared->child == 0)
        usleep(1000);
    assert_int_equal(kill(shared->child, SIGKILL), 0);
}

/* The process that started it dies before it could end it. */
static void a_child_does_not_outlive_its_parent(void **state)
{
    struct imgz_subprocess apart;
    int status = 0;
    pid_t middle;

    (void)state;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    middle = fork();
    assert_true(middle >= 0);
    if (middle == 0) {
        if (start(doze, NULL, IMGZ_SUBPROCESS_CHILD, LONG_MS, &apart) < 0)
            _exit(1);
        while (shared->child == 0)
            usleep(1000);
        _exit(0);
    }
    assert_int_equal(waitpid(middle, &status, 0), middle);
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(waitpid(shared->child, &status, 0), shared->child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0), 0);
}

static void memory_is_limited(void **state)
{
    uint32_t mib = 0;

    (void)state;
    assert_int_equal(ask(take_memory, NULL, IMGZ_SUBPROCESS_CHILD, LONG_MS, &mib), 0);
    assert_in_range(mib, 100, 300);
}

static void the_child_holds_nothing(void **state)
{
    int fds[2];
    uint32_t count = 0;
    uint32_t before;
    int high_fd;

    (void)state;
    assert_int_equal(pipe(fds), 0);
    high_fd = fcntl(fds[0], F_DUPFD, 200);
    assert_true(high_fd >= 200);
    before = count_open();
    assert_int_equal(ask(count_files, NULL, IMGZ_SUBPROCESS_CHILD, LONG_MS, &count), 0);
    assert_int_equal(count, 4); /* three streams and the pipe */
    assert_int_equal(ask(count_files, NULL, IMGZ_SUBPROCESS_ORPHAN, LONG_MS, &count), 0);
    assert_int_equal(count, 4);
    assert_int_equal(count_open(), before);
    close(high_fd);
    close(fds[0]);
    close(fds[1]);
}

static void count_signal(int signal)
{
    (void)signal;
    shared->signal_handlers_run += 1;
}

static void handlers_do_not_run_in_the_child(void **state)
{
    const struct sigaction counting = {.sa_handler = count_signal};
    struct sigaction before;
    sigset_t mask;
    uint32_t right = 0;

    (void)state;
    shared->exit_handlers_run = 0;
    shared->signal_handlers_run = 0;
    assert_int_equal(sigaction(SIGTERM, &counting, &before), 0);
    assert_int_equal(ask(look_around, NULL, IMGZ_SUBPROCESS_CHILD, LONG_MS, &right), 0);
    assert_int_equal(right, 1);
    /* Until its end: the answer to this is that it has closed all it had. */
    assert_int_equal(ask(say_nothing, NULL, IMGZ_SUBPROCESS_CHILD, LONG_MS, &right), -EPROTO);
    assert_int_equal(shared->signal_handlers_run, 0);
    assert_int_equal(shared->exit_handlers_run, 0);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    assert_int_equal(sigismember(&mask, SIGTERM), 0);
    assert_int_equal(sigismember(&mask, SIGINT), 0);
    assert_int_equal(sigaction(SIGTERM, &before, NULL), 0);
}

/* A process that ignores SIGCHLD has no child to wait for; one with other children keeps them. */
static void other_children_are_left_alone(void **state)
{
    const uint32_t sent = 5;
    struct imgz_subprocess apart;
    uint32_t got = 0;
    siginfo_t ended;
    int status = 0;
    pid_t other;

    (void)state;
    other = fork();
    assert_true(other >= 0);
    if (other == 0)
        _exit(17);
    assert_int_equal(waitid(P_PID, (id_t)other, &ended, WEXITED | WNOWAIT), 0);
    assert_int_equal(start(answer, &sent, IMGZ_SUBPROCESS_CHILD, LONG_MS, &apart), 0);
    assert_int_equal(imgz_subprocess_read(&apart, &got, sizeof(got)), 0);
    imgz_subprocess_end(&apart);
    assert_int_equal(waitpid(other, &status, 0), other);
    assert_int_equal(WEXITSTATUS(status), 17);
    signal(SIGCHLD, SIG_IGN);
    assert_int_equal(ask(answer, &sent, IMGZ_SUBPROCESS_CHILD, LONG_MS, &got), 0);
    assert_int_equal(ask(crash, NULL, IMGZ_SUBPROCESS_CHILD, LONG_MS, &got), -EPROTO);
    assert_int_equal(ask(loop, NULL, IMGZ_SUBPROCESS_CHILD, SHORT_MS, &got), -ETIMEDOUT);
    signal(SIGCHLD, SIG_DFL);
}

static void no_process_is_told(void **state)
{
    const struct rlimit none = {0, 0};
    struct imgz_subprocess apart;
    int status = 0;
    pid_t child;

    (void)state;
    if (geteuid() == 0) {
        /* Nobody may not fork here; root may. */
        child = fork();
        if (child == 0) {
            const uint32_t before = count_open();

            if (setrlimit(RLIMIT_NPROC, &none) < 0 || setuid(65534) < 0)
                _exit(77);
            if (start(say_nothing, NULL, IMGZ_SUBPROCESS_CHILD, LONG_MS, &apart) != -EAGAIN)
                _exit(1);
            _exit(count_open() == before ? 0 : 2);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

static void note_exit(void)
{
    shared->exit_handlers_run += 1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_comes_through),
        cmocka_unit_test(silence_and_crashes_are_told),
        cmocka_unit_test(a_loop_is_ended),
        cmocka_unit_test(an_orphan_is_not_waited_for),
        cmocka_unit_test(a_child_does_not_outlive_its_parent),
        cmocka_unit_test(memory_is_limited),
        cmocka_unit_test(the_child_holds_nothing),
        cmocka_unit_test(handlers_do_not_run_in_the_child),
        cmocka_unit_test(other_children_are_left_alone),
        cmocka_unit_test(no_process_is_told),
    };

    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED || atexit(note_exit) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
