/* SPDX-License-Identifier: MIT */
/*
 * If nobody needs the raw bytes after the worker, a slot has no buffers: the worker lends it its
 * own. These are used for one chunk after the other and stay in the cache. With buffers for each
 * slot, 2 MiB would be fetched from memory every time (verify of 1 GiB: 1.02 s instead of 1.07,
 * medians of five runs in turn).
 */
#include "job/common/decode_stage.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/pages.h"
#include "checksum/checksum.h"
#include "image/image_error.h"
#include "image/unchanged.h"
#include "job/common/recorded.h"

static uint64_t stored_bytes_max(const struct imgz_decode_stage *decode)
{
    return imgz_chunk_stored_bytes(imgz_image_segment_bytes_max(&decode->image));
}

/* The buffers that a worker lends, and how large each is. */
struct lent_sizes {
    uint64_t raw_bytes;
    uint64_t stored_bytes;
    uint64_t map_bytes;
};

static struct lent_sizes lent_sizes(const struct imgz_decode_stage *decode)
{
    const uint64_t raw_bytes =
        decode->scrub ? 0
                      : imgz_align_up(imgz_image_data_bytes_max(&decode->image), IMGZ_BLOCK_BYTES);

    return (struct lent_sizes){
        .raw_bytes = raw_bytes,
        .stored_bytes = imgz_align_up(stored_bytes_max(decode), IMGZ_BLOCK_BYTES),
        .map_bytes = imgz_align_up(raw_bytes / IMGZ_BLOCK_BYTES, IMGZ_BLOCK_BYTES),
    };
}

static uint64_t lent_bytes(const struct imgz_decode_stage *decode)
{
    const struct lent_sizes sizes = lent_sizes(decode);

    return sizes.raw_bytes + sizes.stored_bytes + sizes.map_bytes;
}

/* Buffers for every worker, one after the other; all from one mapping, so that each begins with a
 * page. */
static int create_lent(struct imgz_decode_stage *decode, struct imgz_job *job)
{
    const struct lent_sizes sizes = lent_sizes(decode);
    const uint64_t worker_bytes = lent_bytes(decode);
    unsigned char *at;

    decode->lent_bytes = worker_bytes * decode->worker_count;
    at = imgz_pages_map(decode->lent_bytes);
    if (at == MAP_FAILED)
        return imgz_job_raise_memory(job);
    decode->lent = at;
    for (uint32_t i = 0; i < decode->worker_count; i++, at += worker_bytes) {
        decode->workers[i].raw = at;
        decode->workers[i].stored = at + sizes.raw_bytes;
        decode->workers[i].zero_map = at + sizes.raw_bytes + sizes.stored_bytes;
    }
    return 0;
}

static int create_pieces(struct imgz_decode_stage *decode)
{
    const size_t bytes = decode->worker_count * IMGZ_UNCHANGED_PIECE_BYTES;

    if (posix_memalign((void **)&decode->pieces, IMGZ_BLOCK_BYTES, bytes) != 0) {
        decode->pieces = NULL;
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < decode->worker_count; i++)
        decode->workers[i].piece = decode->pieces + i * IMGZ_UNCHANGED_PIECE_BYTES;
    return 0;
}

static int create_workers(struct imgz_decode_stage *decode, struct imgz_job *job)
{
    const uint32_t count = job->options.thread_count;

    decode->workers = calloc(count, sizeof(decode->workers[0]));
    if (decode->workers == NULL)
        return imgz_job_raise_memory(job);
    decode->worker_count = count;
    for (uint32_t i = 0; i < count && !decode->scrub; i++) {
        if (imgz_chunk_decoder_init(&decode->workers[i].decoder, decode->image.header.hash) < 0)
            return imgz_job_raise_memory(job);
    }
    if (decode->target != NULL && create_pieces(decode) < 0)
        return imgz_job_raise_memory(job);
    return decode->raw_wanted ? 0 : create_lent(decode, job);
}

