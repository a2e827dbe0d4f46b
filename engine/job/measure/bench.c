/* SPDX-License-Identifier: MIT */
/*
 * Bench: reads the source and takes a sample of it into memory (or makes one up). It then does what
 * jobs do to the sample, one thing after the other, each for its share of the time.
 *
 * A row is a small job with its own threads and latch, so its end does not end the others. An error
 * that ends all of the bench is passed on.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sized.h"
#include "job/measure/kernel_rate.h"
#include "job/measure/read_rate.h"
#include "job/measure/size_estimate.h"
#include "job/measure/source_pair.h"
#include "job/measure/write_rate.h"

#define BENCH_MS_DEFAULT 30000u

/* Of a source: enough for the fastest drive to reach its speed, but not so much that it displaces
 * the rest of the page cache. */
#define READ_BYTES_MAX ((uint64_t)2 << 30)

/* Of the temporary file. */
#define WRITE_BYTES_MAX ((uint64_t)4 << 30)

/* What DEFLATE makes of zeros: 258 bytes with two bits. */
#define ZERO_RATIO 1032u

/* How the time is shared; the rest is for what is not measured: preparing and proving. */
static const uint32_t shares[] = {
    [IMGZ_BENCH_READ_DIRECT] = 20, [IMGZ_BENCH_READ_CACHED] = 20, [IMGZ_BENCH_ZERO_TEST] = 4,
    [IMGZ_BENCH_HASH] = 4,         [IMGZ_BENCH_HASH_SHA256] = 4,  [IMGZ_BENCH_CRC32] = 4,
    [IMGZ_BENCH_CAPTURE] = 12,     [IMGZ_BENCH_DECODE] = 12,      [IMGZ_BENCH_RESTORE] = 40,
};
#define MEASURED_PERCENT 90u

struct bench {
    struct imgz_job job;
    const char *path; /* NULL: the mix */
    struct imgz_bench_result result;
    int32_t level;                   /* of the capture that a dry run plans */
    struct imgz_bench_result *shown; /* the caller's; may be NULL */
    struct imgz_source_pair source;
    struct imgz_sample_set samples;
    struct imgz_size_estimate estimate;
    uint64_t busy_ns; /* of the workers, in all rows that only compute */
    uint64_t cpu_ns;
    bool packed; /* the sample set is, so there is something to compare levels with */

    struct imgz_options options; /* of the rows */
    struct imgz_error story;     /* of the row that failed */
    imgz_progress_fn progress;   /* the caller's */
    void *progress_context;
};

static const struct imgz_bench_result nothing_measured = {
    .cached_percent = UINT32_MAX,
    .read_row = -1,
    .level_kept_up = IMGZ_BENCH_LEVEL_NONE,
};

/* Shows the caller what there is so far. */
static void publish(struct bench *bench)
{
    bench->result.elapsed_ns = imgz_clock_ns() - bench->job.start_ns;
    if (bench->shown != NULL)
        IMGZ_SIZED_GIVE(bench->shown, &bench->result);
}

/* A row's own progress says nothing about the whole bench. */
static int on_progress(const struct imgz_progress *progress, void *context)
{
    struct bench *bench = context;
    struct imgz_progress all = {
        .phase = progress->phase == IMGZ_PHASE_FINISH ? IMGZ_PHASE_FINISH : IMGZ_PHASE_COPY,
        .raw_bytes_total = IMGZ_SIZE_UNKNOWN,
        .elapsed_ns = imgz_clock_ns() - bench->job.start_ns,
        .work_bytes_total = IMGZ_SIZE_UNKNOWN,
    };

    for (uint32_t i = 0; i < bench->result.done_count; i++)
        all.raw_bytes_done += bench->result.rows[i].bytes;
    all.work_bytes_done = all.raw_bytes_done;
    return bench->progress(&all, bench->progress_context);
}

