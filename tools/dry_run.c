/* SPDX-License-Identifier: MIT */
#include "dry_run.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bench_table.h"
#include "describe.h"
#include "report.h"
#include "runner.h"
#include "streams.h"
#include "units.h"

/* For the bench: half of it reads, half of it compresses. */
#define BENCH_MS 4000u

static bool is_file(const char *path)
{
    struct stat status;

    return strcmp(path, "-") != 0 && stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

static bool is_device(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISBLK(status.st_mode);
}

/* ", a new file"; "" if it is not a file. */
struct aim {
    char text[160];
};

static struct aim aim_at(const char *path, const struct imgz_report *report)
{
    struct aim aim = {""};

    if (report->room_bytes == IMGZ_SIZE_UNKNOWN && !is_file(path))
        return aim;
    if (report->partial_bytes > 0)
        snprintf(aim.text, sizeof(aim.text), ", going on from %s of an interrupted run",
                 units_size(report->partial_bytes).text);
    else
        snprintf(aim.text, sizeof(aim.text), "%s",
                 is_file(path) ? ", replacing an existing file" : ", a new file");
    return aim;
}

/* 'need_bytes': of the result; UINT64_MAX: not known. */
static void print_room(const struct imgz_report *report, uint64_t need_bytes)
{
    const bool known = need_bytes != IMGZ_SIZE_UNKNOWN;

    if (report->room_bytes == IMGZ_SIZE_UNKNOWN)
        return;
    streams_note("room       %s free there%s", units_size(report->room_bytes).text,
                 !known                             ? ""
                 : need_bytes <= report->room_bytes ? ", enough"
                                                    : ", probably too little");
}

static json_t *json_plan(const struct imgz_report *report)
{
    json_t *object = json_object();
    const struct report_pair pairs[] = {
        {"dry_run", json_true()},
        {"room_bytes", report_json_number(report->room_bytes)},
        {"partial_bytes", report_json_number(report->partial_bytes)},
    };

    report_json_add(object, pairs, sizeof(pairs) / sizeof(pairs[0]));
    return object;
}

/* ---- Capture ------------------------------------------------------------------------------ */

struct estimate {
    struct imgz_bench_result bench;
    uint64_t image_bytes; /* UINT64_MAX: not known; the same for the time */
    uint64_t elapsed_ns;
};

/* What can be read here and there; the size of an empty one is known. */
static bool can_measure(const struct runner *runner, const char *source)
{
    return runner->report.mended == 0 && (is_file(source) || is_device(source)) &&
           runner->report.raw_bytes != IMGZ_SIZE_UNKNOWN && runner->report.raw_bytes > 0;
}

static int measure(struct runner *runner, const char *source, struct estimate *estimate)
{
    const struct imgz_bench_result *bench = &estimate->bench;
    int rc;

    runner->job.bench_ms = BENCH_MS;
    runner->job.flags = IMGZ_FLAG_DRY_RUN;
    runner->job.overrides = 0;
    rc = imgz_bench(source, &runner->job, &estimate->bench, &runner->error);
    for (uint32_t i = 0; rc == 0 && i < bench->done_count; i++) {
        if (bench->rows[i].kind != IMGZ_BENCH_CAPTURE || bench->rows[i].source_ns == 0)
            continue;
        estimate->image_bytes = bench->rows[i].source_image_bytes;
        estimate->elapsed_ns = bench->rows[i].source_ns;
    }
    return rc;
}

static void print_size(const struct options *options, const struct imgz_report *report,
                       const struct estimate *estimate)
{
    streams_note("size       about %s (%s) at level %s, from a sample of %s",
                 units_size(estimate->image_bytes).text,
                 units_ratio(report->raw_bytes, estimate->image_bytes).text,
                 bench_level_name(options->job.level).text,
                 units_size(estimate->bench.sample_bytes).text);
}

static void print_time(const struct estimate *estimate)
{
    const struct imgz_bench_result *bench = &estimate->bench;
    const struct imgz_bench_row *work = &bench->rows[bench->done_count - 1];
    char read[64] = "";

    if (bench->read_row >= 0) {
        const struct imgz_bench_row *row = &bench->rows[bench->read_row];

        snprintf(read, sizeof(read), "read at %s, ", units_speed(row->bytes, row->elapsed_ns).text);
    }
    streams_note("time       about %s: %scompressed at %s by %s",
                 units_duration(estimate->elapsed_ns).text, read,
                 units_speed(work->bytes, work->elapsed_ns).text,
                 units_count(bench->thread_count, "thread").text);
}

static void print_capture(const struct options *options, const struct imgz_report *report,
                          const struct estimate *estimate)
{
    const char *image = options->operands[1];
    const bool known = report->raw_bytes != IMGZ_SIZE_UNKNOWN;

    if (report->mended != 0) {
        streams_note("dry run    would read the %s of %s that %s lacks; nothing was written",
                     units_size(report->missing_bytes).text, options->operands[0], image);
        return;
    }
    streams_note("dry run    would capture %s%s%s%s to %s%s; nothing was written",
                 report_path(options->operands[0], OPERAND_SOURCE), known ? " (" : "",
                 known ? units_size(report->raw_bytes).text : "", known ? ")" : "",
                 report_path(image, OPERAND_IMAGE_OUT), aim_at(image, report).text);
    if (estimate->image_bytes != IMGZ_SIZE_UNKNOWN) {
        print_size(options, report, estimate);
        print_time(estimate);
    } else if (report->raw_bytes != 0) {
        streams_note("size       unknown: only files and drives of this host are sampled");
    }
    print_room(report, estimate->image_bytes);
}

static json_t *json_capture(const struct imgz_report *report, const struct estimate *estimate)
{
    json_t *object = json_plan(report);
    const struct report_pair pairs[] = {
        {"estimated_image_bytes", report_json_number(estimate->image_bytes)},
        {"estimated_ns", report_json_number(estimate->elapsed_ns)},
        {"sample_bytes", report_json_number(estimate->bench.sample_bytes)},
    };

    report_json_add(object, pairs, sizeof(pairs) / sizeof(pairs[0]));
    return object;
}

int dry_run_capture(const struct options *options)
{
    struct estimate estimate = {
        .image_bytes = IMGZ_SIZE_UNKNOWN,
        .elapsed_ns = IMGZ_SIZE_UNKNOWN,
        .bench.struct_bytes = sizeof(estimate.bench),
    };
    struct runner runner;
    int exit_code;
    int rc;

    runner_start(&runner, options);
    rc = imgz_capture(options->operands[0], options->operands[1], &runner.job, &runner.report,
                      &runner.error);
    if (rc == 0 && can_measure(&runner, options->operands[0]))
        rc = measure(&runner, options->operands[0], &estimate);
    runner.details = json_capture(&runner.report, &estimate);
    exit_code = runner_finish(&runner, rc);
    if (rc == 0 && runner_wants_summary(options))
        print_capture(options, &runner.report, &estimate);
    return exit_code;
}

/* ---- Restore ------------------------------------------------------------------------------ */

/* As at the question whether to overwrite it. */
static void describe(const struct options *options)
{
    struct imgz_image *image = NULL;

    if (imgz_image_open(options->operands[0], &image, NULL) == 0)
        describe_image(stderr, options->operands[0], image);
    imgz_image_close(image);
    (void)describe_target(stderr, options->operands[1]);
}

static void print_restore(const struct options *options, const struct imgz_report *report)
{
    const char *target = options->operands[1];
    const bool known = report->raw_bytes != IMGZ_SIZE_UNKNOWN;
    char size[96] = "";

    if (is_device(target))
        describe(options);
    if (known && report->image_bytes > 0)
        snprintf(size, sizeof(size), " (%s, %s of it data)", units_size(report->raw_bytes).text,
                 units_size(report->written_bytes).text);
    streams_note("dry run    would restore %s%s to %s%s; nothing was written",
                 report_path(options->operands[0], OPERAND_IMAGE), size,
                 report_path(target, OPERAND_RAW_OUT), aim_at(target, report).text);
    print_room(report, report->image_bytes > 0 ? report->written_bytes : IMGZ_SIZE_UNKNOWN);
}

int dry_run_restore(const struct options *options)
{
    struct runner runner;
    int exit_code;
    int rc;

    runner_start(&runner, options);
    rc = imgz_restore(options->operands[0], options->operands[1], &runner.job, &runner.report,
                      &runner.error);
    runner.details = json_plan(&runner.report);
    exit_code = runner_finish(&runner, rc);
    if (rc == 0 && runner_wants_summary(options))
        print_restore(options, &runner.report);
    return exit_code;
}
