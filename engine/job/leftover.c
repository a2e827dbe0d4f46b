/* SPDX-License-Identifier: MIT */
#include "job/leftover.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "codec/checksum.h"
#include "codec/zero.h"
#include "io/mapfile.h"
#include "job/decode.h"

/* Chunks of data, and of zeros, that are read again from the source. A chance hit of another disk
 * needs all of them to be equal; more would only cost time on a slow one. */
#define SAMPLE_COUNT 16u

struct check {
    struct imgz_job *job;
    const struct imgz_leftover_config *config;
    struct imgz_mapfile map; /* empty if there is none */
    uint64_t end_bytes;      /* of the disk: nothing behind that is taken over */
    struct imgz_decode decode;
    struct imgz_leftover *leftover;
    bool ended; /* an item was not right: what follows does not count */
};

/* ---- What is whole ------------------------------------------------------------------------ */

static int feed(void *context, struct imgz_line *line)
{
    struct check *check = context;

    return imgz_image_feed_leftover(&check->decode.image, line);
}

static int work(void *context, uint32_t worker_index, struct imgz_slot *slot)
{
    struct check *check = context;

    imgz_decode_work(&check->decode, worker_index, slot);
    return 0;
}

static int add_item(struct check *check, const struct imgz_slot *slot)
{
    struct imgz_leftover *leftover = check->leftover;
    const uint64_t segment_bytes = slot->stored_bytes - IMGZ_NOTE_CARRIER_BYTES;
    int rc = slot->kind == IMGZ_SLOT_ZERO
                 ? imgz_index_add_zero(&leftover->index, slot->raw_bytes)
                 : imgz_index_add_chunk(&leftover->index, (uint32_t)segment_bytes, &slot->raw_hash);

    if (rc < 0)
        return imgz_job_raise_memory(check->job);
    leftover->raw_bytes = slot->raw_offset + slot->raw_bytes;
    leftover->image_bytes = slot->image_offset + slot->stored_bytes;
    imgz_job_count(check->job, slot, leftover->image_bytes);
    return 0;
}

static int drain(void *context, struct imgz_line *line)
{
    struct check *check = context;
    struct imgz_slot *slot = NULL;
    int rc;

    while ((rc = imgz_line_take(line, &slot)) == 0) {
        if (slot->fault != IMGZ_FAULT_NONE || slot->raw_offset + slot->raw_bytes > check->end_bytes)
            check->ended = true;
        if (!check->ended)
            rc = add_item(check, slot);
        imgz_line_give_back(line, &slot);
        if (rc < 0)
            return rc;
    }
    return rc == -ENODATA ? 0 : rc;
}

static int raise_other(const struct check *check, const struct imgz_frame_header *found)
{
    return imgz_stop_raise(check->job->stop, -EEXIST,
                           imgz_output_place(check->config->output, IMGZ_OFFSET_NONE),
                           "resuming %s: %s.partial is of a disk of %" PRIu64
                           " bytes in chunks of %u, but %s has %" PRIu64
                           " and --chunk-size is %u; name what it was begun with, or remove it",
                           check->config->output->path, check->config->output->path,
                           found->raw_bytes, found->chunk_bytes, check->config->source->path,
                           check->config->header.raw_bytes, check->config->header.chunk_bytes);
}

/* Opens the file as an image. -ENODATA: it has not even a header. */
static int open_image(struct check *check)
{
    struct imgz_image *image = &check->decode.image;
    unsigned char bytes[IMGZ_FRAME_HEADER_BYTES];
    size_t done_bytes;
    int rc = imgz_source_reopen(check->config->output->fd, check->config->output->path,
                                check->job->stop, &check->job->log, &image->source);

    if (rc < 0)
        return rc;
    imgz_source_use_cache(&image->source);
    imgz_index_init(&image->index, check->config->header.chunk_bytes);
    rc = imgz_source_read_at(&image->source, 0, bytes, sizeof(bytes), &done_bytes);
    if (rc < 0)
        return imgz_stop_raise_system(check->job->stop, rc, imgz_source_place(&image->source, 0),
                                      "reading");
    if (imgz_frame_decode_header(bytes, done_bytes, &image->header) != IMGZ_FRAME_IMAGE)
        return -ENODATA;
    if (image->header.chunk_bytes != check->config->header.chunk_bytes ||
        image->header.raw_bytes != check->config->header.raw_bytes)
        return raise_other(check, &image->header);
    return 0;
}

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
                &check->leftover->index.hashes[item->hash_index], &same);
    return same ? 0 : raise_changed(check, item->raw_offset);
}