/* Between two rows, which may both be shorter than the interval. */
static int hear_caller(struct bench *bench)
{
    static const struct imgz_location nowhere = {IMGZ_STAGE_SETUP, NULL, IMGZ_OFFSET_NONE};
    static const struct imgz_progress progress = {.phase = IMGZ_PHASE_COPY};
    const struct imgz_options *options = &bench->job.options;
    const struct imgz_caller caller = {options->progress, options->progress_context,
                                       options->cancel};

    if (!imgz_caller_stops(&caller, &progress))
        return 0;
    return imgz_latch_raise(bench->job.latch, -ECANCELED, nowhere, "stopped as asked");
}

static int adopt_story(struct bench *bench, int rc)
{
    return rc < 0 ? imgz_latch_adopt(bench->job.latch, &bench->story) : rc;
}

/* ---- The sample -------------------------------------------------------------------------- */

/* Better now than after all else was measured. */
static int check_folder(struct bench *bench)
{
    const char *folder = bench->job.options.bench_folder;
    const struct imgz_location location = {IMGZ_STAGE_WRITE_TARGET, folder, IMGZ_OFFSET_NONE};
    int fd;

    if (folder == NULL)
        return 0;
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return imgz_latch_raise_system(bench->job.latch, -errno, location, "opening");
    close(fd);
    if (access(folder, W_OK) < 0)
        return imgz_latch_raise_system(bench->job.latch, -errno, location, "writing to");
    return 0;
}

static int choose_sample(void *context)
{
    struct bench *bench = context;
    struct imgz_bench_result *result = &bench->result;
    struct imgz_sample_set *samples = &bench->samples;
    int rc = check_folder(bench);

    if (rc == 0 && bench->path != NULL)
        rc = imgz_source_pair_open(&bench->source, bench->path, &bench->job);
    if (rc == 0)
        rc = imgz_sample_set_create(samples, imgz_source_pair_best(&bench->source),
                                    bench->job.options.chunk_bytes, bench->job.latch);
    if (rc < 0)
        return rc;
    if (bench->source.cached != NULL)
        result->cached_percent = imgz_sample_set_cached_percent(samples, bench->source.cached);
    if (imgz_size_estimate_init(&bench->estimate, samples->chunk_count) < 0)
        return imgz_job_raise_memory(&bench->job);
    result->source_bytes = samples->source_bytes;
    result->source_hole_bytes = samples->hole_bytes;
    result->chunk_bytes = samples->chunk_bytes;
    result->chunk_count = samples->chunk_count;
    result->sample_bytes = samples->raw_bytes;
    result->chunk_hash = imgz_job_hash_named(imgz_job_hash(&bench->job));
    return 0;
}

static int load_sample(void *context)
{
    struct bench *bench = context;
    int rc = imgz_sample_set_load(&bench->samples, imgz_source_pair_best(&bench->source),
                                  bench->job.latch);

    bench->result.sample_zero_bytes = bench->samples.zero_bytes;
    return rc;
}

/* ---- The rows ----------------------------------------------------------------------------- */

static struct imgz_bench_row *add_row(struct bench *bench, enum imgz_bench_kind kind,
                                      const char *name)
{
    struct imgz_bench_row *row = &bench->result.rows[bench->result.row_count];

    IMGZ_ASSERT(bench->result.row_count < IMGZ_BENCH_ROWS_MAX);
    bench->result.row_count += 1;
    *row = (struct imgz_bench_row){
        .kind = kind,
        .level = IMGZ_LEVEL_FAST,
        .thread_count = bench->job.options.thread_count,
    };
    snprintf(row->name, sizeof(row->name), "%s", name);
    return row;
}

static void add_capture_row(struct bench *bench, int level)
{
    struct imgz_bench_row *row = add_row(bench, IMGZ_BENCH_CAPTURE, "capture fast");

    row->level = level;
    if (level >= 0)
        snprintf(row->name, sizeof(row->name), "capture %d", level);
}

static void plan_kernel_rows(struct bench *bench)
{
    add_row(bench, IMGZ_BENCH_ZERO_TEST, "zero test");
    add_row(bench, IMGZ_BENCH_HASH, "hash");
    add_row(bench, IMGZ_BENCH_HASH_SHA256, "hash sha256");
    add_row(bench, IMGZ_BENCH_CRC32, "crc32");
}

