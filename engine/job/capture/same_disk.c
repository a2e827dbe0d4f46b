/* SPDX-License-Identifier: MIT */
#include "job/capture/same_disk.h"

#include <errno.h>
#include <stdlib.h>

#include "base/pages.h"
#include "base/zero.h"
#include "checksum/checksum.h"
#include "checksum/hasher.h"

/* Chunks of data, and of zeros, that are read again. Another disk passes only if all of them are
 * equal by chance. More would only cost time on a slow disk. */
#define SAMPLE_COUNT 16u

/* A failing drive is read as little as possible: after this many failed reads the rest is
 * skipped. */
#define FAILURES_MAX 2u

/* On the heap: a thread that is left behind may still use it. */
struct comparison {
    struct imgz_same_disk samples;
    unsigned char *raw; /* room for a chunk, in whole blocks */
    struct imgz_hasher *hasher;
    uint32_t failed_count;
    bool differs;
    uint64_t offset; /* where */
};

static bool is_decided(const struct comparison *comparison)
{
    return comparison->differs || comparison->failed_count == FAILURES_MAX;
}

/* True if the bytes are the same, or cannot be read; 'expected' NULL: zeros. */
static bool is_same(struct comparison *comparison, uint64_t offset, uint64_t bytes,
                    const struct imgz_hash *expected)
{
    unsigned char *raw = comparison->raw;
    struct imgz_hash hash;
    size_t done_bytes;

    if (imgz_source_read_watched(comparison->samples.source, offset, raw,
                                 (size_t)imgz_align_up(bytes, IMGZ_BLOCK_BYTES), &done_bytes) < 0) {
        comparison->failed_count += 1;
        return true;
    }
    if (done_bytes < bytes)
        return false;
    if (expected == NULL)
        return imgz_zero_test(raw, (size_t)bytes);
    hash = imgz_hasher_hash(comparison->hasher, raw, (size_t)bytes).hash;
    return imgz_hash_equal(&hash, expected);
}

static void compare(struct comparison *comparison, uint64_t offset, uint64_t bytes,
                    const struct imgz_hash *expected)
{
    if (imgz_range_list_within(comparison->samples.known_bad, offset, bytes) ||
        is_same(comparison, offset, bytes, expected))
        return;
    comparison->differs = true;
    comparison->offset = offset;
}

/* The first chunk of a run of zeros, the last, and others between them: 'place_count' >= 2. */
static void compare_zeros(struct comparison *comparison, const struct imgz_index_item *item,
                          uint64_t place_count)
{
    const uint32_t chunk_bytes = comparison->samples.index->chunk_bytes;
    const uint64_t chunk_count = imgz_div_up(item->raw_bytes, chunk_bytes);

    for (uint64_t i = 0; i < place_count && !is_decided(comparison); i++) {
        const uint64_t done_bytes = (chunk_count - 1) * i / (place_count - 1) * chunk_bytes;

        compare(comparison, item->raw_offset + done_bytes,
                imgz_min(chunk_bytes, item->raw_bytes - done_bytes), NULL);
    }
}

/* Compares every n-th chunk of data and every n-th run of zeros, and the last of each. */
static int compare_items(void *context)
{
    struct comparison *comparison = context;
    const struct imgz_index *index = comparison->samples.index;
    const uint64_t zero_count = index->entry_count - index->hash_count;
    const uint64_t chunk_step = imgz_max(index->hash_count / SAMPLE_COUNT, 1);
    const uint64_t zero_step = imgz_max(zero_count / SAMPLE_COUNT, 1);
    const uint64_t place_count = imgz_max(SAMPLE_COUNT / imgz_max(zero_count, 1), 2);
    struct imgz_index_cursor cursor;
    struct imgz_index_item item;
    uint64_t zero_index = 0;

    imgz_index_rewind(index, comparison->samples.raw_bytes, &cursor);
    while (!is_decided(comparison) && imgz_index_next(&cursor, &item) == 0) {
        if (item.kind == IMGZ_NOTE_CHUNK) {
            if (item.hash_index % chunk_step == 0 || item.hash_index + 1 == index->hash_count)
                compare(comparison, item.raw_offset, item.raw_bytes,
                        &index->hashes[item.hash_index]);
            continue;
        }
        if (zero_index % zero_step == 0 || zero_index + 1 == zero_count)
            compare_zeros(comparison, &item, place_count);
        zero_index += 1;
    }
    return 0;
}

static void destroy(struct comparison *comparison)
{
    if (comparison == NULL)
        return;
    imgz_hasher_destroy(comparison->hasher);
    free(comparison->raw);
    free(comparison);
}

static struct comparison *create(const struct imgz_same_disk *samples)
{
    struct comparison *comparison = calloc(1, sizeof(*comparison));

    if (comparison == NULL)
        return NULL;
    comparison->samples = *samples;
    if (posix_memalign((void **)&comparison->raw, IMGZ_BLOCK_BYTES,
                       imgz_align_up(samples->index->chunk_bytes, IMGZ_BLOCK_BYTES)) != 0)
        comparison->raw = NULL;
    if (comparison->raw == NULL || imgz_hasher_create(samples->hash, &comparison->hasher) < 0) {
        destroy(comparison);
        return NULL;
    }
    imgz_pages_hide(comparison->raw, samples->index->chunk_bytes);
    return comparison;
}

int imgz_same_disk_compare(const struct imgz_same_disk *samples, struct imgz_job *job,
                           uint64_t *offset)
{
    struct comparison *comparison;
    int rc;

    if ((job->options.overrides & IMGZ_OVERRIDE_CHANGED) != 0)
        return 0;
    comparison = create(samples);
    if (comparison == NULL)
        return imgz_job_raise_memory(job);
    rc = imgz_job_call(job, compare_items, comparison);
    if (job->left.any)
        return rc;
    if (rc == 0 && comparison->differs) {
        *offset = comparison->offset;
        rc = -EEXIST;
    }
    destroy(comparison);
    return rc;
}
