/* SPDX-License-Identifier: MIT */
/* Version and defaults of the public header. */
#include <imgz/imgz.h>
#include <string.h>

#include "base/base.h"

#define PROGRESS_INTERVAL_MS 200u

/* A sector that failed alone was tried at least twice by then, and each time may take a drive
 * seconds. */
#define RETRY_COUNT 1u

const char *imgz_version(void)
{
    return IMGZ_VERSION;
}

uint32_t imgz_version_number(void)
{
    return IMGZ_VERSION_NUMBER;
}

void imgz_options_init(struct imgz_options *options, size_t struct_bytes)
{
    const struct imgz_options defaults = {
        .struct_bytes = (uint32_t)struct_bytes,
        .level = IMGZ_LEVEL_FAST,
        .chunk_bytes = IMGZ_CHUNK_BYTES_DEFAULT,
        .direct = IMGZ_DIRECT_AUTO,
        .progress_interval_ms = PROGRESS_INTERVAL_MS,
        .on_error = IMGZ_ON_ERROR_STOP,
        .source_bytes = IMGZ_SIZE_UNKNOWN,
        .retry_count = RETRY_COUNT,
    };

    memset(options, 0, struct_bytes);
    memcpy(options, &defaults, imgz_min(struct_bytes, sizeof(defaults)));
}
