/* SPDX-License-Identifier: MIT */
#include "job/measure/size_estimate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int imgz_size_estimate_init(struct imgz_size_estimate *estimate, uint32_t chunk_count)
{
    IMGZ_ASSERT(chunk_count > 0);
    *estimate = (struct imgz_size_estimate){.chunk_count = chunk_count};
    estimate->level_bytes = calloc(chunk_count, sizeof(estimate->level_bytes[0]));
    estimate->before_bytes = calloc(chunk_count, sizeof(estimate->before_bytes[0]));
    return estimate->level_bytes != NULL && estimate->before_bytes != NULL ? 0 : -ENOMEM;
}

void imgz_size_estimate_fini(struct imgz_size_estimate *estimate)
{
    free(estimate->level_bytes);
    free(estimate->before_bytes);
    *estimate = (struct imgz_size_estimate){0};
}

void imgz_size_estimate_clear(struct imgz_size_estimate *estimate)
{
    memset(estimate->level_bytes, 0, estimate->chunk_count * sizeof(estimate->level_bytes[0]));
}

double imgz_size_estimate_all(const struct imgz_size_estimate *estimate)
{
    const bool first = estimate->before_all <= 0;
    uint64_t before = 0;
    uint64_t now = 0;

    for (uint32_t i = 0; i < estimate->chunk_count; i++) {
        if (estimate->level_bytes[i] == 0 || (!first && estimate->before_bytes[i] == 0))
            continue;
        before += estimate->before_bytes[i];
        now += estimate->level_bytes[i];
    }
    if (first)
        return (double)now;
    return before > 0 ? (double)now / (double)before * estimate->before_all : 0;
}

void imgz_size_estimate_advance(struct imgz_size_estimate *estimate)
{
    uint64_t *level_bytes = estimate->level_bytes;

    estimate->before_all = imgz_size_estimate_all(estimate);
    estimate->level_bytes = estimate->before_bytes;
    estimate->before_bytes = level_bytes;
    imgz_size_estimate_clear(estimate);
}
