/* SPDX-License-Identifier: MIT */
#include "job/verify/expected.h"

#include <errno.h>
#include <inttypes.h>

#include "base/text.h"
#include "checksum/checksum.h"

void imgz_expected_begin(struct imgz_expected *expected, struct imgz_job *job,
                         const struct imgz_image *image, struct imgz_totals *totals)
{
    *expected = (struct imgz_expected){.job = job, .image = image, .totals = totals};
    imgz_index_rewind(&image->index, image->end.raw_bytes, &expected->cursor);
}

int imgz_expected_raise_size(const struct imgz_expected *expected, const struct imgz_source *source,
                             uint64_t disk_bytes)
{
    struct imgz_location location = imgz_source_location(source, IMGZ_OFFSET_NONE);

    location.stage = IMGZ_STAGE_COMPARE;
    return imgz_latch_raise(expected->job->latch, -EBADMSG, location,
                            "comparing %s with %s: it has %s, the disk in the image has %s; they "
                            "are not the same disk",
                            imgz_source_path(source), imgz_source_path(expected->image->source),
                            imgz_text_size(disk_bytes).text,
                            imgz_text_size(expected->image->end.raw_bytes).text);
}

void imgz_expected_count(struct imgz_expected *expected, uint64_t offset, uint32_t count)
{
    if (expected->job->report.bad_chunk_count == 0)
        expected->job->report.bad_offset = offset;
    expected->job->report.bad_chunk_count += count;
}

static void match_chunk(struct imgz_expected *expected, uint64_t offset, uint64_t bytes,
                        const struct imgz_hash *hash)
{
    struct imgz_hash wanted;
    int rc = imgz_index_seek(&expected->cursor, offset, &expected->item);

    IMGZ_ASSERT(rc == 0); /* the index was checked when it was loaded */
    if (expected->item.kind == IMGZ_NOTE_ZERO)
        wanted = imgz_totals_zero_hash(expected->totals, bytes).hash;
    else
        wanted = expected->image->index.hashes[expected->item.hash_index];
    if (!imgz_hash_equal(hash, &wanted))
        imgz_expected_count(expected, offset, 1);
}

void imgz_expected_match(struct imgz_expected *expected, const struct imgz_slot *slot)
{
    const uint64_t chunk_bytes = expected->image->header.chunk_bytes;
    const uint64_t end = slot->raw_offset + slot->raw_bytes;
    uint64_t at = slot->raw_offset;

    while (at < end) {
        const uint64_t bytes = imgz_min(chunk_bytes, end - at);
        const struct imgz_hash hash = slot->kind == IMGZ_SLOT_ZERO
                                          ? imgz_totals_zero_hash(expected->totals, bytes).hash
                                          : slot->raw_hash;

        match_chunk(expected, at, bytes, &hash);
        at += bytes;
    }
}
