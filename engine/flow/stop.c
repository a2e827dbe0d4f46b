/* SPDX-License-Identifier: MIT */
#include "flow/stop.h"

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

int imgz_stop_raise(struct imgz_stop *stop, int code, struct imgz_place place, const char *format,
                    ...)
{
    const uint64_t one = 1;
    ssize_t written_bytes;
    bool first;
    va_list args;

    IMGZ_ASSERT(code < 0);
    imgz_mutex_lock(&stop->lock);
    first = stop->error.code == 0;
    if (first) {
        stop->error.code = code;
        stop->error.stage = place.stage;
        stop->error.offset = place.offset;
        snprintf(stop->error.path, sizeof(stop->error.path), "%s",
                 place.path != NULL ? place.path : "");
        va_start(args, format);
        vsnprintf(stop->error.text, sizeof(stop->error.text), format, args);
        va_end(args);
        atomic_store_explicit(&stop->raised, true, memory_order_release);
    }
    imgz_mutex_unlock(&stop->lock);
    /* The counter of an eventfd cannot overflow here: it is written once. */
    if (first) {
        written_bytes = write(stop->event_fd, &one, sizeof(one));
        IMGZ_ASSERT(written_bytes == (ssize_t)sizeof(one));
    }
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
        return imgz_stop_raise(stop, code, place, "%s %s: %s; %s", doing, place.path,
                               strerrordesc_np(-code), advice);
    return imgz_stop_raise(stop, code, place, "%s %s at offset %" PRIu64 ": %s; %s", doing,
                           place.path, place.offset, strerrordesc_np(-code), advice);
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
