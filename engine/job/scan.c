/* SPDX-License-Identifier: MIT */
#include "job/scan.h"

#include "codec/checksum.h"
#include "codec/zero.h"
#include "image/note.h"
#include "io/reader.h"

int imgz_scan_prepare(struct imgz_job *job, uint32_t chunk_bytes, uint64_t size_bytes)
{
    const struct imgz_job_needs needs = {
        .tally = {.chunk_bytes = chunk_bytes, .digests = job->options.digests, .raw_present = true},
        .raw_bytes_total = size_bytes,
    };

    return imgz_job_prepare(job, &needs);
}

int imgz_scan_feed(struct imgz_job *job, struct imgz_source *source, uint64_t size_bytes)
{
    const struct imgz_reader_config config = {
        .source = source,
        .size_bytes = size_bytes,
        .chunk_bytes = job->chunk_bytes,
        .zero_bytes_max = imgz_note_zero_bytes_max(job->chunk_bytes),
        .io_name = &job->io_name,
    };

    return imgz_reader_run(&config, job->line);
}

void imgz_scan_work(struct imgz_slot *slot)
{
    if (slot->kind == IMGZ_SLOT_ZERO)
        return;
    if (imgz_zero_test(slot->raw, (size_t)slot->raw_bytes))
        slot->kind = IMGZ_SLOT_ZERO;
    else
        slot->raw_hash = imgz_xxh3_128(slot->raw, (size_t)slot->raw_bytes);
}
