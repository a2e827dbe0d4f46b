/* SPDX-License-Identifier: MIT */
#include "io/aio/aio_loop.h"

#include <errno.h>
#include <string.h>

static int raise_broken(struct imgz_aio_loop *loop, int rc)
{
    return imgz_latch_raise(loop->pipeline->latch, rc, loop->location,
                            "%s for %s stopped working: %s; please report this",
                            imgz_aio_name(loop->io), loop->location.path, strerrordesc_np(-rc));
}

static int handle_one(struct imgz_aio_loop *loop)
{
    struct imgz_aio_result result;
    int rc = imgz_aio_reap(loop->io, &result);

    if (rc < 0)
        return raise_broken(loop, rc);
    return loop->handle(loop->context, &result);
}

static int handle_ready(struct imgz_aio_loop *loop)
{
    struct imgz_aio_result result;
    int rc;

    while ((rc = imgz_aio_try_reap(loop->io, &result)) == 0) {
        rc = loop->handle(loop->context, &result);
        if (rc < 0)
            return rc;
    }
    return rc == -EAGAIN ? 0 : raise_broken(loop, rc);
}

int imgz_aio_loop_take(struct imgz_aio_loop *loop, imgz_take_fn try_take, imgz_take_fn take,
                       struct imgz_slot **result)
{
    int rc = handle_ready(loop);

    if (rc < 0)
        return rc;
    while (imgz_aio_pending_count(loop->io) > 0) {
        rc = try_take(loop->pipeline, result);
        if (rc != -EAGAIN)
            return rc;
        rc = handle_one(loop);
        if (rc < 0)
            return rc;
    }
    return take(loop->pipeline, result);
}

int imgz_aio_loop_submit(struct imgz_aio_loop *loop, const struct imgz_aio_request *request)
{
    int rc;

    if (imgz_aio_full(loop->io)) {
        rc = handle_one(loop);
        if (rc < 0)
            return rc;
    }
    rc = imgz_aio_submit(loop->io, request);
    return rc < 0 ? raise_broken(loop, rc) : 0;
}

int imgz_aio_loop_flush(struct imgz_aio_loop *loop)
{
    int rc = imgz_aio_flush(loop->io);

    return rc < 0 ? raise_broken(loop, rc) : handle_ready(loop);
}

int imgz_aio_loop_settle(struct imgz_aio_loop *loop)
{
    int rc = 0;

    while (rc == 0 && imgz_aio_pending_count(loop->io) > 0)
        rc = handle_one(loop);
    return rc;
}
