/* SPDX-License-Identifier: MIT */
#include "pipeline/caller.h"

_Static_assert(sizeof(struct imgz_progress) <= IMGZ_CALLER_PROGRESS_BYTES, "or it grew too far");

bool imgz_caller_stops(const struct imgz_caller *caller, const struct imgz_progress *progress)
{
    union {
        struct imgz_progress progress;
        unsigned char bytes[IMGZ_CALLER_PROGRESS_BYTES];
    } told = {.bytes = {0}};

    if (caller->cancel != NULL && imgz_cancel_requested(caller->cancel) != 0)
        return true;
    if (caller->progress == NULL)
        return false;
    told.progress = *progress;
    told.progress.struct_bytes = sizeof(told.progress);
    return caller->progress(&told.progress, caller->context) != 0;
}
