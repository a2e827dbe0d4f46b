/* SPDX-License-Identifier: MIT */
/*
 * The threads are those of a job. The feeder has nothing to read and hands out turns: a slot's
 * number is its turn, and says which chunks of the sample set the worker takes.
 */
#include "job/measure/kernel_rate.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/zero.h"
#include "checksum/checksum.h"
#include "checksum/hasher.h"
#include "format/note.h"
#include "job/common/job.h"

/* What a turn covers of work that runs at the speed of memory: with less, handing out turns would
 * slow it down. */
#define KERNEL_TURN_BYTES ((uint64_t)8 << 20)

/* The private state of one worker. */
struct rate_worker {
    struct imgz_chunk_encoder encoder;
    struct imgz_chunk_decoder decoder;
    struct imgz_hasher *hasher; /* XXH3, SHA256 */
    uint64_t raw_bytes;
    uint64_t busy_ns;
    uint64_t cpu_ns;
    uint64_t kernel_sum;
};

struct run {
    struct imgz_kernel_rate *rate;
    struct imgz_job job;
    struct rate_worker *workers; /* thread_count of them */
    uint32_t turn_chunks;
    uint64_t deadline_ns;
};

/* ---- The threads' bodies -------------------------------------------------------------------- */

static bool ends(const struct run *run, uint64_t turn)
{
    if (run->rate->work == IMGZ_KERNEL_RATE_PROVE)
        return turn == run->rate->prove_count;
    return turn >= run->job.options.thread_count && imgz_clock_ns() >= run->deadline_ns;
}

