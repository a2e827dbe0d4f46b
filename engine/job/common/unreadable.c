/* SPDX-License-Identifier: MIT */
#include "job/common/unreadable.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "job/common/provenance.h"

static uint64_t end_of(const struct imgz_range_list *list)
{
    const struct imgz_range *last;

    if (list->count == 0)
        return 0;
    last = &list->ranges[list->count - 1];
    return last->offset + last->bytes;
}

/* ---- The metadata: "1049088+512 2097152+1536" ----------------------------------------------- */

/* Decimal digits; false where there are none, or too many. */
static bool take_number(const char **text, uint64_t *number)
{
    const char *at = *text;
    uint64_t value = 0;

    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value))
            return false;
    *number = value;
    if (at == *text)
        return false;
    *text = at;
    return true;
}

static bool take_range(const char **text, struct imgz_range *range)
{
    if (!take_number(text, &range->offset) || **text != '+')
        return false;
    *text += 1;
    return take_number(text, &range->bytes);
}

static int add_listed(const char *text, uint64_t size_bytes, struct imgz_range_list *list)
{
    uint64_t end = 0;
    int rc = 0;

    while (rc == 0 && text != NULL && *text != '\0') {
        struct imgz_range range;

        if (!take_range(&text, &range) || range.bytes == 0 || range.offset < end ||
            range.offset > size_bytes || range.bytes > size_bytes - range.offset)
            return -EBADMSG;
        end = range.offset + range.bytes;
        rc = imgz_range_list_add(list, range.offset, range.bytes);
        text += *text == ' ';
    }
    return rc;
}

/* A total of all ranges, listed or not; without it there are only the listed ones. */
static bool take_total(const struct imgz_meta *meta, const char *key, uint64_t listed,
                       uint64_t *unlisted)
{
    const char *text = imgz_meta_find(meta, key);
    uint64_t total = listed;

    if (text != NULL && (!take_number(&text, &total) || *text != '\0' || total < listed))
        return false;
    *unlisted = total - listed;
    return true;
}

/* The ranges that are not listed must have room after those that are. */
static int add_totals(const struct imgz_meta *meta, uint64_t size_bytes,
                      struct imgz_unreadable_record *record)
{
    const struct imgz_range_list *listed = &record->listed;

    if (!take_total(meta, "unreadable.bytes", listed->bytes, &record->unlisted_bytes) ||
        !take_total(meta, "unreadable.range-count", listed->count, &record->unlisted_count) ||
        record->unlisted_bytes > size_bytes - end_of(listed) ||
        record->unlisted_count > record->unlisted_bytes ||
        (record->unlisted_count == 0) != (record->unlisted_bytes == 0) ||
        (record->unlisted_count > 0 && listed->count < IMGZ_PROVENANCE_RANGES_MAX))
        return -EBADMSG;
    return 0;
}

int imgz_unreadable_read(const struct imgz_meta *meta, uint64_t size_bytes,
                         struct imgz_unreadable_record *record)
{
    int rc;

    imgz_range_list_init(&record->listed);
    rc = add_listed(imgz_meta_find(meta, "unreadable.ranges"), size_bytes, &record->listed);
    if (rc == 0)
        rc = add_totals(meta, size_bytes, record);
    if (rc < 0)
        imgz_range_list_fini(&record->listed);
    return rc;
}

int imgz_unreadable_tell(const struct imgz_image *image, struct imgz_job *job)
{
    struct imgz_unreadable_record record;
    int rc = imgz_unreadable_read(&image->meta, image->end.raw_bytes, &record);

    if (rc == -EBADMSG) {
        imgz_log_line(&job->log, "the list of unreadable ranges in %s is invalid; imgz ignores it",
                      imgz_source_path(image->source));
        return 0;
    }
    if (rc < 0)
        return imgz_job_raise_memory(job);
    IMGZ_ASSERT(job->unreadable.count == 0);
    job->unreadable = record.listed;
    job->unlisted_bytes = record.unlisted_bytes;
    job->unlisted_count = record.unlisted_count;
    return 0;
}

/* ---- Both ----------------------------------------------------------------------------------- */

/* Adds a range that may overlap what is there, as whole sectors; ranges come in order of their
 * offsets. */
static int add_sectors(struct imgz_range_list *list, const struct imgz_range *range,
                       uint64_t size_bytes)
{
    const uint64_t from = imgz_max(end_of(list), imgz_align_down(range->offset, IMGZ_SECTOR_BYTES));
    const uint64_t end =
        imgz_min(imgz_align_up(range->offset + range->bytes, IMGZ_SECTOR_BYTES), size_bytes);

    return from < end ? imgz_range_list_add(list, from, end - from) : 0;
}

static int merge(const struct imgz_range_list *one, const struct imgz_range_list *other,
                 uint64_t size_bytes, struct imgz_range_list *list)
{
    size_t i = 0;
    size_t k = 0;
    int rc = 0;

    while (rc == 0 && (i < one->count || k < other->count)) {
        const bool of_one = k == other->count ||
                            (i < one->count && one->ranges[i].offset <= other->ranges[k].offset);

        rc = add_sectors(list, of_one ? &one->ranges[i] : &other->ranges[k], size_bytes);
        if (of_one)
            i += 1;
        else
            k += 1;
    }
    return rc;
}

/* Ranges that the image counts but does not list must be in the map. If it has less than these, it
 * belongs to another image or is made up. Then they may be anywhere after the listed ones. */
static int add_unlisted(const struct imgz_range_list *mapped, uint64_t size_bytes,
                        struct imgz_unreadable_record *record)
{
    const uint64_t end = end_of(&record->listed);

    if (imgz_range_list_bytes(mapped, end, UINT64_MAX - end) >= record->unlisted_bytes)
        return 0;
    return imgz_range_list_add(&record->listed, end, size_bytes - end);
}

int imgz_unreadable_find(const struct imgz_mapfile *map, const struct imgz_meta *meta,
                         uint64_t size_bytes, struct imgz_range_list *list)
{
    struct imgz_unreadable_record record;
    struct imgz_range_list mapped;
    int rc = imgz_unreadable_read(meta, size_bytes, &record);

    IMGZ_ASSERT(imgz_mapfile_end(map) == size_bytes);
    if (rc < 0)
        return rc;
    imgz_range_list_init(&mapped);
    rc = imgz_mapfile_add_missing(map, &mapped);
    if (rc == 0)
        rc = add_unlisted(&mapped, size_bytes, &record);
    if (rc == 0)
        rc = merge(&mapped, &record.listed, size_bytes, list);
    imgz_range_list_fini(&mapped);
    imgz_range_list_fini(&record.listed);
    return rc;
}
