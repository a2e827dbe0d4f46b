/* SPDX-License-Identifier: MIT */
#include "job/measure/write_rate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/sink/sink.h"
#include "io/sink/sparse.h"
#include "job/common/job.h"

struct run {
    struct imgz_write_rate *rate;
    struct imgz_job job;
    struct imgz_chunk_decoder *decoders; /* one per worker */
    struct imgz_sink *output;
    char *path;
    uint64_t turn_count; /* at most, for lack of room */
    uint64_t deadline_ns;
};

/* ---- The threads' bodies -------------------------------------------------------------------- */

static int feed(void *context, struct imgz_pipeline *pipeline)
{
    struct run *run = context;

    for (uint64_t turn = 0; turn < run->turn_count; turn++) {
        struct imgz_slot *slot = NULL;
        int rc;

        if (turn > 0 && imgz_clock_ns() >= run->deadline_ns)
            break;
        rc = imgz_pipeline_take_free(pipeline, &slot);
        if (rc == 0)
            rc = imgz_pipeline_feed(pipeline, &slot);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int work(void *context, uint32_t worker_index, struct imgz_slot *slot)
{
    const struct run *run = context;
    const struct imgz_sample_set *samples = run->rate->samples;

    imgz_sample_set_unpack(samples, imgz_sample_set_at(samples, slot->seq),
                           &run->decoders[worker_index], slot);
    return 0;
}

static int raise_fault(const struct run *run)
{
    const struct imgz_location location = {IMGZ_STAGE_CHECK, NULL, IMGZ_OFFSET_NONE};

    return imgz_latch_raise(run->job.latch, -EPROTO, location,
                            "measuring a restore: a chunk in memory has changed; the memory or "
                            "processor may be faulty; if not, please report this");
}

/* The chunks of all turns lie one after the other: a chunk that is short, being the source's last,
 * is followed by a hole. */
static int write_turns(struct run *run, struct imgz_sparse *sparse)
{
    const uint32_t chunk_bytes = run->rate->samples->chunk_bytes;
    struct imgz_slot *slot = NULL;
    uint64_t end = 0;
    int rc;

    while ((rc = imgz_sparse_take(sparse, &slot)) == 0) {
        if (slot->fault != IMGZ_FAULT_NONE)
            return raise_fault(run);
        slot->raw_offset = slot->seq * chunk_bytes;
        end = slot->raw_offset + slot->raw_bytes;
        run->rate->raw_bytes += slot->raw_bytes;
        rc = imgz_sparse_put(sparse, &slot);
        if (rc < 0)
            return rc;
    }
    return rc == -ENODATA ? imgz_sparse_finish(sparse, end) : rc;
}

static int drain(void *context, struct imgz_pipeline *pipeline)
{
    struct run *run = context;
    struct imgz_sparse *sparse = NULL;
    int rc = imgz_sparse_open(run->output, pipeline, IMGZ_SIZE_UNKNOWN, &sparse);

    if (rc == 0)
        rc = write_turns(run, sparse);
    imgz_sparse_close(sparse);
    return rc;
}

/* ---- The run ------------------------------------------------------------------------------ */

static int limit_turns(struct run *run)
{
    const uint32_t chunk_bytes = run->rate->samples->chunk_bytes;
    struct statvfs status;

    if (fstatvfs(imgz_sink_local_fd(run->output), &status) < 0)
        return imgz_latch_raise_system(run->job.latch, -errno,
                                       imgz_sink_location(run->output, IMGZ_OFFSET_NONE),
                                       "finding the free space of");
    run->turn_count = imgz_min(run->rate->bytes_max, status.f_bavail * status.f_frsize / 4);
    run->turn_count = imgz_max(1, run->turn_count / chunk_bytes);
    return 0;
}

static int open_output(void *context)
{
    struct run *run = context;
    const struct imgz_sink_config config = {
        .path = run->path,
        .stage = IMGZ_STAGE_WRITE_TARGET,
        .direct_wanted = true,
        .need_bytes = IMGZ_SIZE_UNKNOWN,
    };
    int rc = imgz_sink_open(&config, run->job.latch, &run->job.log, &run->output);

    return rc < 0 ? rc : limit_turns(run);
}

static int prepare(struct run *run)
{
    uint32_t count;
    int rc = imgz_sample_set_prepare_job(run->rate->samples, &run->job);

    if (rc < 0)
        return rc;
    count = run->job.options.thread_count;
    run->decoders = calloc(count, sizeof(run->decoders[0]));
    if (run->decoders == NULL)
        return imgz_job_raise_memory(&run->job);
    for (uint32_t i = 0; i < count; i++) {
        if (imgz_chunk_decoder_init(&run->decoders[i], imgz_job_hash(&run->job)) < 0)
            return imgz_job_raise_memory(&run->job);
    }
    /* Two runs in one folder at the same time must not have the same name. */
    if (asprintf(&run->path, "%s/imgz-bench-%d-%" PRIx64, run->rate->folder, (int)getpid(),
                 imgz_clock_ns()) < 0) {
        run->path = NULL;
        return imgz_job_raise_memory(&run->job);
    }
    return 0;
}

static void release(struct run *run)
{
    imgz_sink_close(run->output);
    run->output = NULL;
    for (uint32_t i = 0; run->decoders != NULL && i < run->job.options.thread_count; i++)
        imgz_chunk_decoder_fini(&run->decoders[i]);
    free(run->decoders);
    free(run->path);
}

int imgz_write_rate_run(struct imgz_write_rate *rate, const struct imgz_options *options,
                        struct imgz_error *error)
{
    static const struct imgz_job_bodies bodies = {.feed = feed, .work = work, .drain = drain};
    const struct imgz_job_request request = {IMGZ_JOB_BENCH, options, NULL, error, NULL};
    struct run run = {.rate = rate};
    uint64_t start_ns;
    int rc = imgz_job_begin(&run.job, &request);

    rate->raw_bytes = 0;
    rate->elapsed_ns = 0;
    if (rc == 0)
        rc = prepare(&run);
    if (rc == 0)
        rc = imgz_job_call(&run.job, open_output, &run);
    start_ns = imgz_clock_ns();
    run.deadline_ns = start_ns + rate->slice_ns;
    if (rc == 0)
        rc = imgz_job_run(&run.job, &bodies, &run);
    if (rc == 0)
        rate->elapsed_ns = imgz_clock_ns() - start_ns;
    release(&run);
    return imgz_job_end(&run.job, rc);
}