uint64_t imgz_decode_stage_weigh(const struct imgz_decode_stage *decode, const struct imgz_job *job,
                                 uint64_t end_bytes)
{
    const struct imgz_meter *meter = &job->pipeline->meter;
    struct imgz_index_sums sums;

    imgz_index_sum(&decode->image.index, decode->image.end.raw_bytes, end_bytes, &sums);
    return meter->config.by_stored ? sums.stored_bytes
                                   : imgz_meter_weigh(meter, sums.data_bytes, sums.zero_bytes);
}

int imgz_decode_stage_prepare(struct imgz_decode_stage *decode, struct imgz_job *job)
{
    const bool fed_stored = decode->raw_wanted || !decode->image.seekable;
    const struct imgz_job_needs needs = {
        .totals = {.chunk_bytes = decode->image.header.chunk_bytes,
                   .hash = decode->image.header.hash,
                   .hash_cut = decode->scrub,
                   .digests = job->options.digests,
                   .crc_wanted = true,
                   .raw_present = decode->raw_wanted},
        .raw_bytes = decode->raw_wanted ? imgz_max(imgz_image_data_bytes_max(&decode->image),
                                                   decode->raw_bytes_min)
                                        : 0,
        .stored_bytes =
            fed_stored ? imgz_max(stored_bytes_max(decode), decode->stored_bytes_min) : 0,
        .worker_bytes = decode->raw_wanted ? decode->worker_bytes : lent_bytes(decode),
        .raw_bytes_total = imgz_image_raw_bytes(&decode->image),
        .meter = {.by_stored = decode->scrub || decode->by_stored, .zero_cost = decode->zero_cost},
        .continues = decode->continues,
    };
    int rc;

    job->read_fd = imgz_source_local_fd(decode->image.source);
    rc = imgz_job_prepare(job, &needs);
    if (decode->image.seekable)
        job->report.image_bytes = decode->image.image_bytes;
    if (rc < 0)
        return rc;
    if (decode->image.seekable)
        imgz_meter_set_total(&job->pipeline->meter,
                             imgz_decode_stage_weigh(decode, job, decode->image.end.raw_bytes));
    return create_workers(decode, job);
}

void imgz_decode_stage_release(struct imgz_decode_stage *decode)
{
    for (uint32_t i = 0; i < decode->worker_count; i++)
        imgz_chunk_decoder_fini(&decode->workers[i].decoder);
    free(decode->pieces);
    free(decode->workers);
    if (decode->lent != NULL)
        munmap(decode->lent, decode->lent_bytes);
    decode->pieces = NULL;
    decode->workers = NULL;
    decode->worker_count = 0;
    decode->lent = NULL;
    imgz_image_fini(&decode->image);
}

int imgz_decode_stage_feed(struct imgz_decode_stage *decode, struct imgz_job *job)
{
    job->io_name = decode->image.seekable ? "pread" : "read";
    return imgz_image_feed(&decode->image, job->pipeline);
}

/* By hash, a chunk that the target holds need not be inflated. To compare bytes, it must be. */
static void check_beside_target(const struct imgz_decode_stage *decode,
                                const struct imgz_decode_stage_worker *worker,
                                struct imgz_slot *slot)
{
    if (!decode->by_bytes &&
        imgz_unchanged_test(decode->target, worker->decoder.hasher, worker->piece, slot))
        return;
    imgz_chunk_decode(&worker->decoder, slot);
    if (decode->by_bytes && slot->checked)
        imgz_unchanged_compare(decode->target, worker->piece, slot);
}

static void check_slot(const struct imgz_decode_stage *decode,
                       const struct imgz_decode_stage_worker *worker, struct imgz_slot *slot)
{
    imgz_image_fetch(&decode->image, slot);
    if (slot->fault == IMGZ_FAULT_READ)
        return;
    if (decode->scrub)
        imgz_chunk_check_stored(slot);
    else if (decode->target != NULL)
        check_beside_target(decode, worker, slot);
    else
        imgz_chunk_decode(&worker->decoder, slot);
}

