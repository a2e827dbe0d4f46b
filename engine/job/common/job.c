/* SPDX-License-Identifier: MIT */
#include "job/common/job.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/advice.h"
#include "base/clock.h"
#include "base/sized.h"
#include "base/text.h"
#include "checksum/checksum.h"
#include "checksum/digest.h"
#include "io/device/device.h"
#include "io/remote/address.h"
#include "job/common/allot.h"
#include "job/common/budget.h"
#include "job/common/options_check.h"
#include "job/common/placement_log.h"

static const struct imgz_location nowhere = {IMGZ_STAGE_SETUP, NULL, IMGZ_OFFSET_NONE};

/* ---- Options ------------------------------------------------------------------------------ */

/* Which of the caller's structs has no size; NULL: none. */
static const char *find_unsized(const struct imgz_job_request *request)
{
    if (!IMGZ_SIZED_IS_SET_UP(request->options))
        return "the options were not set up by imgz_options_init()";
    if (!IMGZ_SIZED_IS_SET_UP(request->report))
        return "report.struct_bytes is not sizeof(struct imgz_report)";
    if (!IMGZ_SIZED_IS_SET_UP(request->error))
        return "error.struct_bytes is not sizeof(struct imgz_error)";
    return NULL;
}

/* What the caller's header does not know keeps its default. */
int imgz_job_complete_options(const struct imgz_options *options, struct imgz_options *result)
{
    imgz_options_init(result, sizeof(*result));
    if (!IMGZ_SIZED_IS_SET_UP(options))
        return -EINVAL;
    return options != NULL ? IMGZ_SIZED_TAKE(result, options) : 0;
}

static int adopt_options(struct imgz_job *job)
{
    const char *unsized = find_unsized(&job->request);
    int rc;

    if (unsized != NULL)
        return imgz_latch_raise_usage(job->latch, nowhere, "%s", unsized);
    if (imgz_job_complete_options(job->request.options, &job->options) < 0)
        return imgz_latch_raise_usage(
            job->latch, nowhere,
            "an option is set that version %s does not know; use a newer library", imgz_version());
    if (job->options.progress_interval_ms == 0)
        job->options.progress_interval_ms = 1;
    imgz_log_init(&job->log, job->options.log, job->options.log_context);
    rc = imgz_options_check(job);
    if (rc == 0 && job->options.cancel != NULL && imgz_cancel_requested(job->options.cancel) != 0)
        rc = imgz_latch_raise(job->latch, -ECANCELED, nowhere, "stopped as asked");
    return rc;
}

/* Looks at the machine, and counts workers by it if the caller did not. */
static int load_machine(struct imgz_job *job)
{
    const struct imgz_machine_config this_machine = {0};
    int rc = imgz_machine_load(&this_machine, &job->machine);

    if (rc < 0)
        return imgz_job_raise_memory(job);
    if (job->options.thread_count == 0)
        job->options.thread_count =
            (uint32_t)imgz_min(imgz_machine_worker_count(job->machine), IMGZ_THREADS_MAX);
    return 0;
}

static uint32_t worker_count(const struct imgz_job *job)
{
    return (uint32_t)imgz_min(job->options.thread_count, IMGZ_THREADS_MAX);
}

/* At most twice the interval counts between two looks: in the rest this thread did not run. */
static int create_deadline(struct imgz_job *job)
{
    const struct imgz_watchdog_config config = {
        .entry_count = IMGZ_WATCHDOG_OF_SLOT(job->slot_count),
        .limit_ns = (uint64_t)job->options.timeout_s * 1000000000u,
        .tick_ns_max = (uint64_t)job->options.progress_interval_ms * 2000000u,
    };

    if (job->options.timeout_s == 0)
        return 0;
    return imgz_watchdog_create(&config, &job->watchdog) < 0 ? imgz_job_raise_memory(job) : 0;
}

/* Finds out what the numbers of threads and slots depend on. */
static int look_at_machine(struct imgz_job *job)
{
    int rc = load_machine(job);

    if (rc < 0)
        return rc;
    imgz_memory_read("", &job->memory);
    job->slot_count = imgz_budget_slot_count(worker_count(job));
    return create_deadline(job);
}

/* Without, the machine does not matter. */
static bool needs_threads(enum imgz_job_kind kind)
{
    return kind != IMGZ_JOB_OPEN_IMAGE && kind != IMGZ_JOB_SERVE;
}

