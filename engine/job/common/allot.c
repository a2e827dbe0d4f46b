/* SPDX-License-Identifier: MIT */
#include "job/common/allot.h"

#include <errno.h>
#include <inttypes.h>

#include "base/text.h"
#include "job/common/budget.h"

/* What a job takes beside slots, one line per holder. Measured: 9 MiB in all for a capture. */
#define OUTPUT_BYTES  ((uint64_t)9 << 20) /* staging buffers of an image; zeros for a device */
#define LIBRARY_BYTES ((uint64_t)4 << 20) /* their data, the program's, and rings */
#define SPARE_BYTES   ((uint64_t)3 << 20)

/* What a worker takes beside slots and what its job gives it: stack, hashes, inflater. */
#define WORKER_BYTES ((uint64_t)1 << 20)

#define FEEDER_AND_DRAIN 2u

static struct imgz_budget_needs make_needs(const struct imgz_job *job,
                                           const struct imgz_job_needs *needs,
                                           const struct imgz_pool_config *pool)
{
    return (struct imgz_budget_needs){
        .worker_count = job->options.thread_count,
        .worker_count_min = job->worker_count_fixed ? job->options.thread_count : 1,
        .chunk_count = needs->raw_bytes_total == IMGZ_SIZE_UNKNOWN
                           ? IMGZ_BUDGET_UNLIMITED
                           : imgz_div_up(needs->raw_bytes_total, needs->totals.chunk_bytes),
        .slot_bytes = imgz_pool_slot_bytes(pool),
        .worker_bytes = WORKER_BYTES + needs->worker_bytes,
        .base_bytes = (job->write_fd >= 0 ? OUTPUT_BYTES : 0) + LIBRARY_BYTES + SPARE_BYTES +
                      needs->index_bytes,
    };
}

/* Limits hold. What the machine has left, and what an allocator would like to reserve, are no
 * reason to refuse the least. */
static uint64_t find_allowance(const struct imgz_memory *memory,
                               const struct imgz_budget_needs *wanted)
{
    const uint64_t reserved_bytes =
        memory->thread_bytes * (FEEDER_AND_DRAIN + (uint64_t)wanted->worker_count);
    const uint64_t free_bytes =
        memory->left_bytes > reserved_bytes ? memory->left_bytes - reserved_bytes : 0;

    return imgz_min(memory->left_bytes, imgz_max(imgz_budget_bytes_min(wanted),
                                                 imgz_min(free_bytes, memory->available_bytes)));
}

static uint64_t mib(uint64_t bytes)
{
    return imgz_div_up(bytes, (uint64_t)1 << 20);
}

static int raise_short(struct imgz_job *job, const struct imgz_memory *memory,
                       const struct imgz_budget_needs *wanted)
{
    const struct imgz_location nowhere = {IMGZ_STAGE_SETUP, NULL, IMGZ_OFFSET_NONE};

    return imgz_latch_raise_cause(job->latch, imgz_cause(IMGZ_REASON_MEMORY), -ENOMEM, nowhere,
                                  "preparing for chunks of %u bytes: %s allows %" PRIu64
                                  " MiB and has %" PRIu64 " MiB left, but at least %" PRIu64
                                  " MiB are needed; raise that limit",
                                  job->chunk_bytes, memory->limit_name, memory->limit_bytes >> 20,
                                  memory->left_bytes >> 20, mib(imgz_budget_bytes_min(wanted)));
}

static void log_short(struct imgz_job *job, const struct imgz_memory *memory,
                      const struct imgz_budget *budget)
{
    const struct imgz_text_words workers = imgz_text_count(budget->worker_count, "worker");
    const struct imgz_text_words slots = imgz_text_count(budget->slot_count, "slot");

    if (memory->left_bytes < memory->available_bytes)
        imgz_log_line(&job->log, "%s leaves %" PRIu64 " MiB: %s and %s", memory->limit_name,
                      memory->left_bytes >> 20, workers.text, slots.text);
    else
        imgz_log_line(&job->log, "the machine has %" PRIu64 " MiB left: %s and %s",
                      memory->available_bytes >> 20, workers.text, slots.text);
}

int imgz_allot(struct imgz_job *job, const struct imgz_job_needs *needs,
               struct imgz_pool_config *pool)
{
    const struct imgz_budget_needs wanted = make_needs(job, needs, pool);
    struct imgz_budget plenty;
    struct imgz_budget budget;

    if (imgz_budget_make(&wanted, find_allowance(&job->memory, &wanted), &budget) < 0)
        return raise_short(job, &job->memory, &wanted);
    if (imgz_budget_make(&wanted, IMGZ_BUDGET_UNLIMITED, &plenty) == 0 &&
        (budget.slot_count < plenty.slot_count || budget.worker_count < plenty.worker_count))
        log_short(job, &job->memory, &budget);
    job->worker_count_fixed = true;
    job->options.thread_count = budget.worker_count;
    job->slot_count = budget.slot_count;
    pool->slot_count = budget.slot_count;
    return 0;
}
