/* SPDX-License-Identifier: MIT */
#include "job/leftover.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "codec/checksum.h"
#include "codec/zero.h"
#include "job/unread.h"

/* Chunks of data, and of zeros, that are read again from the source. A chance hit of another disk
 * needs all of them to be equal; more would only cost time on a slow one. */
#define SAMPLE_COUNT 16u

struct check {
    struct imgz_job *job;
    const struct imgz_leftover_config *config;
    struct imgz_whole *whole;
};

/* ---- Whether it is the same disk ---------------------------------------------------------- */

static int raise_changed(const struct check *check, uint64_t offset)
{
    return imgz_stop_raise(check->job->stop, -EEXIST,
                           imgz_source_place(check->config->source, offset),
                           "resuming %s: %s has other bytes at offset %" PRIu64
                           " than %s.partial: it is another disk, or has changed; remove "
                           "%s.partial to start afresh",
                           check->config->output->path, check->config->source->path, offset,
                           check->config->output->path, check->config->output->path);
}

/* Reads from the source what is no longer than a chunk. 'same' stays as it is if that fails: what
 * cannot be read now proves nothing either way. */
static void read_sample(const struct check *check, uint64_t offset, uint64_t bytes,
                        unsigned char *raw, const struct imgz_hash *expected, bool *same)
{
    struct imgz_hash hash;
    size_t done_bytes;

    if (imgz_source_read_at(check->config->source, offset, raw,
                            (size_t)imgz_align_up(bytes, IMGZ_BLOCK_BYTES), &done_bytes) < 0)
        return;
    *same = done_bytes >= bytes;
    if (*same && expected == NULL) {
        *same = imgz_zero_test(raw, (size_t)bytes);
    } else if (*same) {
        hash = imgz_xxh3_128(raw, (size_t)bytes);
        *same = imgz_hash_equal(&hash, expected);
    }
}

static int compare_chunk(const struct check *check, const struct imgz_index_item *item,
                         unsigned char *raw)
{
    bool same = true;

    read_sample(check, item->raw_offset, item->raw_bytes, raw,
                &check->whole->index.hashes[item->hash_index], &same);
    return same ? 0 : raise_changed(check, item->raw_offset);
}

/* The first chunk of a run of zeros, the last, and others between them: 'place_count' >= 2. */
static int compare_zeros(const struct check *check, const struct imgz_index_item *item,
                         uint64_t place_count, unsigned char *raw)
{
    const uint32_t chunk_bytes = check->whole->index.chunk_bytes;
    const uint64_t chunk_count = imgz_div_up(item->raw_bytes, chunk_bytes);

    for (uint64_t i = 0; i < place_count; i++) {
        const uint64_t done_bytes = (chunk_count - 1) * i / (place_count - 1) * chunk_bytes;
        const uint64_t offset = item->raw_offset + done_bytes;
        bool same = true;

        read_sample(check, offset, imgz_min(chunk_bytes, item->raw_bytes - done_bytes), raw, NULL,
                    &same);
        if (!same)
            return raise_changed(check, offset);
    }
    return 0;
}

/* Every so many chunks of data, and so many runs of zeros; the last of each too. Where zeros stand
 * for what could not be read, zeros prove nothing. */
static int compare_items(const struct check *check, unsigned char *raw)
{
    const struct imgz_index *index = &check->whole->index;
    const uint64_t zero_count = index->entry_count - index->hash_count;
    const uint64_t chunk_step = imgz_max(index->hash_count / SAMPLE_COUNT, 1);
    const uint64_t zero_step = imgz_max(zero_count / SAMPLE_COUNT, 1);
    const uint64_t place_count = imgz_max(SAMPLE_COUNT / imgz_max(zero_count, 1), 2);
    struct imgz_index_cursor cursor;
    struct imgz_index_item item;
    uint64_t zero_index = 0;
    int rc = 0;

    imgz_index_rewind(index, check->whole->raw_bytes, &cursor);
    while (rc == 0 && imgz_index_next(&cursor, &item) == 0) {
        if (item.kind == IMGZ_NOTE_CHUNK) {
            if (item.hash_index % chunk_step == 0 || item.hash_index + 1 == index->hash_count)
                rc = compare_chunk(check, &item, raw);
            continue;
        }
        if (!check->config->output->temp.marked &&
            (zero_index % zero_step == 0 || zero_index + 1 == zero_count))
            rc = compare_zeros(check, &item, place_count, raw);
        zero_index += 1;
    }
    return rc;
}

static int compare_samples(void *context)
{
    struct check *check = context;
    const uint32_t chunk_bytes = check->whole->index.chunk_bytes;
    unsigned char *raw = NULL;
    int rc;

    if (posix_memalign((void **)&raw, IMGZ_BLOCK_BYTES,
                       imgz_align_up(chunk_bytes, IMGZ_BLOCK_BYTES)) != 0)
        return imgz_job_raise_memory(check->job);
    rc = compare_items(check, raw);
    free(raw);
    return rc;
}

/* ---- All of it ---------------------------------------------------------------------------- */

static int find_whole(struct check *check, const struct imgz_unread *unread)
{
    const struct imgz_whole_config config = {
        .output = check->config->output,
        .disk = check->config->source->path,
        .header = check->config->header,
        .end_bytes = unread->end_bytes,
    };
    int rc = imgz_whole_find(check->job, &config, check->whole);

    if (rc == 0)
        rc = imgz_job_call(check->job, compare_samples, check);
    return rc < 0 ? rc : imgz_unread_add(unread, check->job, check->whole->raw_bytes);
}

int imgz_leftover_check(struct imgz_job *job, const struct imgz_leftover_config *config,
                        struct imgz_whole *whole)
{
    const struct imgz_unread_config unread_config = {
        .output = config->output,
        .map_path = config->map_path,
        .size_bytes = config->header.raw_bytes,
    };
    struct check check = {.job = job, .config = config, .whole = whole};
    struct imgz_unread unread;
    int rc = imgz_unread_load(&unread, job, &unread_config);

    *whole = (struct imgz_whole){0};
    if (rc == 0)
        rc = find_whole(&check, &unread);
    imgz_unread_fini(&unread);
    return rc;
}
