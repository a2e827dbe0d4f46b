/* SPDX-License-Identifier: MIT */
#include "io/aio/page_cache.h"

#include <errno.h>
#include <sys/uio.h>

/* preadv2(2): RWF_NOWAIT reads only what is in memory; anything else is EAGAIN. (mincore(2) answers
 * only the owner of a file.) */
int imgz_page_cache_has(int fd, uint64_t offset, bool *cached)
{
    unsigned char byte;
    const struct iovec vector = {&byte, sizeof(byte)};
    ssize_t moved;

    do {
        moved = preadv2(fd, &vector, 1, (off_t)offset, RWF_NOWAIT);
    } while (moved < 0 && errno == EINTR);
    if (moved < 0 && errno != EAGAIN)
        return -EOPNOTSUPP;
    *cached = moved > 0;
    return 0;
}
