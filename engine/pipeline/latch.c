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

struct imgz_stop {
    /* Set before any thread starts. */
    int event_fd;

    /* Set with release order by the first raise() after the story is complete; read with acquire
     * order by raised(). */
    atomic_bool raised;

    /* Guarded by lock. */
    struct imgz_mutex lock;
    struct imgz_error error;
};

int imgz_stop_create(struct imgz_stop **result)
{
    struct imgz_stop *stop = calloc(1, sizeof(*stop));
    int rc;

    if (stop == NULL)
        return -ENOMEM;
    imgz_mutex_init(&stop->lock);
    stop->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (stop->event_fd < 0) {
        rc = -errno;
        imgz_stop_destroy(stop);
        return rc;
    }
    *result = stop;
    return 0;
}

void imgz_stop_destroy(struct imgz_stop *stop)
{
    if (stop == NULL)
        return;
    if (stop->event_fd >= 0)
        close(stop->event_fd);
    imgz_mutex_fini(&stop->lock);
    free(stop);
}

/* What there is to tell, apart from the words. */
struct finding {
    enum imgz_error_kind kind;
    int code;
    struct imgz_place place;
};

static void record_locked(struct imgz_stop *stop, const struct finding *finding, const char *format,
                          va_list args) IMGZ_REQUIRES(stop->lock) IMGZ_PRINTF(3, 0);
static void record_locked(struct imgz_stop *stop, const struct finding *finding, const char *format,
                          va_list args)
{
    struct imgz_error *error = &stop->error;

    error->kind = finding->kind;
    error->code = finding->code;
    error->stage = finding->place.stage;
    error->offset = finding->place.offset;
    snprintf(error->path, sizeof(error->path), "%s",
             finding->place.path != NULL ? finding->place.path : "");
    vsnprintf(error->text, sizeof(error->text), format, args);
    atomic_store_explicit(&stop->raised, true, memory_order_release);
}

static void raise_first(struct imgz_stop *stop, const struct finding *finding, const char *format,
                        va_list args) IMGZ_PRINTF(3, 0);
static void raise_first(struct imgz_stop *stop, const struct finding *finding, const char *format,
                        va_list args)
{
    const uint64_t one = 1;
    ssize_t written_bytes;
    bool first;

    IMGZ_ASSERT(finding->code < 0);
    imgz_mutex_lock(&stop->lock);
    first = stop->error.code == 0;
    if (first)
        record_locked(stop, finding, format, args);
    imgz_mutex_unlock(&stop->lock);
    /* The counter of an eventfd cannot overflow here: it is written once. */
    if (first) {
        written_bytes = write(stop->event_fd, &one, sizeof(one));
        IMGZ_ASSERT(written_bytes == (ssize_t)sizeof(one));
    }
}

int imgz_stop_raise(struct imgz_stop *stop, int code, struct imgz_place place, const char *format,
                    ...)
{
    const struct finding finding = {
        .kind = code == -EBADMSG ? IMGZ_ERROR_DATA : IMGZ_ERROR_FAILED,
        .code = code,
        .place = place,
    };
    va_list args;

    va_start(args, format);
    raise_first(stop, &finding, format, args);
    va_end(args);
    return code;
}

int imgz_stop_raise_usage(struct imgz_stop *stop, struct imgz_place place, const char *format, ...)
{
    const struct finding finding = {
        .kind = IMGZ_ERROR_USAGE,
        .code = -EINVAL,
        .place = place,
    };
    va_list args;

    va_start(args, format);
    raise_first(stop, &finding, format, args);
    va_end(args);
    return finding.code;
}

static int raise_failed(struct imgz_stop *stop, int code, struct imgz_place place,
                        const char *format, ...) IMGZ_PRINTF(4, 5);
static int raise_failed(struct imgz_stop *stop, int code, struct imgz_place place,
                        const char *format, ...)
{
    const struct finding finding = {.kind = IMGZ_ERROR_FAILED, .code = code, .place = place};
    va_list args;

    va_start(args, format);
    raise_first(stop, &finding, format, args);
    va_end(args);
    return code;
}

void imgz_stop_add(struct imgz_stop *stop, const char *format, ...)
{
    const size_t used = strlen(stop->error.text);
    va_list args;

    if (stop->error.code == 0)
        return;
    va_start(args, format);
    vsnprintf(stop->error.text + used, sizeof(stop->error.text) - used, format, args);
    va_end(args);
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

int imgz_stop_raise_system(struct imgz_stop *stop, int code, struct imgz_place place,
                           const char *doing)
{
    const char *advice = imgz_advice_find(code, advice_side(place.stage));

    if (place.offset == IMGZ_OFFSET_NONE)
        return raise_failed(stop, code, place, "%s %s: %s; %s", doing, place.path,
                            strerrordesc_np(-code), advice);
    return raise_failed(stop, code, place, "%s %s at offset %" PRIu64 ": %s; %s", doing, place.path,
                        place.offset, strerrordesc_np(-code), advice);
}

bool imgz_stop_raised(const struct imgz_stop *stop)
{
    return atomic_load_explicit(&stop->raised, memory_order_acquire);
}

int imgz_stop_fd(const struct imgz_stop *stop)
{
    return stop->event_fd;
}

const struct imgz_error *imgz_stop_error(const struct imgz_stop *stop)
{
    return &stop->error;
}
