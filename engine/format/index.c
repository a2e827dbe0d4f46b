/* SPDX-License-Identifier: MIT */
#include "format/index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "codec/zero_run.h"
#include "format/frame.h"

#define FIRST_CAPACITY 1024u

void imgz_index_init(struct imgz_index *index, uint32_t chunk_bytes)
{
    *index = (struct imgz_index){.chunk_bytes = chunk_bytes};
}

void imgz_index_fini(struct imgz_index *index)
{
    free(index->entries);
    free(index->hashes);
    free(index->points);
    imgz_index_init(index, 0);
}

/* Makes room for one more element in an array that is full. */
static int grow(void **array, uint64_t *capacity, uint64_t count, size_t element_bytes)
{
    const uint64_t wanted = *capacity == 0 ? FIRST_CAPACITY : *capacity * 2;
    void *grown;

    if (count < *capacity)
        return 0;
    grown = reallocarray(*array, wanted, element_bytes);
    if (grown == NULL)
        return -ENOMEM;
    *array = grown;
    *capacity = wanted;
    return 0;
}

static int add_entry(struct imgz_index *index, uint32_t entry)
{
    void *entries = index->entries;
    int rc = grow(&entries, &index->entry_capacity, index->entry_count, IMGZ_INDEX_ENTRY_BYTES);

    if (rc < 0)
        return rc;
    index->entries = entries;
    imgz_put_le32(index->entries + index->entry_count * IMGZ_INDEX_ENTRY_BYTES, entry);
    index->entry_count += 1;
    return 0;
}

int imgz_index_add_chunk(struct imgz_index *index, uint32_t segment_bytes,
                         const struct imgz_hash *raw_hash)
{
    void *hashes = index->hashes;
    int rc = grow(&hashes, &index->hash_capacity, index->hash_count, sizeof(index->hashes[0]));

    IMGZ_ASSERT(segment_bytes < IMGZ_INDEX_ZERO_FLAG);
    if (rc < 0)
        return rc;
    index->hashes = hashes;
    rc = add_entry(index, segment_bytes);
    if (rc < 0)
        return rc;
    index->hashes[index->hash_count] = *raw_hash;
    index->hash_count += 1;
    return 0;
}

int imgz_index_add_zero(struct imgz_index *index, uint64_t raw_bytes)
{
    const uint64_t chunks = imgz_div_up(raw_bytes, index->chunk_bytes);

    IMGZ_ASSERT(raw_bytes > 0 && raw_bytes <= imgz_note_zero_bytes_max(index->chunk_bytes));
    return add_entry(index, (uint32_t)chunks | IMGZ_INDEX_ZERO_FLAG);
}

void imgz_index_rewind(const struct imgz_index *index, uint64_t disk_bytes,
                       struct imgz_index_cursor *cursor)
{
    *cursor = (struct imgz_index_cursor){
        .index = index,
        .disk_bytes = disk_bytes,
        .next = {.image_offset = IMGZ_FRAME_HEADER_BYTES},
    };
}

/* Fills in length and kind of the entry at the cursor; false if it is impossible. */
static bool describe_entry(const struct imgz_index_cursor *cursor, struct imgz_index_item *item)
{
    const uint32_t entry =
        imgz_get_le32(cursor->index->entries + cursor->entry_index * IMGZ_INDEX_ENTRY_BYTES);
    const uint64_t left = cursor->disk_bytes - item->raw_offset;
    const uint64_t chunk_bytes = cursor->index->chunk_bytes;

    if (left == 0)
        return false;
    if ((entry & IMGZ_INDEX_ZERO_FLAG) != 0) {
        const uint64_t chunks = entry & ~IMGZ_INDEX_ZERO_FLAG;

        if (chunks == 0 || chunks > imgz_note_zero_bytes_max((uint32_t)chunk_bytes) / chunk_bytes ||
            chunks > imgz_div_up(left, chunk_bytes))
            return false;
        item->kind = IMGZ_NOTE_ZERO;
        item->raw_bytes = imgz_min(chunks * chunk_bytes, left);
        item->segment_bytes = imgz_zero_run_segment_bytes(item->raw_bytes);
        return true;
    }
    item->kind = IMGZ_NOTE_CHUNK;
    item->raw_bytes = imgz_min(chunk_bytes, left);
    item->segment_bytes = entry;
    return entry >= imgz_note_segment_bytes_min(item->raw_bytes) &&
           entry <= imgz_note_segment_bytes_max(item->raw_bytes);
}

