/* SPDX-License-Identifier: MIT */
#include "io/fs/free_space.h"

#include "io/fs/ext_free.h"
#include "io/fs/partition_table.h"
#include "io/fs/xfs_free.h"

static void add_gap(struct imgz_blanks *blanks, uint64_t from, uint64_t end)
{
    const struct imgz_free_region gap = {.offset = from,
                                         .bytes = end - from,
                                         .free_bytes = end - from};

    imgz_blanks_add(blanks, &gap);
}

uint32_t imgz_free_space_find(struct imgz_disk_view *view, struct imgz_blanks *blanks)
{
    struct imgz_partition_table table;
    uint32_t count = 0;
    uint64_t end = 0;

    imgz_partition_table_find(view, &table);
    for (uint32_t i = 0; i < table.count; i++) {
        const struct imgz_partition_range *range = &table.ranges[i];

        add_gap(blanks, end, range->offset);
        end = range->offset + range->bytes;
        if (imgz_xfs_free_add(view, range, blanks) || imgz_ext_free_add(view, range, blanks))
            count += 1;
    }
    if (table.found)
        add_gap(blanks, end, view->config.size_bytes);
    return count;
}
