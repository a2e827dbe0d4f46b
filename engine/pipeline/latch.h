/* SPDX-License-Identifier: MIT */
/*
 * The first-error latch: the thread that first detects a failure records its error; the others
 * learn that work has ended.
 *
 * Place: one per job, seen by every stage.
 *
 * Threads    raise() and raised() from any; error() after the other threads are joined.
 * Errors     raise() returns the code it was given, so that a stage can 'return
 *            imgz_latch_raise()'.
 * Blocking   none. fd() becomes readable for good once raised: for poll() beside a pipe.
 */
#ifndef IMGZ_LATCH_H
#define IMGZ_LATCH_H

#include <imgz/imgz.h>

#include "base/base.h"

struct imgz_latch;

/* What a program can do something about: see enum imgz_reason. The text names no option: their
 * names are the program's. */
struct imgz_cause {
    enum imgz_reason reason;
    enum imgz_error_kind kind; /* FAILED, the first, stands for DATA if the code is -EBADMSG */
    uint32_t flags;
    uint32_t overrides;
};

static inline struct imgz_cause imgz_cause(enum imgz_reason reason)
{
    return (struct imgz_cause){.reason = reason};
}

/* A usage error; for code -EINVAL. */
static inline struct imgz_cause imgz_cause_usage(enum imgz_reason reason)
{
    return (struct imgz_cause){.reason = reason, .kind = IMGZ_ERROR_USAGE};
}

static inline struct imgz_cause imgz_cause_flags(uint32_t flags)
{
    return (struct imgz_cause){IMGZ_REASON_FLAG, IMGZ_ERROR_USAGE, flags, 0};
}

static inline struct imgz_cause imgz_cause_overrides(uint32_t overrides)
{
    return (struct imgz_cause){
        .reason = overrides != 0 ? IMGZ_REASON_OVERRIDE : IMGZ_REASON_NONE,
        .overrides = overrides,
    };
}

/* Where a failure happened. A NULL path means none. */
struct imgz_location {
    enum imgz_stage stage;
    const char *path;
    uint64_t offset; /* or IMGZ_OFFSET_NONE */
};

/* 0, -ENOMEM, or what eventfd() says. */
IMGZ_MUST_CHECK int imgz_latch_create(struct imgz_latch **result);
void imgz_latch_destroy(struct imgz_latch *latch); /* accepts NULL */

/* Records 'code' < 0 and the error unless one is there already. The format says what was being
 * done, the reason and what to do next; path and offset are in 'location' and belong in the
 * sentence, too. -EBADMSG makes it an error of data. Returns 'code'. */
int imgz_latch_raise(struct imgz_latch *latch, int code, struct imgz_location location,
                     const char *format, ...) IMGZ_PRINTF(4, 5);

/* The same with a cause. */
int imgz_latch_raise_cause(struct imgz_latch *latch, struct imgz_cause cause, int code,
                           struct imgz_location location, const char *format, ...)
    IMGZ_PRINTF(5, 6);

/* Marks the error, if there is one: what was done is kept and can be resumed. Call it as add(). */
void imgz_latch_set_resumable(struct imgz_latch *latch);

/* Records what another latch had, unless something is there already. Returns its code. */
int imgz_latch_adopt(struct imgz_latch *latch, const struct imgz_error *error);

/* Like imgz_latch_raise(), for an error of usage. Returns -EINVAL. */
int imgz_latch_raise_usage(struct imgz_latch *latch, struct imgz_location location,
                           const char *format, ...) IMGZ_PRINTF(3, 4);

/* The usual message of a system call that failed: "reading /dev/sda at offset 4096: Input/output
 * error; check ...". 'doing' is "reading", "creating" and so on; advice is chosen by code and
 * stage. Whatever the code, the error is one of the system. Returns 'code'. */
int imgz_latch_raise_system(struct imgz_latch *latch, int code, struct imgz_location location,
                            const char *doing);

/* Adds to the error message, if there is one, what became of the job's output. Called by the job's
 * own thread, when the others are joined. */
void imgz_latch_add(struct imgz_latch *latch, const char *format, ...) IMGZ_PRINTF(2, 3);

bool imgz_latch_raised(const struct imgz_latch *latch);
int imgz_latch_fd(const struct imgz_latch *latch);

/* The error; its code is 0 if nothing was raised. */
const struct imgz_error *imgz_latch_error(const struct imgz_latch *latch);

#endif /* IMGZ_LATCH_H */
