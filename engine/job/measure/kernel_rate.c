/* SPDX-License-Identifier: MIT */
/*
 * The crew is that of a job. The feeder has nothing to read and hands out turns: a slot's number is
 * its turn, and says which chunks the worker has to look up in the specimen.
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
 * keep the processors from it. */
#define KERNEL_TURN_BYTES ((uint64_t)8 << 20)

/* What a worker has of its own. */
struct gauge_hand {
    struct imgz_packer packer;
    struct imgz_checker checker;
    struct imgz_hasher *hasher; /* XXH3, SHA256 */
    uint64_t raw_bytes;
    uint64_t busy_ns;
    uint64_t cpu_ns;
    uint64_t kernel_sum;
};

struct run {
    struct imgz_gauge *gauge;
    struct imgz_job job;
    struct gauge_hand *hands; /* thread_count of them */
    uint32_t turn_chunks;
    uint64_t deadline_ns;
};

/* ---- The crew's bodies -------------------------------------------------------------------- */

static bool ends(const struct run *run, uint64_t turn)
{
    if (run->gauge->work == IMGZ_GAUGE_PROVE)
        return turn == run->gauge->prove_count;
    return turn >= run->job.options.thread_count && imgz_clock_ns() >= run->deadline_ns;
}

static int feed(void *context, struct imgz_line *line)
{
    struct run *run = context;

    for (uint64_t turn = 0; !ends(run, turn); turn++) {
        struct imgz_slot *slot = NULL;
        int rc = imgz_line_take_free(line, &slot);

        if (rc < 0)
            return rc;
        IMGZ_ASSERT(slot->seq == turn);
        slot->kind = IMGZ_SLOT_DATA;
        slot->raw_offset = 0;
        slot->raw_bytes = 0;
        rc = imgz_line_feed(line, &slot);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Does one chunk; the slot then says what it was, and what an image takes for it. */
static void work_on_chunk(struct run *run, struct gauge_hand *hand, uint32_t index,
                          struct imgz_slot *slot)
{
    struct imgz_gauge *gauge = run->gauge;
    struct imgz_specimen *specimen = gauge->specimen;
    const struct imgz_specimen_proof proof = {&hand->packer, &hand->checker, gauge->keep};
    const unsigned char *raw = imgz_specimen_raw(specimen, index);
    const uint32_t raw_bytes = specimen->chunks[index].raw_bytes;
    uint64_t image_bytes = 0;

    switch (gauge->work) {
    case IMGZ_GAUGE_ZERO_TEST:
        hand->kernel_sum += imgz_zero_test(imgz_specimen_stored(specimen, index), raw_bytes);
        break;
    case IMGZ_GAUGE_XXH3:
    case IMGZ_GAUGE_SHA256:
        hand->kernel_sum += imgz_hasher_hash(hand->hasher, raw, raw_bytes).hash.bytes[0];
        break;
    case IMGZ_GAUGE_CRC32:
        hand->kernel_sum += imgz_crc32(raw, raw_bytes);
        break;
    case IMGZ_GAUGE_PACK:
        slot->fault = imgz_specimen_pack(specimen, index, &hand->packer, slot, &image_bytes);
        break;
    case IMGZ_GAUGE_PROVE:
        slot->fault = imgz_specimen_prove(specimen, index, &proof, slot, &image_bytes);
        break;
    case IMGZ_GAUGE_UNPACK:
        imgz_specimen_unpack(specimen, index, &hand->checker, slot);
        break;
    }
    slot->stored_bytes = image_bytes;
    hand->raw_bytes += raw_bytes;
}

/* Turns that come too late are skipped: the feeder runs ahead of the workers by some, and each may
 * take long. */
static int work(void *context, uint32_t worker_index, struct imgz_slot *slot)
{
    struct run *run = context;
    struct gauge_hand *hand = &run->hands[worker_index];
    const uint64_t start_ns = imgz_clock_ns();
    const uint64_t start_cpu_ns = imgz_clock_thread_ns();

    if (run->gauge->work != IMGZ_GAUGE_PROVE && start_ns >= run->deadline_ns && hand->raw_bytes > 0)
        return 0;
    for (uint32_t i = 0; i < run->turn_chunks; i++)
        work_on_chunk(run, hand,
                      imgz_specimen_at(run->gauge->specimen, slot->seq * run->turn_chunks + i),
                      slot);
    hand->cpu_ns += imgz_clock_thread_ns() - start_cpu_ns;
    hand->busy_ns += imgz_clock_ns() - start_ns;
    return 0;
}

static int raise_fault(const struct run *run)
{
    const struct imgz_place place = {IMGZ_STAGE_CHECK, NULL, IMGZ_OFFSET_NONE};

    return imgz_stop_raise(run->job.stop, -EPROTO, place,
                           "checking before measuring: what %s made does not give back the data; "
                           "do not trust this machine's memory or processor, or please report this",
                           imgz_deflate_level_name(run->gauge->level));
}

static int drain(void *context, struct imgz_line *line)
{
    struct run *run = context;
    const struct imgz_gauge *gauge = run->gauge;
    struct imgz_slot *slot = NULL;
    int rc;

    while ((rc = imgz_line_take(line, &slot)) == 0) {
        if (slot->fault != IMGZ_FAULT_NONE)
            return raise_fault(run);
        if (gauge->image_bytes != NULL && slot->stored_bytes > 0)
            gauge->image_bytes[imgz_specimen_at(gauge->specimen, slot->seq)] = slot->stored_bytes;
        imgz_line_give_back(line, &slot);
    }
    return rc == -ENODATA ? 0 : rc;
}

/* ---- The run ------------------------------------------------------------------------------ */

static int equip_hand(const struct run *run, struct gauge_hand *hand)
{
    const enum imgz_hash_kind hash = imgz_job_hash(&run->job);
    const int level = run->gauge->level;
    int rc;

    switch (run->gauge->work) {
    case IMGZ_GAUGE_ZERO_TEST:
    case IMGZ_GAUGE_CRC32:
        break;
    case IMGZ_GAUGE_XXH3:
        return imgz_hasher_create(IMGZ_HASH_XXH3, &hand->hasher);
    case IMGZ_GAUGE_SHA256:
        return imgz_hasher_create(IMGZ_HASH_SHA256, &hand->hasher);
    case IMGZ_GAUGE_PACK:
        return imgz_packer_init(&hand->packer, level, hash);
    case IMGZ_GAUGE_PROVE:
        rc = imgz_packer_init(&hand->packer, level, hash);
        return rc == 0 ? imgz_checker_init(&hand->checker, hash) : rc;
    case IMGZ_GAUGE_UNPACK:
        return imgz_checker_init(&hand->checker, hash);
    }
    return 0;
}

static int prepare(struct run *run)
{
    const struct imgz_specimen *specimen = run->gauge->specimen;
    const struct imgz_job_needs needs = {
        .tally = {.chunk_bytes = specimen->chunk_bytes, .raw_present = true},
        .raw_bytes = specimen->chunk_bytes,
        .stored_bytes = specimen->stored_room,
        .raw_bytes_total = IMGZ_SIZE_UNKNOWN,
    };
    uint32_t count;
    int rc = imgz_job_prepare(&run->job, &needs);

    if (rc < 0)
        return rc;
    count = run->job.options.thread_count;
    run->hands = calloc(count, sizeof(run->hands[0]));
    if (run->hands == NULL)
        return imgz_job_raise_memory(&run->job);
    for (uint32_t i = 0; i < count; i++) {
        if (equip_hand(run, &run->hands[i]) < 0)
            return imgz_job_raise_memory(&run->job);
    }
    return 0;
}

/* Speeds add up: bytes / elapsed = sum of each worker's bytes / busy. */
static void add_up(struct run *run)
{
    struct imgz_gauge *gauge = run->gauge;
    double bytes_per_ns = 0;

    for (uint32_t i = 0; i < run->job.options.thread_count; i++) {
        const struct gauge_hand *hand = &run->hands[i];

        gauge->raw_bytes += hand->raw_bytes;
        gauge->busy_ns += hand->busy_ns;
        gauge->cpu_ns += hand->cpu_ns;
        gauge->kernel_sum += hand->kernel_sum;
        if (hand->busy_ns > 0)
            bytes_per_ns += (double)hand->raw_bytes / (double)hand->busy_ns;
    }
    if (bytes_per_ns > 0)
        gauge->elapsed_ns = imgz_max(1, (uint64_t)((double)gauge->raw_bytes / bytes_per_ns));
}

static void release(struct run *run)
{
    for (uint32_t i = 0; run->hands != NULL && i < run->job.options.thread_count; i++) {
        imgz_packer_fini(&run->hands[i].packer);
        imgz_checker_fini(&run->hands[i].checker);
        imgz_hasher_destroy(run->hands[i].hasher);
    }
    free(run->hands);
}

int imgz_gauge_run(struct imgz_gauge *gauge, const struct imgz_options *options,
                   struct imgz_error *error)
{
    static const struct imgz_job_bodies bodies = {.feed = feed, .work = work, .drain = drain};
    const bool kernel = gauge->work <= IMGZ_GAUGE_CRC32;
    struct run run = {.gauge = gauge, .turn_chunks = 1};
    int rc = imgz_job_begin(&run.job, options);

    gauge->raw_bytes = 0;
    gauge->elapsed_ns = 0;
    gauge->busy_ns = 0;
    gauge->cpu_ns = 0;
    gauge->kernel_sum = 0;
    if (kernel)
        run.turn_chunks = (uint32_t)imgz_max(1, KERNEL_TURN_BYTES / gauge->specimen->chunk_bytes);
    if (rc == 0)
        rc = prepare(&run);
    run.deadline_ns = imgz_clock_ns() + gauge->slice_ns;
    if (rc == 0)
        rc = imgz_job_run(&run.job, &bodies, &run);
    if (rc == 0)
        add_up(&run);
    release(&run);
    return imgz_job_end(&run.job, rc, NULL, error);
}
