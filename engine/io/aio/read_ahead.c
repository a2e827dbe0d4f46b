/* SPDX-License-Identifier: MIT */
#include "io/aio/read_ahead.h"

#include <fcntl.h>

/* How much is asked for at a time, and how far ahead: enough to keep a disk of several GB/s busy
 * while the slots in circulation are filled. */
#define STEP_BYTES  ((uint64_t)4 << 20)
#define AHEAD_BYTES ((uint64_t)24 << 20)

void imgz_read_ahead_move(struct imgz_read_ahead *read_ahead, uint64_t offset, uint64_t end)
{
    if (read_ahead->fd < 0)
        return;
    read_ahead->advised_end = imgz_max(read_ahead->advised_end, offset);
    while (read_ahead->advised_end < end && read_ahead->advised_end < offset + AHEAD_BYTES) {
        const uint64_t bytes = imgz_min(STEP_BYTES, end - read_ahead->advised_end);

        (void)posix_fadvise(read_ahead->fd, (off_t)read_ahead->advised_end, (off_t)bytes,
                            POSIX_FADV_WILLNEED);
        read_ahead->advised_end += bytes;
    }
}
