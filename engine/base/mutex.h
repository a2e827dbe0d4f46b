/* SPDX-License-Identifier: MIT */
/*
 * A mutex with the annotations of clang's thread safety analysis (-Wthread-safety).
 *
 * Errors     none: default attributes cannot fail on Linux, and that is asserted.
 */
#ifndef IMGZ_MUTEX_H
#define IMGZ_MUTEX_H

#include <pthread.h>

#include "base/base.h"

#if defined(__clang__)
#define IMGZ_CAPABILITY     __attribute__((capability("mutex")))
#define IMGZ_ACQUIRES(lock) __attribute__((acquire_capability(lock)))
#define IMGZ_RELEASES(lock) __attribute__((release_capability(lock)))
#define IMGZ_REQUIRES(lock) __attribute__((requires_capability(lock)))
#define IMGZ_UNCHECKED      __attribute__((no_thread_safety_analysis))
#else
#define IMGZ_CAPABILITY
#define IMGZ_ACQUIRES(lock)
#define IMGZ_RELEASES(lock)
#define IMGZ_REQUIRES(lock)
#define IMGZ_UNCHECKED
#endif

struct IMGZ_CAPABILITY imgz_mutex {
    pthread_mutex_t handle;
};

static inline void imgz_mutex_init(struct imgz_mutex *mutex)
{
    imgz_never_fails(pthread_mutex_init(&mutex->handle, NULL));
}

static inline void imgz_mutex_fini(struct imgz_mutex *mutex)
{
    imgz_never_fails(pthread_mutex_destroy(&mutex->handle));
}

static inline void imgz_mutex_lock(struct imgz_mutex *mutex) IMGZ_ACQUIRES(*mutex) IMGZ_UNCHECKED
{
    imgz_never_fails(pthread_mutex_lock(&mutex->handle));
}

static inline void imgz_mutex_unlock(struct imgz_mutex *mutex) IMGZ_RELEASES(*mutex) IMGZ_UNCHECKED
{
    imgz_never_fails(pthread_mutex_unlock(&mutex->handle));
}

#endif /* IMGZ_MUTEX_H */
