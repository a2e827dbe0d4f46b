/* SPDX-License-Identifier: MIT */
#include "base/range_list.h"

#include <errno.h>
#include <stdlib.h>

#define CAPACITY_MIN ((size_t)16)

void imgz_range_list_init(struct imgz_range_list *list)
{
    *list = (struct imgz_range_list){0};
}

void imgz_range_list_fini(struct imgz_range_list *list)
{
    free(list->ranges);
    imgz_range_list_init(list);
}

static int grow(struct imgz_range_list *list)
{
    const size_t capacity = list->capacity == 0 ? CAPACITY_MIN : 2 * list->capacity;
    struct imgz_range *ranges = reallocarray(list->ranges, capacity, sizeof(ranges[0]));

    if (ranges == NULL)
        return -ENOMEM;
    list->ranges = ranges;
    list->capacity = capacity;
    return 0;
}

int imgz_range_list_add(struct imgz_range_list *list, uint64_t offset, uint64_t bytes)
{
    struct imgz_range *last = list->count > 0 ? &list->ranges[list->count - 1] : NULL;

    IMGZ_ASSERT(bytes > 0);
    IMGZ_ASSERT(last == NULL || last->offset + last->bytes <= offset);
    if (last != NULL && last->offset + last->bytes == offset) {
        last->bytes += bytes;
        list->bytes += bytes;
        return 0;
    }
    if (list->count == list->capacity) {
        int rc = grow(list);

        if (rc < 0)
            return rc;
    }
    list->ranges[list->count] = (struct imgz_range){offset, bytes};
    list->count += 1;
    list->bytes += bytes;
    return 0;
}

/* ---- Asking ------------------------------------------------------------------------------- */

size_t imgz_range_list_index(const struct imgz_range_list *list, uint64_t offset)
{
    size_t low = 0;
    size_t high = list->count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (list->ranges[middle].offset + list->ranges[middle].bytes > offset)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

bool imgz_range_list_part(const struct imgz_range_list *list, size_t i, uint64_t offset,
                          uint64_t bytes, struct imgz_range *part)
{
    uint64_t end;

    if (i >= list->count || list->ranges[i].offset >= offset + bytes)
        return false;
    end = imgz_min(list->ranges[i].offset + list->ranges[i].bytes, offset + bytes);
    part->offset = imgz_max(list->ranges[i].offset, offset);
    part->bytes = end - part->offset;
    return true;
}

bool imgz_range_list_within(const struct imgz_range_list *list, uint64_t offset, uint64_t bytes)
{
    struct imgz_range part;

    return imgz_range_list_part(list, imgz_range_list_index(list, offset), offset, bytes, &part);
}

uint64_t imgz_range_list_bytes(const struct imgz_range_list *list, uint64_t offset, uint64_t bytes)
{
    struct imgz_range part;
    uint64_t sum = 0;

    for (size_t i = imgz_range_list_index(list, offset);
         imgz_range_list_part(list, i, offset, bytes, &part); i++)
        sum += part.bytes;
    return sum;
}