int imgz_job_begin(struct imgz_job *job, const struct imgz_job_request *request)
{
    int rc;

    memset(job, 0, sizeof(*job));
    job->request = *request;
    job->start_ns = imgz_clock_ns();
    imgz_stopwatch_start(&job->stopwatch, job->start_ns);
    job->run_phase = IMGZ_PHASE_COPY;
    job->report.bad_offset = IMGZ_OFFSET_NONE;
    job->report.backup_gpt_offset = IMGZ_OFFSET_NONE;
    job->report.room_bytes = IMGZ_SIZE_UNKNOWN;
    job->read_fd = -1;
    job->write_fd = -1;
    imgz_range_list_init(&job->unreadable);
    imgz_log_init(&job->log, NULL, NULL);
    imgz_options_init(&job->options, sizeof(job->options));
    rc = imgz_latch_create(&job->latch);
    if (rc == 0)
        rc = adopt_options(job);
    return rc < 0 || !needs_threads(request->kind) ? rc : look_at_machine(job);
}

struct imgz_reach imgz_job_reach(const struct imgz_job *job)
{
    return (struct imgz_reach){
        .client = job->options.ssh_client,
        .program = job->options.remote_program,
        .sudo = imgz_job_has(job, IMGZ_FLAG_SUDO),
    };
}

enum imgz_hash_kind imgz_job_hash(const struct imgz_job *job)
{
    return job->options.chunk_hash == IMGZ_CHUNK_HASH_SHA256 ? IMGZ_HASH_SHA256 : IMGZ_HASH_XXH3;
}

enum imgz_chunk_hash imgz_job_hash_named(enum imgz_hash_kind hash)
{
    return hash == IMGZ_HASH_SHA256 ? IMGZ_CHUNK_HASH_SHA256 : IMGZ_CHUNK_HASH_XXH3;
}

int imgz_job_check_hash(struct imgz_job *job, const char *image_path, enum imgz_hash_kind hash)
{
    const struct imgz_location location = {IMGZ_STAGE_READ_IMAGE, image_path, IMGZ_OFFSET_NONE};
    const enum imgz_chunk_hash found = imgz_job_hash_named(hash);

    if (job->options.chunk_hash == IMGZ_CHUNK_HASH_DEFAULT || job->options.chunk_hash == found)
        return 0;
    return imgz_latch_raise_cause(job->latch, imgz_cause_usage(IMGZ_REASON_CHUNK_HASH), -EINVAL,
                                  location, "%s has the chunk hash %s, not %s", image_path,
                                  imgz_chunk_hash_name(found),
                                  imgz_chunk_hash_name(job->options.chunk_hash));
}

/* ---- Pipeline and threads -------------------------------------------------------------------- */

int imgz_job_raise_memory(struct imgz_job *job)
{
    return imgz_latch_raise_cause(job->latch, imgz_cause(IMGZ_REASON_MEMORY), -ENOMEM, nowhere,
                                  "preparing %s with chunks of %u KiB: out of memory",
                                  imgz_text_count(job->options.thread_count, "thread").text,
                                  job->chunk_bytes / 1024);
}

static uint64_t flush_ns(const struct imgz_job *job)
{
    if (job->pipeline == NULL || job->pipeline->flush_start_ns == 0)
        return job->flush_ns;
    return job->flush_ns + (imgz_clock_ns() - job->pipeline->flush_start_ns);
}

static void retire_line(struct imgz_job *job)
{
    job->flush_ns = flush_ns(job);
    imgz_pipeline_destroy(job->pipeline);
    imgz_placement_destroy(job->placement);
    job->pipeline = NULL;
    job->placement = NULL;
}

int imgz_job_place(struct imgz_job *job)
{
    const struct imgz_placement_config config = {
        .worker_count = worker_count(job),
        .slot_count = job->slot_count,
        .feeder_os_node = job->confined ? job->read_node : imgz_device_node(job->read_fd),
        .drain_os_node = job->confined ? job->write_node : imgz_device_node(job->write_fd),
    };

    return imgz_placement_create(job->machine, &config, &job->placement);
}

/* A chunk of a small disk is no larger than the disk. */
static uint64_t raw_capacity_bytes(const struct imgz_job_needs *needs)
{
    return imgz_min(needs->raw_bytes, imgz_max(needs->raw_bytes_total, IMGZ_CHUNK_BYTES_MIN));
}

/* Digests are made of every byte, even in a hole. */
static void init_meter(struct imgz_job *job, const struct imgz_job_needs *needs)
{
    struct imgz_meter_config config = needs->meter;

    if (needs->totals.digests != NULL && needs->totals.raw_present)
        config.zero_cost = IMGZ_METER_COST_DATA;
    imgz_meter_init(&job->pipeline->meter, &config);
}

