/* SPDX-License-Identifier: MIT */
#include "io/source/extent.h"

#include <errno.h>
#include <unistd.h>

int imgz_extent_next(int fd, uint64_t from, uint64_t size_bytes, struct imgz_extent *result)
{
    off_t data = lseek(fd, (off_t)from, SEEK_DATA);
    off_t hole;

    if (data < 0) {
        /* lseek(2): ENXIO, no data after 'from'; EINVAL, SEEK_DATA is not known here (as for block
         * devices). */
        if (errno == ENXIO) {
            *result = (struct imgz_extent){size_bytes, size_bytes};
            return 0;
        }
        if (errno != EINVAL && errno != EOPNOTSUPP && errno != ENOSYS)
            return -errno;
        *result = (struct imgz_extent){from, size_bytes};
        return 0;
    }
    hole = lseek(fd, data, SEEK_HOLE);
    if (hole < 0 && errno != ENXIO)
        return -errno;
    result->offset = imgz_min((uint64_t)data, size_bytes);
    /* ENXIO: the file was cut short between the two calls; the read will show it. */
    result->end = hole < 0 ? size_bytes : imgz_min((uint64_t)hole, size_bytes);
    return 0;
}