int imgz_index_next(struct imgz_index_cursor *cursor, struct imgz_index_item *item)
{
    struct imgz_index_item *next = &cursor->next;

    if (cursor->entry_index == cursor->index->entry_count)
        return -ENODATA;
    if (!describe_entry(cursor, next))
        return -EBADMSG;
    *item = *next;
    cursor->entry_index += 1;
    next->image_offset += IMGZ_NOTE_CARRIER_BYTES + item->segment_bytes;
    next->raw_offset += item->raw_bytes;
    next->hash_index += item->kind == IMGZ_NOTE_CHUNK ? 1 : 0;
    return 0;
}

int imgz_index_add_points(struct imgz_index *index, uint64_t disk_bytes)
{
    const uint64_t count = imgz_div_up(index->entry_count, IMGZ_INDEX_POINT_ENTRIES);
    struct imgz_index_item *points = calloc(imgz_max(count, 1), sizeof(points[0]));
    struct imgz_index_cursor cursor;
    struct imgz_index_item item;

    if (points == NULL)
        return -ENOMEM;
    imgz_index_rewind(index, disk_bytes, &cursor);
    do {
        if (cursor.entry_index % IMGZ_INDEX_POINT_ENTRIES == 0 &&
            cursor.entry_index < index->entry_count)
            points[cursor.entry_index / IMGZ_INDEX_POINT_ENTRIES] = cursor.next;
    } while (imgz_index_next(&cursor, &item) == 0);
    free(index->points);
    index->points = points;
    index->point_count = count;
    return 0;
}

/* The last point at or before 'offset' of the disk; the first one begins the disk. */
static uint64_t find_point(const struct imgz_index *index, uint64_t offset)
{
    uint64_t low = 0;
    uint64_t high = index->point_count;

    while (high - low > 1) {
        const uint64_t middle = low + (high - low) / 2;

        if (index->points[middle].raw_offset <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* To the point before 'offset', unless the cursor is between the two already. */
static void jump(struct imgz_index_cursor *cursor, uint64_t offset, struct imgz_index_item *item)
{
    const struct imgz_index *index = cursor->index;
    const bool back = offset < item->raw_offset;
    uint64_t point;

    if (index->point_count == 0) {
        if (back) {
            imgz_index_rewind(index, cursor->disk_bytes, cursor);
            *item = (struct imgz_index_item){0};
        }
        return;
    }
    point = find_point(index, offset);
    if (!back && point * IMGZ_INDEX_POINT_ENTRIES <= cursor->entry_index)
        return;
    cursor->entry_index = point * IMGZ_INDEX_POINT_ENTRIES;
    cursor->next = index->points[point];
    *item = (struct imgz_index_item){0};
}

int imgz_index_seek(struct imgz_index_cursor *cursor, uint64_t offset, struct imgz_index_item *item)
{
    int rc = 0;

    if (offset < item->raw_offset || offset >= item->raw_offset + item->raw_bytes)
        jump(cursor, offset, item);
    while (rc == 0 && offset >= item->raw_offset + item->raw_bytes)
        rc = imgz_index_next(cursor, item);
    return rc;
}

void imgz_index_sum(const struct imgz_index *index, uint64_t disk_bytes, uint64_t end_bytes,
                    struct imgz_index_sums *sums)
{
    struct imgz_index_cursor cursor;
    struct imgz_index_item item;

    *sums = (struct imgz_index_sums){0};
    imgz_index_rewind(index, disk_bytes, &cursor);
    while (imgz_index_next(&cursor, &item) == 0 && item.raw_offset < end_bytes) {
        if (item.kind == IMGZ_NOTE_ZERO)
            sums->zero_bytes += item.raw_bytes;
        else
            sums->data_bytes += item.raw_bytes;
        sums->stored_bytes += IMGZ_NOTE_CARRIER_BYTES + item.segment_bytes;
    }
}

uint64_t imgz_index_data_end(const struct imgz_index *index, uint64_t disk_bytes)
{
    struct imgz_index_cursor cursor;
    struct imgz_index_item item;
    uint64_t end = 0;

    imgz_index_rewind(index, disk_bytes, &cursor);
    while (imgz_index_next(&cursor, &item) == 0) {
        if (item.kind == IMGZ_NOTE_CHUNK)
            end = item.raw_offset + item.raw_bytes;
    }
    return end;
}
