/* SPDX-License-Identifier: MIT */
/*
 * An index as a damaged image may hold it. Input: a byte for the chunk size, eight for the disk's
 * size, then entries. What the cursor gives out lies without gap on disk and in the image, and
 * never beyond the disk.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "format/frame.h"
#include "format/index.h"

#define HEAD_BYTES 9u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void walk(const struct imgz_index *index, uint64_t disk_bytes)
{
    uint64_t image_offset = IMGZ_FRAME_HEADER_BYTES;
    uint64_t raw_offset = 0;
    uint64_t hash_index = 0;
    uint64_t count = 0;
    struct imgz_index_cursor cursor;
    struct imgz_index_item item;
    int rc;

    imgz_index_rewind(index, disk_bytes, &cursor);
    while ((rc = imgz_index_next(&cursor, &item)) == 0) {
        IMGZ_ASSERT(item.image_offset == image_offset);
        IMGZ_ASSERT(item.raw_offset == raw_offset);
        IMGZ_ASSERT(item.raw_bytes > 0 && item.raw_bytes <= disk_bytes - raw_offset);
        IMGZ_ASSERT(item.raw_offset % index->chunk_bytes == 0);
        IMGZ_ASSERT(item.segment_bytes > 0);
        if (item.kind == IMGZ_NOTE_CHUNK) {
            IMGZ_ASSERT(item.hash_index == hash_index);
            IMGZ_ASSERT(item.raw_bytes <= index->chunk_bytes);
            IMGZ_ASSERT(item.segment_bytes <= imgz_note_segment_bytes_max(item.raw_bytes));
            hash_index += 1;
        } else {
            IMGZ_ASSERT(item.kind == IMGZ_NOTE_ZERO);
            IMGZ_ASSERT(item.raw_bytes <= imgz_note_zero_bytes_max(index->chunk_bytes));
            IMGZ_ASSERT(imgz_get_le32(index->entries + count * IMGZ_INDEX_ENTRY_BYTES) ==
                        (imgz_div_up(item.raw_bytes, index->chunk_bytes) | IMGZ_INDEX_ZERO_FLAG));
            /* A slot's stored buffer is as large as a chunk may need. */
            IMGZ_ASSERT(item.segment_bytes <= imgz_note_segment_bytes_max(index->chunk_bytes));
        }
        image_offset += IMGZ_NOTE_CARRIER_BYTES + item.segment_bytes;
        raw_offset += item.raw_bytes;
        count += 1;
    }
    IMGZ_ASSERT(rc == -EBADMSG || rc == -ENODATA);
    IMGZ_ASSERT((rc == -ENODATA) == (count == index->entry_count));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct imgz_index index;
    uint64_t entry_bytes;

    if (bytes < HEAD_BYTES)
        return 0;
    imgz_index_init(&index, (uint32_t)1 << (16 + data[0] % 9));
    index.entry_count = (bytes - HEAD_BYTES) / IMGZ_INDEX_ENTRY_BYTES;
    entry_bytes = index.entry_count * IMGZ_INDEX_ENTRY_BYTES;
    index.entries = malloc(entry_bytes + 1);
    IMGZ_ASSERT(index.entries != NULL);
    memcpy(index.entries, data + HEAD_BYTES, entry_bytes);
    walk(&index, imgz_get_le64(data + 1));
    imgz_index_fini(&index);
    return 0;
}
