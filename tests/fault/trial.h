/* SPDX-License-Identifier: MIT */
/*
 * One run of something while calls fail, and what it left behind.
 *
 *     imgz_trial_begin(&trial, &plan);
 *     rc = ...
 *     imgz_trial_end(&trial);
 *
 * A run that hangs ends the program by SIGALRM.
 */
#ifndef IMGZ_TRIAL_H
#define IMGZ_TRIAL_H

#include <dirent.h>
#include <string.h>
#include <unistd.h>

#include "intercept.h"

#define IMGZ_TRIAL_HANG_S 120u

struct imgz_trial {
    const char *failed; /* what was made to fail; NULL if nothing */
    int fds_grown;
    int64_t memory_grown; /* allocations. What a library keeps for good, it keeps once: run again */
};

static inline int imgz_trial_fd_count(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;

    IMGZ_ASSERT(folder != NULL);
    while (readdir(folder) != NULL)
        count += 1;
    closedir(folder);
    return count;
}

static inline void imgz_trial_begin(struct imgz_trial *trial, const struct imgz_intercept *plan)
{
    trial->failed = NULL;
    trial->fds_grown = -imgz_trial_fd_count();
    trial->memory_grown = -imgz_intercept_live_count();
    alarm(IMGZ_TRIAL_HANG_S);
    imgz_intercept_arm(plan);
}

static inline void imgz_trial_end(struct imgz_trial *trial)
{
    trial->failed = imgz_intercept_disarm();
    alarm(0);
    trial->memory_grown += imgz_intercept_live_count();
    trial->fds_grown += imgz_trial_fd_count();
}

/* True if the engine may go on without this call, or has another way. (Libraries may go on without
 * some allocation; what a job says it did is checked in any case.) */
static inline bool imgz_trial_dispensable(const char *name)
{
    static const char *const names[] = {
        "flock",     /* file systems without locks exist */
        "renameat2", /* linkat() is the rung below */
        "openat",    /* the second one, for direct I/O, is only wished for */
        "close",     /* of what was only read */
        "pread",     /* what fails is read again alone */
        "open for direct I/O",
        "stat",      /* what cannot be looked at is taken to be there */
        "fstat",     /* of what is only asked where it lies */
        "BLKSSZGET", /* a larger sector will do */
        "io_uring_queue_init_params",
        /* Where threads and buffers would best be. */
        "pipe2",
        "fork",
        "read of a child",
        "open of /sys",
        "read of /sys",
    };

    for (size_t i = 0; i < IMGZ_COUNT_OF(names); i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

#endif /* IMGZ_TRIAL_H */
