/* SPDX-License-Identifier: MIT */
#include "job/capture/retry_resume.h"

#include <errno.h>
#include <inttypes.h>

#include "checksum/checksum.h"

/* ---- Whether it is of this image ---------------------------------------------------------- */

/* Items of one image, in order. */
struct walk {
    struct imgz_index_cursor cursor;
    struct imgz_index_item item;
};

static void begin_walk(struct walk *walk, const struct imgz_index *index, uint64_t disk_bytes)
{
    *walk = (struct walk){0};
    imgz_index_rewind(index, disk_bytes, &walk->cursor);
}

/* Moves on to the item that has the byte at 'offset'. */
static bool find_item(struct walk *walk, uint64_t offset)
{
    return imgz_index_seek(&walk->cursor, offset, &walk->item) == 0;
}

static bool is_same_chunk(const struct walk *one, const struct walk *other)
{
    return one->item.kind == IMGZ_NOTE_CHUNK && other->item.kind == IMGZ_NOTE_CHUNK &&
           one->item.raw_offset == other->item.raw_offset &&
           one->item.raw_bytes == other->item.raw_bytes &&
           imgz_hash_equal(&one->cursor.index->hashes[one->item.hash_index],
                           &other->cursor.index->hashes[other->item.hash_index]);
}

static bool lacked(const struct imgz_range_list *missing, const struct imgz_index_item *item)
{
    return imgz_range_list_within(missing, item->raw_offset, item->raw_bytes);
}

/* 'left' is at an item of what was left. False, with the place, if the old image has another one
 * there. */
static bool fits(const struct walk *left, struct walk *old, const struct imgz_range_list *missing,
                 uint64_t *offset)
{
    const uint64_t end = left->item.raw_offset + left->item.raw_bytes;

    *offset = left->item.raw_offset;
    if (left->item.kind == IMGZ_NOTE_CHUNK)
        return lacked(missing, &left->item) ||
               (find_item(old, *offset) && is_same_chunk(left, old));
    while (*offset < end) {
        if (!find_item(old, *offset) ||
            (old->item.kind != IMGZ_NOTE_ZERO && !lacked(missing, &old->item)))
            return false;
        *offset = old->item.raw_offset + old->item.raw_bytes;
    }
    return true;
}

static int raise_other(const struct imgz_retry_resume_config *config, uint64_t offset)
{
    const char *partial_path = imgz_sink_partial_path(config->output);

    return imgz_latch_raise(config->latch, -EEXIST,
                            imgz_sink_location(config->output, IMGZ_OFFSET_NONE),
                            "resuming %s: %s does not belong to it: they differ at offset %" PRIu64
                            " of the disk; remove %s",
                            imgz_sink_path(config->output), partial_path, offset, partial_path);
}

static int compare(const struct imgz_retry_resume *earlier,
                   const struct imgz_retry_resume_config *config)
{
    struct walk left;
    struct walk old;
    uint64_t offset;

    begin_walk(&left, &earlier->whole.index, earlier->whole.raw_bytes);
    begin_walk(&old, &config->old->index, config->old->end.raw_bytes);
    while (imgz_index_next(&left.cursor, &left.item) == 0) {
        if (!fits(&left, &old, config->missing, &offset))
            return raise_other(config, offset);
    }
    return 0;
}

/* ---- Finding it --------------------------------------------------------------------------- */

/* A retry has a map before anything is written. As with the file itself, nobody else must be
 * able to write to it. */
static int check_map(const struct imgz_retry_resume_config *config)
{
    const char *partial_path = imgz_sink_partial_path(config->output);
    struct stat status;

    if (imgz_name_stat(imgz_sink_map_name(config->output), &status) == 0 &&
        S_ISREG(status.st_mode) && imgz_tempfile_ours_alone(&status))
        return 0;
    return imgz_latch_raise(config->latch, -EEXIST,
                            imgz_sink_location(config->output, IMGZ_OFFSET_NONE),
                            "resuming %s: %s is useless without its map %s, which is missing, "
                            "or not yours, or writable by others; remove %s",
                            imgz_sink_path(config->output), partial_path,
                            imgz_sink_map_name(config->output)->path, partial_path);
}

static int raise_lacking(const struct imgz_retry_resume_config *config, uint64_t offset)
{
    const char *path = imgz_sink_path(config->output);
    const char *partial_path = imgz_sink_partial_path(config->output);

    return imgz_latch_raise(config->latch, -EEXIST, imgz_sink_location(config->output, offset),
                            "resuming %s: %s does not belong to it: %s marks offset %" PRIu64
                            " of the disk unreadable, but %s has it; remove %s",
                            path, partial_path, imgz_sink_map_name(config->output)->path, offset,
                            path, partial_path);
}

/* What the map calls bad must be a part of what is missing. */
static int check_unread(const struct imgz_retry_resume_config *config,
                        const struct imgz_range_list *known_bad)
{
    struct imgz_range part;

    for (size_t i = 0; i < known_bad->count; i++) {
        const struct imgz_range *bad = &known_bad->ranges[i];
        const size_t k = imgz_range_list_index(config->missing, bad->offset);

        if (!imgz_range_list_part(config->missing, k, bad->offset, bad->bytes, &part) ||
            part.bytes != bad->bytes)
            return raise_lacking(config, bad->offset);
    }
    return 0;
}

static int find_whole(struct imgz_retry_resume *earlier, struct imgz_job *job,
                      const struct imgz_retry_resume_config *config)
{
    const struct imgz_valid_prefix_config whole_config = {
        .output = config->output,
        .disk = config->disk,
        .header = config->old->header,
        .end_bytes = earlier->known_bad.end_bytes,
    };
    int rc = imgz_valid_prefix_find(job, &whole_config, &earlier->whole);

    if (rc == 0)
        rc = compare(earlier, config);
    if (rc == 0)
        rc = imgz_known_bad_add(&earlier->known_bad, job, earlier->whole.raw_bytes);
    if (rc == 0)
        rc = check_unread(config, &job->unreadable);
    if (rc == 0)
        earlier->regained_bytes =
            imgz_range_list_bytes(config->missing, 0, earlier->whole.raw_bytes) -
            job->unreadable.bytes;
    return rc;
}

int imgz_retry_resume_find(struct imgz_retry_resume *earlier, struct imgz_job *job,
                           const struct imgz_retry_resume_config *config)
{
    const struct imgz_known_bad_config known_config = {
        .output = config->output,
        .map_name = imgz_sink_map_name(config->output),
        .size_bytes = config->old->end.raw_bytes,
    };
    int rc = check_map(config);

    if (rc == 0)
        rc = imgz_known_bad_load(&earlier->known_bad, job, &known_config);
    return rc < 0 ? rc : find_whole(earlier, job, config);
}

void imgz_retry_resume_fini(struct imgz_retry_resume *earlier)
{
    imgz_valid_prefix_fini(&earlier->whole);
    imgz_known_bad_fini(&earlier->known_bad);
}