static void plan_level_rows(struct bench *bench)
{
    add_capture_row(bench, 0);
    add_capture_row(bench, IMGZ_LEVEL_FAST);
    for (int level = 1; level <= IMGZ_LEVEL_MAX; level++)
        add_capture_row(bench, level);
    add_row(bench, IMGZ_BENCH_DECODE, "decode");
    if (bench->job.options.bench_folder != NULL)
        add_row(bench, IMGZ_BENCH_RESTORE, "restore");
}

/* Names all rows, in their order. */
static void plan_rows(struct bench *bench)
{
    const bool dry_run = (bench->job.options.flags & IMGZ_FLAG_DRY_RUN) != 0;

    if (bench->source.direct != NULL)
        add_row(bench, IMGZ_BENCH_READ_DIRECT, "read direct")->thread_count = 1;
    if (bench->source.cached != NULL)
        add_row(bench, IMGZ_BENCH_READ_CACHED, "read cached");
    if (dry_run) {
        add_capture_row(bench, bench->level);
    } else {
        plan_kernel_rows(bench);
        plan_level_rows(bench);
    }
    bench->result.thread_count = bench->job.options.thread_count;
}

static uint64_t slice_ns(const struct bench *bench, const struct imgz_bench_row *row)
{
    const uint32_t bench_ms = bench->job.options.bench_ms;
    const uint64_t all_ns = 1000000u * (uint64_t)(bench_ms != 0 ? bench_ms : BENCH_MS_DEFAULT);
    uint32_t sum = 0;

    for (uint32_t i = 0; i < bench->result.row_count; i++)
        sum += shares[bench->result.rows[i].kind];
    return all_ns / 100 * MEASURED_PERCENT * shares[row->kind] / sum;
}

/* Bytes per nanosecond; 0: not measured. */
static double speed_of(const struct imgz_bench_row *row)
{
    return row->elapsed_ns > 0 ? (double)row->bytes / (double)row->elapsed_ns : 0;
}

/* Of reading the source; 0: not known. */
static double read_speed(const struct bench *bench)
{
    const int32_t index = bench->result.read_row;

    return index >= 0 ? speed_of(&bench->result.rows[index]) : 0;
}

static int measure_read(struct bench *bench, struct imgz_bench_row *row, struct imgz_source *source)
{
    struct imgz_bench_result *result = &bench->result;
    struct imgz_read_rate rate = {.source = source,
                                  .slice_ns = slice_ns(bench, row),
                                  .bytes_max = READ_BYTES_MAX};
    int rc = imgz_read_rate_run(&rate, &bench->options, &bench->story);

    row->bytes = rate.read_bytes;
    row->elapsed_ns = rate.elapsed_ns;
    if (rc == 0 && row->elapsed_ns > 0 && result->read_row < 0)
        result->read_row = (int32_t)(row - result->rows);
    return adopt_story(bench, rc);
}

static int run_gauge(struct bench *bench, struct imgz_kernel_rate *gauge)
{
    int rc;

    gauge->samples = &bench->samples;
    rc = imgz_kernel_rate_run(gauge, &bench->options, &bench->story);
    bench->busy_ns += gauge->busy_ns;
    bench->cpu_ns += gauge->cpu_ns;
    if (bench->busy_ns > 0)
        bench->result.processor_percent =
            (uint32_t)imgz_min(100, bench->cpu_ns * 100 / bench->busy_ns);
    return adopt_story(bench, rc);
}

static int measure_work(struct bench *bench, struct imgz_bench_row *row,
                        enum imgz_kernel_rate_work work)
{
    struct imgz_kernel_rate gauge = {.work = work,
                                     .level = row->level,
                                     .slice_ns = slice_ns(bench, row)};
    int rc;

    if (work == IMGZ_KERNEL_RATE_PACK)
        gauge.image_bytes = bench->estimate.level_bytes;
    rc = run_gauge(bench, &gauge);
    row->bytes = gauge.raw_bytes;
    row->elapsed_ns = gauge.elapsed_ns;
    row->keeps_up = read_speed(bench) > 0 && speed_of(row) >= read_speed(bench);
    return rc;
}