static int feed(void *context, struct imgz_pipeline *pipeline)
{
    struct run *run = context;

    for (uint64_t turn = 0; !ends(run, turn); turn++) {
        struct imgz_slot *slot = NULL;
        int rc = imgz_pipeline_take_free(pipeline, &slot);

        if (rc < 0)
            return rc;
        IMGZ_ASSERT(slot->seq == turn);
        slot->kind = IMGZ_SLOT_DATA;
        slot->raw_offset = 0;
        slot->raw_bytes = 0;
        rc = imgz_pipeline_feed(pipeline, &slot);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Does one chunk; the slot then says what it was, and what an image takes for it. */
static void work_on_chunk(struct run *run, struct rate_worker *worker, uint32_t index,
                          struct imgz_slot *slot)
{
    struct imgz_kernel_rate *rate = run->rate;
    struct imgz_sample_set *samples = rate->samples;
    const struct imgz_sample_set_proof proof = {&worker->encoder, &worker->decoder, rate->keep};
    const unsigned char *raw = imgz_sample_set_raw(samples, index);
    const uint32_t raw_bytes = samples->chunks[index].raw_bytes;
    uint64_t image_bytes = 0;

    switch (rate->work) {
    case IMGZ_KERNEL_RATE_ZERO_TEST:
        worker->kernel_sum += imgz_zero_test(imgz_sample_set_stored(samples, index), raw_bytes);
        break;
    case IMGZ_KERNEL_RATE_XXH3:
    case IMGZ_KERNEL_RATE_SHA256:
        worker->kernel_sum += imgz_hasher_hash(worker->hasher, raw, raw_bytes).hash.bytes[0];
        break;
    case IMGZ_KERNEL_RATE_CRC32:
        worker->kernel_sum += imgz_crc32(raw, raw_bytes);
        break;
    case IMGZ_KERNEL_RATE_PACK:
        slot->fault = imgz_sample_set_pack(samples, index, &worker->encoder, slot, &image_bytes);
        break;
    case IMGZ_KERNEL_RATE_PROVE:
        slot->fault = imgz_sample_set_prove(samples, index, &proof, slot, &image_bytes);
        break;
    case IMGZ_KERNEL_RATE_UNPACK:
        imgz_sample_set_unpack(samples, index, &worker->decoder, slot);
        break;
    }
    slot->stored_bytes = image_bytes;
    worker->raw_bytes += raw_bytes;
}

/* Turns that come too late are skipped: the feeder is some turns ahead of the workers, and each may
 * take long. */
static int work(void *context, uint32_t worker_index, struct imgz_slot *slot)
{
    struct run *run = context;
    struct rate_worker *worker = &run->workers[worker_index];
    const uint64_t start_ns = imgz_clock_ns();
    const uint64_t start_cpu_ns = imgz_clock_thread_ns();

    if (run->rate->work != IMGZ_KERNEL_RATE_PROVE && start_ns >= run->deadline_ns &&
        worker->raw_bytes > 0)
        return 0;
    for (uint32_t i = 0; i < run->turn_chunks; i++)
        work_on_chunk(run, worker,
                      imgz_sample_set_at(run->rate->samples, slot->seq * run->turn_chunks + i),
                      slot);
    worker->cpu_ns += imgz_clock_thread_ns() - start_cpu_ns;
    worker->busy_ns += imgz_clock_ns() - start_ns;
    return 0;
}

static int raise_fault(const struct run *run)
{
    const struct imgz_location location = {IMGZ_STAGE_CHECK, NULL, IMGZ_OFFSET_NONE};

    return imgz_latch_raise(run->job.latch, -EPROTO, location,
                            "checking before measuring: what %s made does not decode to its input; "
                            "the memory or processor may be faulty; if not, please report this",
                            imgz_deflate_level_name(run->rate->level));
}

static int drain(void *context, struct imgz_pipeline *pipeline)
{
    struct run *run = context;
    const struct imgz_kernel_rate *rate = run->rate;
    struct imgz_slot *slot = NULL;
    int rc;

    while ((rc = imgz_pipeline_take(pipeline, &slot)) == 0) {
        if (slot->fault != IMGZ_FAULT_NONE)
            return raise_fault(run);
        if (rate->image_bytes != NULL && slot->stored_bytes > 0)
            rate->image_bytes[imgz_sample_set_at(rate->samples, slot->seq)] = slot->stored_bytes;
        imgz_pipeline_give_back(pipeline, &slot);
    }
    return rc == -ENODATA ? 0 : rc;
}

/* ---- The run ------------------------------------------------------------------------------ */

static int equip_worker(const struct run *run, struct rate_worker *worker)
{
    const enum imgz_hash_kind hash = imgz_job_hash(&run->job);
    const int level = run->rate->level;
    int rc;

    switch (run->rate->work) {
    case IMGZ_KERNEL_RATE_ZERO_TEST:
    case IMGZ_KERNEL_RATE_CRC32:
        break;
    case IMGZ_KERNEL_RATE_XXH3:
        return imgz_hasher_create(IMGZ_HASH_XXH3, &worker->hasher);
    case IMGZ_KERNEL_RATE_SHA256:
        return imgz_hasher_create(IMGZ_HASH_SHA256, &worker->hasher);
    case IMGZ_KERNEL_RATE_PACK:
        return imgz_chunk_encoder_init(&worker->encoder, level, hash);
    case IMGZ_KERNEL_RATE_PROVE:
        rc = imgz_chunk_encoder_init(&worker->encoder, level, hash);
        return rc == 0 ? imgz_chunk_decoder_init(&worker->decoder, hash) : rc;
    case IMGZ_KERNEL_RATE_UNPACK:
        return imgz_chunk_decoder_init(&worker->decoder, hash);
    }
    return 0;
}

static int prepare(struct run *run)
{
    uint32_t count;
    int rc = imgz_sample_set_prepare_job(run->rate->samples, &run->job);

    if (rc < 0)
        return rc;
    count = run->job.options.thread_count;
    run->workers = calloc(count, sizeof(run->workers[0]));
    if (run->workers == NULL)
        return imgz_job_raise_memory(&run->job);
    for (uint32_t i = 0; i < count; i++) {
        if (equip_worker(run, &run->workers[i]) < 0)
            return imgz_job_raise_memory(&run->job);
    }
    return 0;
}

/* Speeds add up: bytes / elapsed = sum of each worker's bytes / busy. */
static void add_up(struct run *run)
{
    struct imgz_kernel_rate *rate = run->rate;
    double bytes_per_ns = 0;

    for (uint32_t i = 0; i < run->job.options.thread_count; i++) {
        const struct rate_worker *worker = &run->workers[i];

        rate->raw_bytes += worker->raw_bytes;
        rate->busy_ns += worker->busy_ns;
        rate->cpu_ns += worker->cpu_ns;
        rate->kernel_sum += worker->kernel_sum;
        if (worker->busy_ns > 0)
            bytes_per_ns += (double)worker->raw_bytes / (double)worker->busy_ns;
    }
    if (bytes_per_ns > 0)
        rate->elapsed_ns = imgz_max(1, (uint64_t)((double)rate->raw_bytes / bytes_per_ns));
}

static void release(struct run *run)
{
    for (uint32_t i = 0; run->workers != NULL && i < run->job.options.thread_count; i++) {
        imgz_chunk_encoder_fini(&run->workers[i].encoder);
        imgz_chunk_decoder_fini(&run->workers[i].decoder);
        imgz_hasher_destroy(run->workers[i].hasher);
    }
    free(run->workers);
}

int imgz_kernel_rate_run(struct imgz_kernel_rate *rate, const struct imgz_options *options,
                         struct imgz_error *error)
{
    static const struct imgz_job_bodies bodies = {.feed = feed, .work = work, .drain = drain};
    const struct imgz_job_request request = {IMGZ_JOB_BENCH, options, NULL, error, NULL};
    const bool kernel = rate->work <= IMGZ_KERNEL_RATE_CRC32;
    struct run run = {.rate = rate, .turn_chunks = 1};
    int rc = imgz_job_begin(&run.job, &request);

    rate->raw_bytes = 0;
    rate->elapsed_ns = 0;
    rate->busy_ns = 0;
    rate->cpu_ns = 0;
    rate->kernel_sum = 0;
    if (kernel)
        run.turn_chunks = (uint32_t)imgz_max(1, KERNEL_TURN_BYTES / rate->samples->chunk_bytes);
    if (rc == 0)
        rc = prepare(&run);
    run.deadline_ns = imgz_clock_ns() + rate->slice_ns;
    if (rc == 0)
        rc = imgz_job_run(&run.job, &bodies, &run);
    if (rc == 0)
        add_up(&run);
    release(&run);
    return imgz_job_end(&run.job, rc);
}