static int create_line(struct imgz_job *job, const struct imgz_job_needs *needs)
{
    struct imgz_pool_config pool = {
        .raw_capacity_bytes = raw_capacity_bytes(needs),
        .stored_capacity_bytes = needs->stored_bytes,
    };
    int rc;

    retire_line(job);
    rc = imgz_allot(job, needs, &pool);
    if (rc == 0)
        rc = imgz_job_place(job);
    if (rc < 0)
        return rc;
    rc = imgz_pipeline_create_placed(&pool, job->placement, job->latch, &job->log, &job->pipeline);
    if (rc < 0)
        return rc;
    init_meter(job, needs);
    return 0;
}

/* A pipeline whose meter starts where the last one's is. */
static int continue_line(struct imgz_job *job, const struct imgz_job_needs *needs)
{
    const uint64_t raw_bytes = atomic_load(&job->pipeline->meter.raw_bytes_done);
    const uint64_t zero_bytes = atomic_load(&job->pipeline->meter.zero_bytes_done);
    int rc = create_line(job, needs);

    if (rc < 0)
        return rc;
    atomic_store(&job->pipeline->meter.raw_bytes_done, raw_bytes);
    atomic_store(&job->pipeline->meter.zero_bytes_done, zero_bytes);
    return 0;
}

static int create_tally(struct imgz_job *job, const struct imgz_totals_config *config)
{
    int rc;

    imgz_totals_destroy(job->totals);
    job->totals = NULL;
    rc = imgz_totals_create(config, &job->totals);
    if (rc == -EINVAL)
        return imgz_latch_raise_usage(
            job->latch, nowhere,
            "the digest list \"%s\" has an unknown or repeated name; use md5, sha1, sha224, "
            "sha256, sha384, sha512 and b2, separated by commas",
            config->digests);
    if (rc == -EOPNOTSUPP)
        return imgz_latch_raise(job->latch, rc, nowhere,
                                "libcrypto cannot make the digests \"%s\": out of memory, or its "
                                "policy forbids one of them",
                                config->digests);
    return rc < 0 ? imgz_job_raise_memory(job) : 0;
}

int imgz_job_prepare(struct imgz_job *job, const struct imgz_job_needs *needs)
{
    int rc = 0;

    job->chunk_bytes = needs->totals.chunk_bytes;
    job->raw_bytes_total = needs->raw_bytes_total;
    if (!needs->continues)
        rc = create_tally(job, &needs->totals);
    if (rc < 0)
        return rc;
    rc = needs->continues ? continue_line(job, needs) : create_line(job, needs);
    if (rc < 0)
        return imgz_latch_raised(job->latch) ? rc : imgz_job_raise_memory(job);
    imgz_placement_log(job);
    return 0;
}

/* Given to the threads as 'stuck'. */
static bool reads_hang(void *context)
{
    struct imgz_job *job = context;
    struct imgz_location location = {IMGZ_STAGE_READ_SOURCE, job->deadline_path, IMGZ_OFFSET_NONE};
    static const char advice[] =
        "the device hangs: check cables and 'dmesg', reconnect it, and run again";
    const struct imgz_cause cause = imgz_cause(IMGZ_REASON_TIMEOUT);

    if (!imgz_watchdog_tick(job->watchdog, imgz_clock_ns(), &location.offset))
        return false;
    if (location.offset == IMGZ_OFFSET_NONE)
        imgz_latch_raise_cause(job->latch, cause, -ETIMEDOUT, location,
                               "opening %s: no answer for %s; %s", location.path,
                               imgz_text_count(job->options.timeout_s, "second").text, advice);
    else
        imgz_latch_raise_cause(job->latch, cause, -ETIMEDOUT, location,
                               "reading %s at offset %" PRIu64 ": no answer for %s; %s",
                               location.path, location.offset,
                               imgz_text_count(job->options.timeout_s, "second").text, advice);
    return true;
}

static struct imgz_caller caller_of(const struct imgz_job *job)
{
    return (struct imgz_caller){job->options.progress, job->options.progress_context,
                                job->options.cancel};
}

static struct imgz_threads_watch make_watch(struct imgz_job *job, uint64_t raw_bytes_total)
{
    return (struct imgz_threads_watch){
        .caller = caller_of(job),
        .progress_interval_ms = job->options.progress_interval_ms,
        .raw_bytes_total = raw_bytes_total,
        .stopwatch = &job->stopwatch,
        .stuck = job->watchdog != NULL ? reads_hang : NULL,
        .stuck_context = job,
        .left = &job->left,
    };
}

