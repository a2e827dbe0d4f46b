/* SPDX-License-Identifier: MIT */
/*
 * A map's text: refused with a line that it has, or accepted as blocks without gaps, which written
 * again and read again are the same.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/ddmap/mapfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check_blocks(const struct imgz_mapfile *map)
{
    uint64_t end = 0;

    for (size_t i = 0; i < map->count; i++) {
        const struct imgz_mapfile_block *block = &map->blocks[i];

        IMGZ_ASSERT(block->offset == end && block->bytes > 0);
        IMGZ_ASSERT(i == 0 || block->status != map->blocks[i - 1].status);
        end += block->bytes;
        IMGZ_ASSERT(end <= INT64_MAX);
    }
    IMGZ_ASSERT(end == imgz_mapfile_end(map));
    IMGZ_ASSERT(imgz_mapfile_settled_bytes(map) <= end);
}

static void check_lists(const struct imgz_mapfile *map)
{
    struct imgz_range_list list;

    imgz_range_list_init(&list);
    IMGZ_ASSERT(imgz_mapfile_add_missing(map, &list) == 0);
    IMGZ_ASSERT(list.bytes + imgz_mapfile_bytes(map, IMGZ_MAPFILE_FINISHED) ==
                imgz_mapfile_end(map));
    imgz_range_list_fini(&list);
    IMGZ_ASSERT(imgz_mapfile_add_bad(map, INT64_MAX, &list) == 0);
    IMGZ_ASSERT(list.bytes == imgz_mapfile_bytes(map, IMGZ_MAPFILE_BAD));
    imgz_range_list_fini(&list);
}

static void check_again(const struct imgz_mapfile *map)
{
    struct imgz_mapfile_problem problem;
    struct imgz_mapfile again;
    char *text = NULL;
    size_t bytes = 0;

    imgz_mapfile_init(&again);
    IMGZ_ASSERT(imgz_mapfile_format(map, 0, true, &text, &bytes) == 0);
    IMGZ_ASSERT(imgz_mapfile_parse(text, bytes, &again, &problem) == 0);
    IMGZ_ASSERT(again.count == map->count);
    for (size_t i = 0; i < map->count; i++)
        IMGZ_ASSERT(again.blocks[i].bytes == map->blocks[i].bytes &&
                    again.blocks[i].status == map->blocks[i].status);
    free(text);
    imgz_mapfile_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct imgz_mapfile_problem problem = {0};
    struct imgz_mapfile map;
    int rc;

    imgz_mapfile_init(&map);
    rc = imgz_mapfile_parse((const char *)data, bytes, &map, &problem);
    IMGZ_ASSERT(rc == 0 || rc == -EBADMSG);
    if (rc < 0) {
        IMGZ_ASSERT(map.count == 0 && problem.what != NULL);
        IMGZ_ASSERT(problem.line >= 1 && problem.line <= bytes);
        return 0;
    }
    check_blocks(&map);
    check_lists(&map);
    check_again(&map);
    imgz_mapfile_fini(&map);
    return 0;
}
