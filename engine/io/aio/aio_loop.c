/* SPDX-License-Identifier: MIT */
#include "io/aio/aio_loop.h"

#include <errno.h>
#include <string.h>

static int raise_broken(struct imgz_pump *pump, int rc)
{
    return imgz_stop_raise(pump->line->stop, rc, pump->place,
                           "%s for %s stopped working: %s; please report this",
                           imgz_io_name(pump->io), pump->place.path, strerrordesc_np(-rc));
}

static int handle_one(struct imgz_pump *pump)
{
    struct imgz_io_result result;
    int rc = imgz_io_reap(pump->io, &result);

    if (rc < 0)
        return raise_broken(pump, rc);
    return pump->handle(pump->context, &result);
}

static int handle_ready(struct imgz_pump *pump)
{
    struct imgz_io_result result;
    int rc;

    while ((rc = imgz_io_try_reap(pump->io, &result)) == 0) {
        rc = pump->handle(pump->context, &result);
        if (rc < 0)
            return rc;
    }
    return rc == -EAGAIN ? 0 : raise_broken(pump, rc);
}

int imgz_pump_take(struct imgz_pump *pump, imgz_take_fn try_take, imgz_take_fn take,
                   struct imgz_slot **result)
{
    int rc = handle_ready(pump);

    if (rc < 0)
        return rc;
    while (imgz_io_pending_count(pump->io) > 0) {
        rc = try_take(pump->line, result);
        if (rc != -EAGAIN)
            return rc;
        rc = handle_one(pump);
        if (rc < 0)
            return rc;
    }
    return take(pump->line, result);
}

int imgz_pump_submit(struct imgz_pump *pump, const struct imgz_io_request *request)
{
    int rc;

    if (imgz_io_full(pump->io)) {
        rc = handle_one(pump);
        if (rc < 0)
            return rc;
    }
    rc = imgz_io_submit(pump->io, request);
    return rc < 0 ? raise_broken(pump, rc) : 0;
}

int imgz_pump_flush(struct imgz_pump *pump)
{
    int rc = imgz_io_flush(pump->io);

    return rc < 0 ? raise_broken(pump, rc) : handle_ready(pump);
}

int imgz_pump_settle(struct imgz_pump *pump)
{
    int rc = 0;

    while (rc == 0 && imgz_io_pending_count(pump->io) > 0)
        rc = handle_one(pump);
    return rc;
}