int imgz_job_call(struct imgz_job *job, int (*body)(void *context), void *context)
{
    const struct imgz_threads_watch watch = make_watch(job, IMGZ_SIZE_UNKNOWN);
    int rc = imgz_threads_call(body, context, &watch, job->latch);

    return rc == -ENOMEM && !imgz_latch_raised(job->latch) ? imgz_job_raise_memory(job) : rc;
}

struct opening {
    struct imgz_job *job;
    const struct imgz_source_config *config;
    struct imgz_source *source;
};

static int open_source(void *context)
{
    struct opening *opening = context;

    return imgz_source_open(opening->config, opening->job->latch, &opening->job->log,
                            &opening->source);
}

int imgz_job_open_source(struct imgz_job *job, const struct imgz_source_config *config,
                         struct imgz_source **result)
{
    struct opening opening = {.job = job, .config = config};
    int rc = imgz_address_is_remote(config->path) ? imgz_job_call(job, open_source, &opening)
                                                  : open_source(&opening);

    if (rc < 0) {
        imgz_source_close(opening.source);
        return rc;
    }
    *result = opening.source;
    return 0;
}

int imgz_job_run(struct imgz_job *job, const struct imgz_job_bodies *bodies, void *context)
{
    const struct imgz_threads_plan plan = {
        .job = context,
        .worker_count = worker_count(job),
        .feed = bodies->feed,
        .work = bodies->work,
        .drain = bodies->drain,
        .watch = make_watch(job, job->raw_bytes_total),
    };
    struct imgz_threads_usage usage = {0};
    int rc;

    atomic_store_explicit(&job->pipeline->meter.phase, (int)job->run_phase, memory_order_relaxed);
    rc = imgz_threads_run(&plan, job->pipeline, &usage);

    job->usage.feed_cpu_ns += usage.feed_cpu_ns;
    job->usage.work_cpu_ns += usage.work_cpu_ns;
    job->usage.drain_cpu_ns += usage.drain_cpu_ns;

    return rc == -ENOMEM && !imgz_latch_raised(job->latch) ? imgz_job_raise_memory(job) : rc;
}

void imgz_job_count(struct imgz_job *job, const struct imgz_slot *slot, uint64_t image_bytes_done)
{
    struct imgz_meter *meter = &job->pipeline->meter;

    imgz_totals_add(job->totals, slot);
    imgz_meter_add(meter, slot);
    if (slot->kind == IMGZ_SLOT_DATA && slot->is_stored)
        job->report.stored_chunk_count += 1;
    atomic_store_explicit(&meter->image_bytes_done, image_bytes_done, memory_order_relaxed);
}

/* The CRC-32 of an earlier pass over the same disk stays if this one, a read-back, makes none. */
void imgz_job_sum_up(struct imgz_job *job)
{
    const struct imgz_totals_sum earlier = job->sum;

    imgz_totals_finish(job->totals, &job->sum);
    if (job->sum.crc_left_out && job->sum_done &&
        imgz_totals_has_roots(&earlier, &job->sum.root_hash, &job->sum.root_sha256)) {
        job->sum.crc32 = earlier.crc32;
        job->sum.crc_left_out = earlier.crc_left_out;
    }
    job->sum_done = true;
}

void imgz_job_finish(struct imgz_job *job)
{
    const struct imgz_caller caller = caller_of(job);
    struct imgz_progress progress = {0};

    if (job->pipeline != NULL)
        imgz_meter_read(&job->pipeline->meter, &progress);
    progress.phase = IMGZ_PHASE_FINISH;
    progress.raw_bytes_done = job->sum.raw_bytes;
    progress.raw_bytes_total = job->sum.raw_bytes;
    progress.zero_bytes_done = job->sum.zero_bytes;
    progress.image_bytes_done = job->report.image_bytes;
    progress.elapsed_ns = imgz_stopwatch_look(&job->stopwatch, imgz_clock_ns());
    progress.work_bytes_total = progress.work_bytes_done;
    progress.blank_bytes_ahead = 0;
    (void)imgz_caller_stops(&caller, &progress);
}

/* ---- Report and error --------------------------------------------------------------------- */