/* Packs the whole sample set at level fast, and proves all of it. Decoding starts from this, and
 * the first level is compared with it. */
static int pack_sample(struct bench *bench)
{
    struct imgz_kernel_rate gauge = {
        .work = IMGZ_KERNEL_RATE_PROVE,
        .level = IMGZ_LEVEL_FAST,
        .prove_count = bench->samples.chunk_count,
        .keep = true,
        .image_bytes = bench->estimate.level_bytes,
    };
    int rc;

    if (bench->packed)
        return 0;
    rc = run_gauge(bench, &gauge);
    if (rc < 0)
        return rc;
    imgz_size_estimate_advance(&bench->estimate);
    bench->packed = true;
    return 0;
}

/* Before a level is timed, a chunk for each worker proves that it decodes to the same bytes. */
static int prove_level(struct bench *bench, int level)
{
    struct imgz_kernel_rate gauge = {
        .work = IMGZ_KERNEL_RATE_PROVE,
        .level = level,
        .prove_count =
            (uint32_t)imgz_min(bench->samples.chunk_count, bench->job.options.thread_count),
        .image_bytes = bench->estimate.level_bytes,
    };

    return level == IMGZ_LEVEL_FAST ? 0 : run_gauge(bench, &gauge);
}

/* What follows from a level's speed and the sample for the whole source. */
static void estimate_source(const struct bench *bench, struct imgz_bench_row *row)
{
    const struct imgz_bench_result *result = &bench->result;
    const double sample_image = imgz_size_estimate_all(&bench->estimate);
    const double data = (double)(result->source_bytes - result->source_hole_bytes);
    const double ratio = sample_image / (double)result->sample_bytes;
    double speed = speed_of(row);

    row->sample_image_bytes = (uint64_t)(sample_image + 0.5);
    if (result->source_bytes == 0 || speed <= 0)
        return;
    if (read_speed(bench) > 0 && read_speed(bench) < speed)
        speed = read_speed(bench);
    row->source_image_bytes = (uint64_t)(data * ratio) + result->source_hole_bytes / ZERO_RATIO;
    row->source_ns = (uint64_t)(data / speed);
}

static int measure_capture(struct bench *bench, struct imgz_bench_row *row)
{
    int rc = pack_sample(bench);

    imgz_size_estimate_clear(&bench->estimate);
    if (rc == 0)
        rc = prove_level(bench, row->level);
    if (rc == 0)
        rc = measure_work(bench, row, IMGZ_KERNEL_RATE_PACK);
    if (rc < 0)
        return rc;
    estimate_source(bench, row);
    /* Storing does not compress. */
    if (row->level == 0)
        return 0;
    imgz_size_estimate_advance(&bench->estimate);
    /* Levels come in the order of what they cost. */
    if (row->keeps_up)
        bench->result.level_kept_up = row->level;
    return 0;
}

static int measure_restore(struct bench *bench, struct imgz_bench_row *row)
{
    struct imgz_write_rate rate = {
        .samples = &bench->samples,
        .folder = bench->job.options.bench_folder,
        .slice_ns = slice_ns(bench, row),
        .bytes_max = WRITE_BYTES_MAX,
    };
    int rc = imgz_write_rate_run(&rate, &bench->options, &bench->story);

    row->bytes = rate.raw_bytes;
    row->elapsed_ns = rate.elapsed_ns;
    return adopt_story(bench, rc);
}

