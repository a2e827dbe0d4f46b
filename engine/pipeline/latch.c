/* SPDX-License-Identifier: MIT */
#include "pipeline/latch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/advice.h"
#include "base/mutex.h"

struct imgz_latch {
    /* Set before any thread starts. */
    int event_fd;

    /* Set with release order by the first raise() after the error is complete; read with acquire
     * order by raised(). */
    atomic_bool raised;

    /* Guarded by lock. */
    struct imgz_mutex lock;
    struct imgz_error error;
};

int imgz_latch_create(struct imgz_latch **result)
{
    struct imgz_latch *latch = calloc(1, sizeof(*latch));
    int rc;

    if (latch == NULL)
        return -ENOMEM;
    imgz_mutex_init(&latch->lock);
    latch->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (latch->event_fd < 0) {
        rc = -errno;
        imgz_latch_destroy(latch);
        return rc;
    }
    *result = latch;
    return 0;
}

void imgz_latch_destroy(struct imgz_latch *latch)
{
    if (latch == NULL)
        return;
    if (latch->event_fd >= 0)
        close(latch->event_fd);
    imgz_mutex_fini(&latch->lock);
    free(latch);
}

/* What an error says, apart from the words. */
struct finding {
    struct imgz_cause cause;
    int code;
    struct imgz_location location;
};

static void record_locked(struct imgz_latch *latch, const struct finding *finding,
                          const char *format, va_list args) IMGZ_REQUIRES(latch->lock)
    IMGZ_PRINTF(3, 0);
static void record_locked(struct imgz_latch *latch, const struct finding *finding,
                          const char *format, va_list args)
{
    struct imgz_error *error = &latch->error;

    error->kind = finding->cause.kind;
    error->reason = finding->cause.reason;
    error->flags = finding->cause.flags;
    error->overrides = finding->cause.overrides;
    error->code = finding->code;
    error->stage = finding->location.stage;
    error->offset = finding->location.offset;
    snprintf(error->path, sizeof(error->path), "%s",
             finding->location.path != NULL ? finding->location.path : "");
    vsnprintf(error->text, sizeof(error->text), format, args);
    atomic_store_explicit(&latch->raised, true, memory_order_release);
}

static void raise_first(struct imgz_latch *latch, const struct finding *finding, const char *format,
                        va_list args) IMGZ_PRINTF(3, 0);
static void raise_first(struct imgz_latch *latch, const struct finding *finding, const char *format,
                        va_list args)
{
    const uint64_t one = 1;
    ssize_t written_bytes;
    bool first;

    IMGZ_ASSERT(finding->code < 0);
    imgz_mutex_lock(&latch->lock);
    first = latch->error.code == 0;
    if (first)
        record_locked(latch, finding, format, args);
    imgz_mutex_unlock(&latch->lock);
    /* The counter of an eventfd cannot overflow here: it is written once. */
    if (first) {
        written_bytes = write(latch->event_fd, &one, sizeof(one));
        IMGZ_ASSERT(written_bytes == (ssize_t)sizeof(one));
    }
}

int imgz_latch_raise(struct imgz_latch *latch, int code, struct imgz_location location,
                     const char *format, ...)
{
    const struct finding finding = {
        .cause.kind = code == -EBADMSG ? IMGZ_ERROR_DATA : IMGZ_ERROR_FAILED,
        .code = code,
        .location = location,
    };
    va_list args;

    va_start(args, format);
    raise_first(latch, &finding, format, args);
    va_end(args);
    return code;
}

int imgz_latch_raise_usage(struct imgz_latch *latch, struct imgz_location location,
                           const char *format, ...)
{
    const struct finding finding = {
        .cause.kind = IMGZ_ERROR_USAGE,
        .code = -EINVAL,
        .location = location,
    };
    va_list args;

    va_start(args, format);
    raise_first(latch, &finding, format, args);
    va_end(args);
    return finding.code;
}

int imgz_latch_raise_cause(struct imgz_latch *latch, struct imgz_cause cause, int code,
                           struct imgz_location location, const char *format, ...)
{
    struct finding finding = {.cause = cause, .code = code, .location = location};
    va_list args;

    IMGZ_ASSERT(cause.kind != IMGZ_ERROR_USAGE || code == -EINVAL);
    if (cause.kind == IMGZ_ERROR_FAILED && code == -EBADMSG)
        finding.cause.kind = IMGZ_ERROR_DATA;
    va_start(args, format);
    raise_first(latch, &finding, format, args);
    va_end(args);
    return code;
}

int imgz_latch_adopt(struct imgz_latch *latch, const struct imgz_error *error)
{
    const struct imgz_cause cause = {error->reason, error->kind, error->flags, error->overrides};
    const struct imgz_location location = {error->stage, error->path, error->offset};

    return imgz_latch_raise_cause(latch, cause, error->code, location, "%s", error->text);
}

void imgz_latch_set_resumable(struct imgz_latch *latch)
{
    if (latch->error.code != 0)
        latch->error.resumable = 1;
}

static enum imgz_advice_side advice_side(enum imgz_stage stage)
{
    switch (stage) {
    case IMGZ_STAGE_WRITE_IMAGE:
    case IMGZ_STAGE_WRITE_TARGET:
    case IMGZ_STAGE_FLUSH:
        return IMGZ_ADVICE_OUTPUT;
    case IMGZ_STAGE_SETUP:
    case IMGZ_STAGE_READ_SOURCE:
    case IMGZ_STAGE_READ_IMAGE:
    case IMGZ_STAGE_CHECK:
    case IMGZ_STAGE_COMPRESS:
    case IMGZ_STAGE_COMPARE:
        break;
    }
    return IMGZ_ADVICE_INPUT;
}

static int raise_failed(struct imgz_latch *latch, int code, struct imgz_location location,
                        const char *format, ...) IMGZ_PRINTF(4, 5);
static int raise_failed(struct imgz_latch *latch, int code, struct imgz_location location,
                        const char *format, ...)
{
    const struct finding finding = {
        .cause.kind = IMGZ_ERROR_FAILED,
        .cause.reason = imgz_advice_reason(code, advice_side(location.stage)),
        .code = code,
        .location = location,
    };
    va_list args;

    va_start(args, format);
    raise_first(latch, &finding, format, args);
    va_end(args);
    return code;
}

void imgz_latch_add(struct imgz_latch *latch, const char *format, ...)
{
    const size_t used = strlen(latch->error.text);
    va_list args;

    if (latch->error.code == 0)
        return;
    va_start(args, format);
    vsnprintf(latch->error.text + used, sizeof(latch->error.text) - used, format, args);
    va_end(args);
}

int imgz_latch_raise_system(struct imgz_latch *latch, int code, struct imgz_location location,
                            const char *doing)
{
    const char *advice = imgz_advice_find(code, advice_side(location.stage));

    if (location.offset == IMGZ_OFFSET_NONE)
        return raise_failed(latch, code, location, "%s %s: %s; %s", doing, location.path,
                            strerrordesc_np(-code), advice);
    return raise_failed(latch, code, location, "%s %s at offset %" PRIu64 ": %s; %s", doing,
                        location.path, location.offset, strerrordesc_np(-code), advice);
}

bool imgz_latch_raised(const struct imgz_latch *latch)
{
    return atomic_load_explicit(&latch->raised, memory_order_acquire);
}

int imgz_latch_fd(const struct imgz_latch *latch)
{
    return latch->event_fd;
}

const struct imgz_error *imgz_latch_error(const struct imgz_latch *latch)
{
    return &latch->error;
}
