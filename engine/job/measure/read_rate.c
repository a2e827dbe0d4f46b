/* SPDX-License-Identifier: MIT */
/*
 * A reader reads until its source ends. To end it earlier, the drain raises a stop on this run's
 * own latch when it has seen enough, as a user would.
 */
#include "job/measure/read_rate.h"

#include <errno.h>

#include "base/clock.h"
#include "format/note.h"
#include "io/source/reader.h"

struct run {
    struct imgz_read_rate *rate;
    struct imgz_job job;
    uint64_t start_ns;

    /* Owned by the drain. */
    bool enough;
};

static int feed(void *context, struct imgz_pipeline *pipeline)
{
    struct run *run = context;
    const struct imgz_reader_config config = {
        .source = run->rate->source,
        .size_bytes = imgz_source_size(run->rate->source),
        .chunk_bytes = run->job.chunk_bytes,
        .zero_bytes_max = imgz_note_zero_bytes_max(run->job.chunk_bytes),
        .io_name = &run->job.io_name,
    };

    return imgz_reader_run(&config, pipeline);
}

static int work(void *context, uint32_t worker_index, struct imgz_slot *slot)
{
    const struct run *run = context;

    (void)worker_index;
    imgz_reader_fetch(run->rate->source, slot);
    return 0;
}

static int drain(void *context, struct imgz_pipeline *pipeline)
{
    const struct imgz_location nowhere = {IMGZ_STAGE_READ_SOURCE, NULL, IMGZ_OFFSET_NONE};
    struct run *run = context;
    struct imgz_read_rate *rate = run->rate;
    struct imgz_slot *slot = NULL;
    int rc;

    while ((rc = imgz_pipeline_take(pipeline, &slot)) == 0) {
        const bool data = slot->kind == IMGZ_SLOT_DATA;
        const uint64_t now_ns = imgz_clock_ns();

        if (slot->fault == IMGZ_FAULT_READ)
            return imgz_reader_raise(rate->source, pipeline->latch, slot);
        if (data) {
            rate->read_bytes += slot->raw_bytes;
            rate->elapsed_ns = imgz_max(1, now_ns - run->start_ns);
        }
        imgz_pipeline_give_back(pipeline, &slot);
        if (rate->read_bytes >= rate->bytes_max || now_ns >= run->start_ns + rate->slice_ns) {
            run->enough = true;
            return imgz_latch_raise(pipeline->latch, -ECANCELED, nowhere, "enough was read");
        }
    }
    return rc == -ENODATA ? 0 : rc;
}

int imgz_read_rate_run(struct imgz_read_rate *rate, const struct imgz_options *options,
                       struct imgz_error *error)
{
    static const struct imgz_job_bodies bodies = {.feed = feed, .work = work, .drain = drain};
    const struct imgz_job_request request = {IMGZ_JOB_BENCH, options, NULL, error, NULL};
    struct run run = {.rate = rate};
    struct imgz_job_needs needs = {
        .totals = {.raw_present = true},
        .raw_bytes_total = IMGZ_SIZE_UNKNOWN,
    };
    int rc = imgz_job_begin(&run.job, &request);

    IMGZ_ASSERT(imgz_source_is(rate->source, IMGZ_SOURCE_RANDOM));
    rate->read_bytes = 0;
    rate->elapsed_ns = 0;
    needs.totals.chunk_bytes = run.job.options.chunk_bytes;
    needs.raw_bytes = run.job.options.chunk_bytes;
    if (rc == 0)
        rc = imgz_job_prepare(&run.job, &needs);
    run.start_ns = imgz_clock_ns();
    if (rc == 0)
        rc = imgz_job_run(&run.job, &bodies, &run);
    if (rc == -ECANCELED && run.enough)
        rc = 0;
    return imgz_job_end(&run.job, rc);
}
