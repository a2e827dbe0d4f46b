/* SPDX-License-Identifier: MIT */
/* How many threads this process has; include it after cmocka.h. */
#ifndef IMGZ_RUN_THREADS_H
#define IMGZ_RUN_THREADS_H

#include <dirent.h>
#include <pthread.h>
#include <unistd.h>

#define IMGZ_THREADS_REST_US 50000u

static unsigned imgz_test_threads_at_rest;

static inline unsigned imgz_threads_count(void)
{
    DIR *folder = opendir("/proc/self/task");
    unsigned count = 0;

    assert_non_null(folder);
    while (readdir(folder) != NULL)
        count += 1;
    closedir(folder);
    return count - 2;
}

/* A thread that was joined stays listed for a moment, until the kernel has taken it away. */
static inline void imgz_test_threads_expect(unsigned count)
{
    for (int tries = 0; tries < 5000 && imgz_threads_count() != count; tries++)
        usleep(1000);
    assert_int_equal(imgz_threads_count(), count);
}

static inline void *imgz_threads_do_nothing(void *argument)
{
    return argument;
}

/* For a group's setup. A sanitizer starts a thread of its own along with the first of the
 * program's. */
static inline int imgz_test_threads_count_at_rest(void **state)
{
    pthread_t thread;

    (void)state;
    if (pthread_create(&thread, NULL, imgz_threads_do_nothing, NULL) != 0 ||
        pthread_join(thread, NULL) != 0)
        return -1;
    usleep(IMGZ_THREADS_REST_US);
    imgz_test_threads_at_rest = imgz_threads_count();
    return 0;
}

#endif /* IMGZ_RUN_THREADS_H */