void imgz_decode_stage_work(struct imgz_decode_stage *decode, uint32_t worker_index,
                            struct imgz_slot *slot)
{
    const struct imgz_decode_stage_worker *worker = &decode->workers[worker_index];
    const struct imgz_slot own = *slot;

    if (!decode->raw_wanted) {
        slot->raw = worker->raw;
        slot->zero_map = worker->zero_map;
        if (slot->stored == NULL)
            slot->stored = worker->stored;
    }
    check_slot(decode, worker, slot);
    slot->raw = own.raw;
    slot->zero_map = own.zero_map;
    slot->stored = own.stored;
}

void imgz_decode_stage_check_table(struct imgz_decode_stage *decode, struct imgz_slot *slot)
{
    const struct imgz_image *image = &decode->image;

    if (slot->kind != IMGZ_SLOT_DATA)
        return;
    if (image->seekable && slot->fault == IMGZ_FAULT_NONE &&
        !imgz_hash_equal(&slot->raw_hash, &image->index.hashes[decode->hash_index]))
        slot->fault = IMGZ_FAULT_TABLE;
    decode->hash_index += 1;
}

static int check_digests(const struct imgz_decode_stage *decode, const struct imgz_job *job,
                         const struct imgz_totals_sum *sum, uint32_t *compared)
{
    const char *path = imgz_source_path(decode->image.source);
    struct imgz_location location = imgz_source_location(decode->image.source, IMGZ_OFFSET_NONE);
    struct imgz_recorded_difference differs;

    if (imgz_recorded_agree(sum, &decode->image.meta, compared, &differs))
        return 0;
    location.stage = IMGZ_STAGE_CHECK;
    if (job->report.same_bytes > 0)
        return imgz_latch_raise_cause(
            job->latch, imgz_cause(IMGZ_REASON_TAMPERED), -EBADMSG, location,
            "restoring %s: the %s of the disk is %s but was recorded as %s: what the target "
            "already held has the right hashes but wrong bytes, or the image was changed",
            path, differs.name, differs.made, differs.recorded);
    return imgz_latch_raise(job->latch, -EBADMSG, location,
                            "checking %s: its %s is %s but was recorded as %s; the image is "
                            "damaged, use another copy of it",
                            path, differs.name, differs.made, differs.recorded);
}

static int check_frame(const struct imgz_decode_stage *decode, struct imgz_latch *latch,
                       const struct imgz_totals_sum *sum)
{
    const struct imgz_frame_end *end = &decode->image.end;
    struct imgz_location location =
        imgz_source_location(decode->image.source, imgz_image_tail_offset(&decode->image));

    location.stage = IMGZ_STAGE_CHECK;
    if (sum->raw_bytes != end->raw_bytes || sum->crc32 != end->raw_crc32 ||
        !imgz_totals_has_roots(sum, &end->root_hash, &end->root_sha256))
        return imgz_latch_raise(
            latch, -EBADMSG, location,
            "checking %s at offset %" PRIu64
            ": the chunks do not add up to the size, CRC-32 and root hash here; "
            "the image is damaged, use another copy of it",
            imgz_source_path(decode->image.source), location.offset);
    return 0;
}

int imgz_decode_stage_check_total(const struct imgz_decode_stage *decode,
                                  const struct imgz_job *job, const struct imgz_totals_sum *sum)
{
    uint32_t compared;
    int rc = check_frame(decode, job->latch, sum);

    return rc < 0 ? rc : check_digests(decode, job, sum, &compared);
}

int imgz_decode_stage_check_sum(const struct imgz_decode_stage *decode, struct imgz_job *job)
{
    int rc;

    IMGZ_ASSERT(job->sum_done);
    job->report.image_bytes = decode->image.image_bytes;
    rc = check_frame(decode, job->latch, &job->sum);
    if (decode->scrub) /* which does not check it, as it does not check raw hashes */
        job->sum.root_sha256 = decode->image.end.root_sha256;
    return rc < 0 ? rc : check_digests(decode, job, &job->sum, &job->report.compared_digests);
}