/* How far the job got. */
static void report_progress(struct imgz_job *job, struct imgz_report *report)
{
    report->elapsed_ns = imgz_clock_ns() - job->start_ns;
    report->flush_ns = flush_ns(job);
    report->feed_cpu_ns = job->usage.feed_cpu_ns;
    report->work_cpu_ns = job->usage.work_cpu_ns;
    report->drain_cpu_ns = job->usage.drain_cpu_ns;
    report->chunk_bytes = job->chunk_bytes;
    report->thread_count = worker_count(job);
    report->raw_bytes = job->pipeline != NULL ? atomic_load(&job->pipeline->meter.raw_bytes_done)
                                              : job->sum.raw_bytes;
    report->zero_bytes = job->pipeline != NULL ? atomic_load(&job->pipeline->meter.zero_bytes_done)
                                               : job->sum.zero_bytes;
}

static void report_unreadable(const struct imgz_job *job, struct imgz_report *report)
{
    report->unreadable_bytes = job->unreadable.bytes + job->unlisted_bytes;
    report->unreadable_range_count = job->unreadable.count + job->unlisted_count;
    for (size_t i = 0; i < imgz_min(job->unreadable.count, IMGZ_UNREADABLE_MAX); i++)
        report->unreadable[i] = job->unreadable.ranges[i];
}

static void report_sums(const struct imgz_job *job, struct imgz_report *report)
{
    const struct imgz_totals_sum *sum = &job->sum;

    report->chunk_count = sum->chunk_count;
    report->crc32 = sum->crc32;
    report->crc32_known = !sum->crc_left_out;
    report->digest_count = sum->digest_count;
    memcpy(report->digests, sum->digests, sizeof(report->digests));
    report->chunk_hash = imgz_job_hash_named(sum->hash);
    imgz_root_format(sum->hash, &sum->root_hash, &sum->root_sha256, report->root_hash_text);
    if (sum->hash == IMGZ_HASH_XXH3)
        imgz_hash_format(&sum->root_hash, report->root_hash);
}

static void complete_report(struct imgz_job *job)
{
    struct imgz_report *report = &job->report;

    report_progress(job, report);
    if (job->left.drain)
        return; /* which still owns the rest */
    report_unreadable(job, report);
    if (job->io_name != NULL)
        imgz_text_copy(report->io_name, sizeof(report->io_name), job->io_name);
    if (job->raw_bytes_total != IMGZ_SIZE_UNKNOWN && job->chunk_bytes != 0)
        report->chunk_count = imgz_div_up(job->raw_bytes_total, job->chunk_bytes);
    if (job->sum_done)
        report_sums(job, report);
}

/* The latch's error, or a plain one if there is no latch. */
static void fill_error(const struct imgz_job *job, int rc, struct imgz_error *error)
{
    *error = (struct imgz_error){.offset = IMGZ_OFFSET_NONE};
    if (rc == 0)
        return;
    if (job->latch != NULL && imgz_latch_raised(job->latch)) {
        *error = *imgz_latch_error(job->latch);
        return;
    }
    error->code = rc;
    error->stage = IMGZ_STAGE_SETUP;
    error->reason = imgz_advice_reason(rc, IMGZ_ADVICE_INPUT);
    snprintf(error->text, sizeof(error->text), "starting: %s; %s", strerrordesc_np(-rc),
             imgz_advice_find(rc, IMGZ_ADVICE_INPUT));
}

/* A struct without its size is not written to: its owner only gets the code. */
static void answer(struct imgz_job *job, int rc)
{
    const struct imgz_job_request *request = &job->request;
    struct imgz_error error;

    fill_error(job, rc, &error);
    if (request->report != NULL && IMGZ_SIZED_IS_SET_UP(request->report))
        IMGZ_SIZED_GIVE(request->report, &job->report);
    if (request->error != NULL && IMGZ_SIZED_IS_SET_UP(request->error))
        IMGZ_SIZED_GIVE(request->error, &error);
}

int imgz_job_end(struct imgz_job *job, int rc)
{
    if (rc < 0 && job->latch != NULL && imgz_latch_raised(job->latch))
        rc = imgz_latch_error(job->latch)->code;
    complete_report(job);
    answer(job, rc);
    if (job->left.any) {
        imgz_log_silence(&job->log);
        return rc;
    }
    imgz_watchdog_destroy(job->watchdog);
    imgz_pipeline_destroy(job->pipeline);
    imgz_placement_destroy(job->placement);
    imgz_machine_destroy(job->machine);
    imgz_totals_destroy(job->totals);
    imgz_range_list_fini(&job->unreadable);
    imgz_latch_destroy(job->latch);
    imgz_log_fini(&job->log);
    return rc;
}

int imgz_job_refuse(const struct imgz_job_request *request, int rc)
{
    struct imgz_job none = {.request = *request};

    answer(&none, rc);
    return rc;
}
