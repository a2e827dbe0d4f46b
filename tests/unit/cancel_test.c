/* SPDX-License-Identifier: MIT */
/*
 * Jobs that are cancelled from another thread, and from a signal handler: they end with -ECANCELED,
 * and leave what a stopped job leaves.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <imgz/imgz.h>

#include "fixture.h"

#define DISK_BYTES ((size_t)32 << 20)

static struct imgz_fixture fixture;
static struct imgz_cancel *cancel;

static struct imgz_fixture_path path(const char *name)
{
    return imgz_fixture_path(&fixture, name);
}

static int set_up(void **state)
{
    unsigned char *disk = malloc(DISK_BYTES);

    (void)state;
    assert_non_null(disk);
    imgz_fixture_init(&fixture);
    for (size_t i = 0; i < DISK_BYTES; i++)
        disk[i] = (unsigned char)((i * i >> 9) + (i >> 13) * (i % 61));
    imgz_fixture_write(&fixture, "disk", disk, DISK_BYTES);
    free(disk);
    assert_int_equal(imgz_cancel_create(&cancel), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    imgz_cancel_destroy(cancel);
    imgz_cancel_destroy(NULL);
    imgz_fixture_fini(&fixture);
    return 0;
}

/* ---- Who cancels --------------------------------------------------------------------------- */

static void on_signal(int number)
{
    (void)number;
    imgz_cancel_request(cancel);
}

struct other {
    pthread_t thread;
    pthread_t job;
    bool by_signal;
    uint64_t image_bytes_min; /* the job is under way when so much was written */
    atomic_bool begun;
};

static void wait_ms(long ms)
{
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&time, NULL);
}

static void *cancel_it(void *context)
{
    struct other *other = context;

    while (!atomic_load(&other->begun))
        wait_ms(1);
    if (other->by_signal)
        pthread_kill(other->job, SIGUSR1);
    else
        imgz_cancel_request(cancel);
    return NULL;
}

static int on_progress(const struct imgz_progress *progress, void *context)
{
    struct other *other = context;

    if (progress->image_bytes_done < other->image_bytes_min)
        return 0;
    atomic_store(&other->begun, true);
    while (imgz_cancel_requested(cancel) == 0)
        wait_ms(1);
    return 0;
}

static struct imgz_options start(struct other *other, bool by_signal)
{
    struct imgz_options options;

    imgz_options_init(&options, sizeof(options));
    options.cancel = cancel;
    options.progress = on_progress;
    options.progress_context = other;
    options.progress_interval_ms = 1;
    atomic_init(&other->begun, false);
    other->job = pthread_self();
    other->by_signal = by_signal;
    assert_int_equal(pthread_create(&other->thread, NULL, cancel_it, other), 0);
    return options;
}

/* ---- What is cancelled --------------------------------------------------------------------- */

static void a_pipe_that_says_nothing(bool by_signal)
{
    struct imgz_options options;
    struct imgz_error error = {.struct_bytes = sizeof(error)};
    struct other other = {.image_bytes_min = 0};
    int fd;

    assert_int_equal(mkfifo(path("silent").text, 0600), 0);
    fd = open(path("silent").text, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    options = start(&other, by_signal);
    assert_int_equal(imgz_capture(path("silent").text, path("image").text, &options, NULL, &error),
                     -ECANCELED);
    assert_int_equal(pthread_join(other.thread, NULL), 0);
    assert_int_equal(error.code, -ECANCELED);
    assert_int_equal(imgz_fixture_count(&fixture), 2); /* the disk and the pipe */
    close(fd);
}

static void from_another_thread(void **state)
{
    (void)state;
    a_pipe_that_says_nothing(false);
}

static void from_a_signal_handler(void **state)
{
    const struct sigaction action = {.sa_handler = on_signal};
    struct sigaction before;

    (void)state;
    sigaction(SIGUSR1, &action, &before);
    a_pipe_that_says_nothing(true);
    sigaction(SIGUSR1, &before, NULL);
}

static void what_was_done_is_kept(void **state)
{
    struct imgz_options options;
    struct imgz_error error = {.struct_bytes = sizeof(error)};
    struct other other;

    (void)state;
    /* What is left takes a second or more. */
    other.image_bytes_min = 1;
    options = start(&other, false);
    options.level = 12;
    options.thread_count = 1;
    options.chunk_bytes = IMGZ_CHUNK_BYTES_MIN;
    assert_int_equal(imgz_capture(path("disk").text, path("image").text, &options, NULL, &error),
                     -ECANCELED);
    assert_int_equal(pthread_join(other.thread, NULL), 0);
    assert_true(imgz_fixture_exists(&fixture, "image.partial"));
    assert_false(imgz_fixture_exists(&fixture, "image"));
    imgz_options_init(&options, sizeof(options));
    options.chunk_bytes = IMGZ_CHUNK_BYTES_MIN;
    options.level = 12;
    options.flags = IMGZ_FLAG_RESUME;
    assert_int_equal(imgz_capture(path("disk").text, path("image").text, &options, NULL, &error),
                     0);
    assert_int_equal(imgz_verify(path("image").text, path("disk").text, NULL, NULL, &error), 0);
}

/* Nothing is even opened. */
static void before_the_job(void **state)
{
    struct imgz_options options;
    struct imgz_error error = {.struct_bytes = sizeof(error)};

    (void)state;
    imgz_options_init(&options, sizeof(options));
    options.cancel = cancel;
    assert_int_equal(imgz_cancel_requested(cancel), 0);
    imgz_cancel_request(cancel);
    assert_int_equal(imgz_cancel_requested(cancel), 1);
    assert_int_equal(imgz_capture("no-such-disk", path("image").text, &options, NULL, &error),
                     -ECANCELED);
    assert_int_equal(imgz_hash(path("disk").text, &options, NULL, &error), -ECANCELED);
    assert_int_equal(imgz_bench(NULL, &options, NULL, &error), -ECANCELED);
    assert_int_equal(imgz_fixture_count(&fixture), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(from_another_thread, set_up, tear_down),
        cmocka_unit_test_setup_teardown(from_a_signal_handler, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_done_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(before_the_job, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
