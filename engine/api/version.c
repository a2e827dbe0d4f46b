/* SPDX-License-Identifier: MIT */
/* Names and defaults of the public header. */
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

const char *imgz_stage_name(enum imgz_stage stage)
{
    switch (stage) {
    case IMGZ_STAGE_SETUP:
        return "setup";
    case IMGZ_STAGE_READ_SOURCE:
        return "read-source";
    case IMGZ_STAGE_READ_IMAGE:
        return "read-image";
    case IMGZ_STAGE_CHECK:
        return "check";
    case IMGZ_STAGE_COMPRESS:
        return "compress";
    case IMGZ_STAGE_WRITE_IMAGE:
        return "write-image";
    case IMGZ_STAGE_WRITE_TARGET:
        return "write-target";
    case IMGZ_STAGE_FLUSH:
        return "flush";
    case IMGZ_STAGE_COMPARE:
        return "compare";
    }
    return "unknown";
}

const char *imgz_override_name(enum imgz_override what)
{
    switch (what) {
    case IMGZ_OVERRIDE_MOUNTED:
        return "mounted";
    case IMGZ_OVERRIDE_SWAP:
        return "swap";
    case IMGZ_OVERRIDE_HELD:
        return "held";
    case IMGZ_OVERRIDE_ROOT:
        return "root";
    case IMGZ_OVERRIDE_IMAGE_DISK:
        return "image-disk";
    case IMGZ_OVERRIDE_SECTOR_SIZE:
        return "sector-size";
    case IMGZ_OVERRIDE_TOO_SMALL:
        return "too-small";
    case IMGZ_OVERRIDE_CHANGED:
        return "changed";
    case IMGZ_OVERRIDE_PARTITION:
        return "partition";
    case IMGZ_OVERRIDE_NO_ROOM:
        return "no-room";
    }
    return NULL;
}

const char *imgz_chunk_hash_name(enum imgz_chunk_hash hash)
{
    switch (hash) {
    case IMGZ_CHUNK_HASH_XXH3:
        return "xxh3";
    case IMGZ_CHUNK_HASH_SHA256:
        return "sha256";
    case IMGZ_CHUNK_HASH_DEFAULT:
        break;
    }
    return NULL;
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
