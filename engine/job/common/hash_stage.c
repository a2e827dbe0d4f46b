/* SPDX-License-Identifier: MIT */
/*
 * Hashing keeps nothing of what it reads, so a chunk from the page cache need not be copied to its
 * slot. The worker takes it piece by piece through one small buffer that stays in its second cache
 * level, where zero test and hash find it. Copying a whole chunk first would push its beginning out
 * to memory before it is hashed.
 */
#include "job/common/hash_stage.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/pages.h"
#include "base/zero.h"
#include "format/note.h"
#include "image/chunk_encoder.h"
#include "io/source/reader.h"

/* Half of the smallest second cache level in use (256 KiB). The buffers begin with a page, as the
 * kernel's own do. If the target's address is 1 to 31 bytes after the source's, modulo 4096, a Zen
 * 3 copies at 2 GB/s instead of 8 (REP MOVSB); malloc() gives 16. */
#define PIECE_BYTES ((size_t)128 << 10)

static int create_workers(struct imgz_hash_stage *scan, enum imgz_hash_kind hash)
{
    const uint32_t count = scan->job->options.thread_count;

    scan->workers = calloc(count, sizeof(scan->workers[0]));
    if (scan->workers == NULL)
        return imgz_job_raise_memory(scan->job);
    scan->worker_count = count;
    scan->pieces = imgz_pages_map(count * PIECE_BYTES);
    if (scan->pieces == MAP_FAILED)
        return imgz_job_raise_memory(scan->job);
    for (uint32_t i = 0; i < count; i++) {
        struct imgz_hash_stage_worker *worker = &scan->workers[i];

        worker->piece = scan->pieces + i * PIECE_BYTES;
        if (imgz_hasher_create(hash, &worker->hasher) < 0)
            return imgz_job_raise_memory(scan->job);
    }
    return 0;
}

int imgz_hash_stage_prepare(struct imgz_hash_stage *scan, uint32_t chunk_bytes,
                            enum imgz_hash_kind hash)
{
    const struct imgz_job_needs needs = {
        .totals = {.chunk_bytes = chunk_bytes,
                   .hash = hash,
                   .digests = scan->job->options.digests,
                   .raw_present = true},
        .raw_bytes = chunk_bytes,
        .raw_bytes_total = scan->size_bytes,
    };
    int rc;

    scan->hash = hash;
    scan->job->read_fd = imgz_source_local_fd(scan->source);
    rc = imgz_job_prepare(scan->job, &needs);
    return rc < 0 ? rc : create_workers(scan, hash);
}

void imgz_hash_stage_release(struct imgz_hash_stage *scan)
{
    for (uint32_t i = 0; i < scan->worker_count; i++)
        imgz_hasher_destroy(scan->workers[i].hasher);
    if (scan->worker_count > 0 && scan->pieces != MAP_FAILED)
        munmap(scan->pieces, scan->worker_count * PIECE_BYTES);
    free(scan->workers);
    scan->workers = NULL;
    scan->worker_count = 0;
}

/* True if the hash of a chunk is not all that is needed of it. */
static bool is_raw_needed(const struct imgz_hash_stage *scan)
{
    return scan->job->options.digests != NULL || scan->raw_wanted || scan->overlay != NULL;
}

int imgz_hash_stage_feed(struct imgz_hash_stage *scan)
{
    const struct imgz_reader_config config = {
        .source = scan->source,
        .size_bytes = scan->size_bytes,
        .chunk_bytes = scan->job->chunk_bytes,
        .zero_bytes_max = imgz_note_zero_bytes_max(scan->job->chunk_bytes),
        .survey = true,
        .look_for_free = true,
        .encoding = {is_raw_needed(scan) ? IMGZ_ENCODING_NONE : IMGZ_ENCODING_HASHES,
                     IMGZ_LEVEL_FAST, scan->hash},
        .io_name = &scan->job->io_name,
    };

    return imgz_reader_run(&config, scan->job->pipeline);
}

static void apply_overlay(const struct imgz_hash_stage *scan, uint64_t offset,
                          unsigned char *buffer, size_t bytes)
{
    if (scan->overlay != NULL)
        imgz_overlay_apply(scan->overlay, offset, buffer, bytes);
}

/* A chunk that was not read yet, through the worker's buffer. */
static void hash_pieces(const struct imgz_hash_stage *scan, struct imgz_hash_stage_worker *worker,
                        struct imgz_slot *slot)
{
    struct imgz_hasher_sums sums;
    bool zero = true;

    imgz_hasher_reset(worker->hasher);
    for (uint64_t done = 0; done < slot->raw_bytes; done += PIECE_BYTES) {
        const size_t bytes = (size_t)imgz_min(PIECE_BYTES, slot->raw_bytes - done);

        imgz_source_fetch(scan->source, slot->raw_offset + done, worker->piece, bytes, slot);
        if (slot->fault == IMGZ_FAULT_READ)
            return;
        apply_overlay(scan, slot->raw_offset + done, worker->piece, bytes);
        zero = zero && imgz_zero_test(worker->piece, bytes);
        imgz_hasher_add(worker->hasher, worker->piece, bytes);
    }
    slot->kind = zero ? IMGZ_SLOT_ZERO : IMGZ_SLOT_DATA;
    sums = imgz_hasher_take(worker->hasher);
    slot->raw_hash = sums.hash;
    slot->raw_sha256 = sums.sha256;
}

void imgz_hash_stage_work(struct imgz_hash_stage *scan, uint32_t worker_index,
                          struct imgz_slot *slot)
{
    if (slot->read_deferred && !imgz_source_is(scan->source, IMGZ_SOURCE_DIRECT) &&
        scan->job->options.digests == NULL && !scan->raw_wanted) {
        hash_pieces(scan, &scan->workers[worker_index], slot);
        return;
    }
    if (slot->is_encoded)
        return;
    imgz_reader_fetch(scan->source, slot);
    if (slot->fault == IMGZ_FAULT_READ || slot->kind == IMGZ_SLOT_ZERO)
        return;
    apply_overlay(scan, slot->raw_offset, slot->raw, (size_t)slot->raw_bytes);
    imgz_chunk_hash_slot(scan->workers[worker_index].hasher, slot);
}

int imgz_hash_stage_accept(struct imgz_hash_stage *scan, const struct imgz_slot *slot)
{
    if (slot->fault == IMGZ_FAULT_READ)
        return imgz_reader_raise(scan->source, scan->job->latch, slot);
    imgz_job_count(scan->job, slot, 0);
    return 0;
}