/* The first chunk of a run of zeros, the last, and others between them: 'place_count' >= 2. */
static int compare_zeros(const struct check *check, const struct imgz_index_item *item,
                         uint64_t place_count, unsigned char *raw)
{
    const uint32_t chunk_bytes = check->leftover->index.chunk_bytes;
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
    const struct imgz_index *index = &check->leftover->index;
    const uint64_t zero_count = index->entry_count - index->hash_count;
    const uint64_t chunk_step = imgz_max(index->hash_count / SAMPLE_COUNT, 1);
    const uint64_t zero_step = imgz_max(zero_count / SAMPLE_COUNT, 1);
    const uint64_t place_count = imgz_max(SAMPLE_COUNT / imgz_max(zero_count, 1), 2);
    struct imgz_index_cursor cursor;
    struct imgz_index_item item;
    uint64_t zero_index = 0;
    int rc = 0;

    imgz_index_rewind(index, check->leftover->raw_bytes, &cursor);
    while (rc == 0 && imgz_index_next(&cursor, &item) == 0) {
        if (item.kind == IMGZ_NOTE_CHUNK) {
            if (item.hash_index % chunk_step == 0 || item.hash_index + 1 == index->hash_count)
                rc = compare_chunk(check, &item, raw);
            continue;
        }
        if (!check->config->output->marked &&
            (zero_index % zero_step == 0 || zero_index + 1 == zero_count))
            rc = compare_zeros(check, &item, place_count, raw);
        zero_index += 1;
    }
    return rc;
}

static int compare_samples(void *context)
{
    struct check *check = context;
    const uint32_t chunk_bytes = check->leftover->index.chunk_bytes;
    unsigned char *raw = NULL;
    int rc;

    if (posix_memalign((void **)&raw, IMGZ_BLOCK_BYTES,
                       imgz_align_up(chunk_bytes, IMGZ_BLOCK_BYTES)) != 0)
        return imgz_job_raise_memory(check->job);
    rc = compare_items(check, raw);
    free(raw);
    return rc;
}

/* ---- What could not be read --------------------------------------------------------------- */

static int raise_map(const struct check *check, int rc, const char *what)
{
    const struct imgz_output *output = check->config->output;

    return imgz_stop_raise(check->job->stop, rc, imgz_output_place(output, IMGZ_OFFSET_NONE),
                           "resuming %s: sectors that could not be read are zeros in %s.partial, "
                           "and %s; give the --map that was kept with it, or remove it",
                           output->path, output->path, what);
}

/* Loads the map, and finds how far it goes. */
static int load_map(struct check *check)
{
    const struct imgz_leftover_config *config = check->config;
    const uint64_t size_bytes = config->header.raw_bytes;
    int rc = -ENOENT;

    check->end_bytes = size_bytes;
    if (config->map_path != NULL)
        rc = imgz_mapfile_load(config->map_path, check->job->stop, &check->map);
    if (rc == -ENOENT)
        return config->output->marked
                   ? raise_map(check, -EINVAL, "without a map it is not known which")
                   : 0;
    if (rc < 0)
        return rc;
    rc = imgz_mapfile_fit(&check->map, size_bytes);
    if (rc == -ERANGE)
        return raise_map(check, -EEXIST, "the map is of a larger disk");
    if (rc < 0)
        return imgz_job_raise_memory(check->job);
    if (config->output->marked)
        check->end_bytes = imgz_mapfile_settled_bytes(&check->map);
    return 0;
}

static int add_unreadable(struct check *check)
{
    int rc = imgz_mapfile_add_bad(&check->map, check->leftover->raw_bytes, &check->job->unreadable);

    return rc < 0 ? imgz_job_raise_memory(check->job) : 0;
}

/* ---- All of it ---------------------------------------------------------------------------- */

static int run(struct check *check)
{
    static const struct imgz_job_bodies bodies = {.feed = feed, .work = work, .drain = drain};
    int rc = open_image(check);

    if (rc == 0)
        rc = load_map(check);
    if (rc < 0)
        return rc;
    rc = imgz_decode_prepare(&check->decode, check->job);
    if (rc == 0)
        rc = imgz_job_run(check->job, &bodies, check);
    if (rc == 0)
        rc = imgz_job_call(check->job, compare_samples, check);
    return rc < 0 ? rc : add_unreadable(check);
}

int imgz_leftover_check(struct imgz_job *job, const struct imgz_leftover_config *config,
                        struct imgz_leftover *leftover)
{
    struct check check = {
        .job = job,
        .config = config,
        .decode = {.image.source.fd = -1, .raw_wanted = job->options.digests != NULL},
        .leftover = leftover,
    };
    int rc;

    *leftover = (struct imgz_leftover){0};
    imgz_index_init(&leftover->index, config->header.chunk_bytes);
    imgz_mapfile_init(&check.map);
    rc = run(&check);
    imgz_mapfile_fini(&check.map);
    imgz_decode_release(&check.decode);
    if (rc == -ENODATA && !imgz_stop_raised(job->stop))
        rc = 0;
    if (rc == 0)
        imgz_log_line(&job->log,
                      "%s.partial holds %" PRIu64 " bytes of the disk, in its first %" PRIu64
                      " bytes; going on from there",
                      config->output->path, leftover->raw_bytes, leftover->image_bytes);
    return rc;
}

void imgz_leftover_fini(struct imgz_leftover *leftover)
{
    imgz_index_fini(&leftover->index);
}
