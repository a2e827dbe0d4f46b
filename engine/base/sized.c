/* SPDX-License-Identifier: MIT */
#include "base/sized.h"

#include <errno.h>
#include <string.h>

/* No struct consists of its size alone. */
bool imgz_sized_is_set_up(const uint32_t *struct_bytes)
{
    return *struct_bytes > sizeof(*struct_bytes) && *struct_bytes <= IMGZ_SIZED_BYTES_MAX;
}

void imgz_sized_give(uint32_t *to, const uint32_t *from, size_t from_bytes)
{
    const size_t to_bytes = *to;
    const size_t known_bytes = imgz_min(to_bytes, from_bytes);

    IMGZ_ASSERT(imgz_sized_is_set_up(to));
    memcpy(to + 1, from + 1, known_bytes - sizeof(*to));
    memset((unsigned char *)to + known_bytes, 0, to_bytes - known_bytes);
}

int imgz_sized_take(uint32_t *to, size_t to_bytes, const uint32_t *from)
{
    const size_t from_bytes = *from;
    const size_t known_bytes = imgz_min(to_bytes, from_bytes);

    IMGZ_ASSERT(imgz_sized_is_set_up(from));
    for (size_t i = known_bytes; i < from_bytes; i++) {
        if (((const unsigned char *)from)[i] != 0)
            return -E2BIG;
    }
    memcpy(to + 1, from + 1, known_bytes - sizeof(*to));
    return 0;
}