static int measure_row(struct bench *bench, struct imgz_bench_row *row)
{
    switch (row->kind) {
    case IMGZ_BENCH_READ_DIRECT:
        return measure_read(bench, row, bench->source.direct);
    case IMGZ_BENCH_READ_CACHED:
        return measure_read(bench, row, bench->source.cached);
    case IMGZ_BENCH_ZERO_TEST:
        return measure_work(bench, row, IMGZ_KERNEL_RATE_ZERO_TEST);
    case IMGZ_BENCH_HASH:
        return measure_work(bench, row, IMGZ_KERNEL_RATE_XXH3);
    case IMGZ_BENCH_HASH_SHA256:
        return measure_work(bench, row, IMGZ_KERNEL_RATE_SHA256);
    case IMGZ_BENCH_CRC32:
        return measure_work(bench, row, IMGZ_KERNEL_RATE_CRC32);
    case IMGZ_BENCH_CAPTURE:
        imgz_log_line(&bench->job.log, "measuring %s: %s", row->name,
                      imgz_deflate_level_name(row->level));
        return measure_capture(bench, row);
    case IMGZ_BENCH_DECODE:
        return measure_work(bench, row, IMGZ_KERNEL_RATE_UNPACK);
    case IMGZ_BENCH_RESTORE:
        return measure_restore(bench, row);
    }
    return 0;
}

/* ---- The job ------------------------------------------------------------------------------ */

static bool is_read(const struct imgz_bench_row *row)
{
    return row->kind == IMGZ_BENCH_READ_DIRECT || row->kind == IMGZ_BENCH_READ_CACHED;
}

/* The sample is loaded after the reading, so that it does not fill the page cache before that. */
static int measure_all(struct bench *bench)
{
    struct imgz_bench_result *result = &bench->result;
    bool loaded = false;
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < result->row_count; i++) {
        struct imgz_bench_row *row = &result->rows[i];

        if (!is_read(row) && !loaded) {
            rc = imgz_job_call(&bench->job, load_sample, bench);
            loaded = true;
        }
        /* Where each of forty runs has its threads would be too much to log. */
        bench->options.log = is_read(row) ? bench->job.options.log : NULL;
        if (rc == 0)
            rc = measure_row(bench, row);
        if (rc == 0)
            result->done_count += 1;
        publish(bench);
        if (rc == 0)
            rc = hear_caller(bench);
    }
    return rc;
}

static int begin(struct bench *bench, const struct imgz_job_request *request)
{
    int rc = imgz_job_begin(&bench->job, request);
    struct imgz_options *own = &bench->job.options;

    bench->job.chunk_bytes = own->chunk_bytes;
    bench->progress = own->progress;
    bench->progress_context = own->progress_context;
    if (own->progress != NULL) {
        own->progress = on_progress;
        own->progress_context = bench;
    }
    own->digests = NULL;
    bench->level = own->level;
    own->level = IMGZ_LEVEL_FAST;
    bench->options = *own;
    return rc;
}

static int check_result(struct bench *bench, const struct imgz_bench_result *result)
{
    const struct imgz_location nowhere = {IMGZ_STAGE_SETUP, NULL, IMGZ_OFFSET_NONE};

    return IMGZ_SIZED_IS_SET_UP(result)
               ? 0
               : imgz_latch_raise_usage(
                     bench->job.latch, nowhere,
                     "result.struct_bytes is not sizeof(struct imgz_bench_result)");
}

static void release(struct bench *bench)
{
    imgz_sample_set_fini(&bench->samples);
    imgz_size_estimate_fini(&bench->estimate);
    imgz_source_pair_close(&bench->source);
}

int imgz_bench(const char *path, const struct imgz_options *options,
               struct imgz_bench_result *result, struct imgz_error *error)
{
    const struct imgz_job_request request = {IMGZ_JOB_BENCH, options, NULL, error, NULL};
    struct bench bench = {
        .path = path,
        .result = nothing_measured,
        .shown = IMGZ_SIZED_IS_SET_UP(result) ? result : NULL,
        .story.struct_bytes = sizeof(bench.story),
    };
    int rc = begin(&bench, &request);

    if (rc == 0)
        rc = check_result(&bench, result);
    if (rc == 0)
        rc = imgz_job_call(&bench.job, choose_sample, &bench);
    if (rc == 0) {
        plan_rows(&bench);
        publish(&bench);
        rc = measure_all(&bench);
    }
    publish(&bench);
    if (rc == 0)
        imgz_job_finish(&bench.job);
    release(&bench);
    return imgz_job_end(&bench.job, rc);
}
