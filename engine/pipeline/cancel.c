/* SPDX-License-Identifier: MIT */
/*
 * A request to stop from any thread, or from a signal handler: imgz_cancel_request(). It is only a
 * flag: the thread that waits for a job looks at it every progress interval.
 */
#include <errno.h>
#include <imgz/imgz.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

_Static_assert(ATOMIC_BOOL_LOCK_FREE == 2, "a signal handler may take no lock");

struct imgz_cancel {
    /* Set with release order by request(), read with acquire order by requested(): a thread that
     * sees the request also sees what the program did before it. */
    atomic_bool requested;
};

int imgz_cancel_create(struct imgz_cancel **result)
{
    struct imgz_cancel *cancel = calloc(1, sizeof(*cancel));

    if (cancel == NULL)
        return -ENOMEM;
    atomic_init(&cancel->requested, false);
    *result = cancel;
    return 0;
}

void imgz_cancel_destroy(struct imgz_cancel *cancel)
{
    free(cancel);
}

void imgz_cancel_request(struct imgz_cancel *cancel)
{
    atomic_store_explicit(&cancel->requested, true, memory_order_release);
}

int imgz_cancel_requested(const struct imgz_cancel *cancel)
{
    return atomic_load_explicit(&cancel->requested, memory_order_acquire) ? 1 : 0;
}
