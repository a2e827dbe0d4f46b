/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench_table.h"
#include "command.h"
#include "progress.h"
#include "report.h"
#include "runner.h"
#include "signals.h"
#include "streams.h"
#include "units.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define SECONDS_DEFAULT 30u
#define ERASE_LINE      "\r\033[K"

struct bench {
    const struct options *options;
    struct imgz_options job;
    struct imgz_bench_result result;
    struct imgz_error error;
    struct progress progress;
    imgz_progress_fn shows; /* of 'progress' */
    bool table;             /* rows are printed as they come */
    bool hint;              /* what is being measured is shown until it is */
    uint32_t printed_count; /* rows */
};

/* ---- While it runs -------------------------------------------------------------------------- */

static void print_new_rows(struct bench *bench)
{
    const struct imgz_bench_result *result = &bench->result;

    if (!bench->table || bench->printed_count == result->done_count)
        return;
    if (bench->printed_count == 0)
        bench_table_print_head(result, bench->options->operands[0]);
    for (; bench->printed_count < result->done_count; bench->printed_count++)
        bench_table_print_row(result, &result->rows[bench->printed_count]);
    fflush(stdout);
}

static void show_hint(const struct bench *bench, const struct imgz_progress *at)
{
    const struct imgz_bench_result *result = &bench->result;
    const uint64_t seconds = bench->job.bench_ms > 0 ? bench->job.bench_ms / 1000 : SECONDS_DEFAULT;

    if (!bench->hint || result->done_count == result->row_count)
        return;
    fprintf(stderr, "%s%s ...  %s of about %s", ERASE_LINE, result->rows[result->done_count].name,
            units_clock(at->elapsed_ns / 1000000000u).text, units_clock(seconds).text);
}

static int on_progress(const struct imgz_progress *at, void *context)
{
    struct bench *bench = context;

    if (bench->hint)
        fputs(ERASE_LINE, stderr);
    print_new_rows(bench);
    if (at->phase != IMGZ_PHASE_FINISH)
        show_hint(bench, at);
    return bench->shows(at, &bench->progress);
}

/* The rows are what is shown; of the usual displays only the one for programs makes sense. */
static void start(struct bench *bench, const struct options *options)
{
    struct options display = *options;
    const bool auto_bar = options->progress == PROGRESS_AUTO && isatty(STDERR_FILENO) != 0 &&
                          !options_has(options, OPTION_QUIET);

    *bench = (struct bench){
        .options = options,
        .job = options->job,
        .result.struct_bytes = sizeof(bench->result),
        .error.struct_bytes = sizeof(bench->error),
        .table = !options_has(options, OPTION_JSON),
        .hint = (options->progress == PROGRESS_BAR || auto_bar) &&
                !options_has(options, OPTION_VERBOSE),
    };
    if (display.progress != PROGRESS_JSON)
        display.progress = PROGRESS_NONE;
    progress_attach(&bench->progress, &display, &bench->job);
    bench->shows = bench->job.progress;
    bench->job.progress = on_progress;
    bench->job.progress_context = bench;
    signals_catch_stop();
}

/* ---- JSON ----------------------------------------------------------------------------------- */

/* null for 0, the bench's "not measured" and "not known". */
static json_t *json_known(uint64_t value)
{
    return value > 0 ? report_json_number(value) : json_null();
}

static json_t *json_speed(const struct imgz_bench_row *row)
{
    if (row->elapsed_ns == 0)
        return json_null();
    return json_integer((json_int_t)((double)row->bytes * 1e9 / (double)row->elapsed_ns));
}

static json_t *json_level(int32_t level)
{
    return level != IMGZ_BENCH_LEVEL_NONE ? json_string(bench_level_name(level).text) : json_null();
}

/* null if the job ended before it was known. */
static json_t *json_chunk_hash(enum imgz_chunk_hash hash)
{
    return hash != IMGZ_CHUNK_HASH_DEFAULT ? json_string(imgz_chunk_hash_name(hash)) : json_null();
}

static json_t *json_row(const struct imgz_bench_row *row, bool read_known)
{
    const bool capture = row->kind == IMGZ_BENCH_CAPTURE;
    json_t *object = json_object();
    const struct report_pair pairs[] = {
        {"name", json_string(row->name)},
        {"kind", json_string(imgz_bench_kind_name(row->kind))},
        {"level", capture ? json_level(row->level) : json_null()},
        {"thread_count", report_json_number(row->thread_count)},
        {"bytes", report_json_number(row->bytes)},
        {"elapsed_ns", json_known(row->elapsed_ns)},
        {"bytes_per_second", json_speed(row)},
        {"keeps_up", capture && read_known ? json_boolean(row->keeps_up) : json_null()},
        {"sample_image_bytes", json_known(row->sample_image_bytes)},
        {"source_image_bytes", json_known(row->source_image_bytes)},
        {"source_ns", json_known(row->source_ns)},
    };

    report_json_add(object, pairs, COUNT_OF(pairs));
    return object;
}

static json_t *json_advice(const struct bench_advice *advice)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < advice->count; i++)
        json_array_append_new(array, report_json_text(advice->lines[i]));
    return array;
}

static json_t *json_bench(const struct bench *bench, const struct bench_advice *advice)
{
    const struct imgz_bench_result *result = &bench->result;
    const bool read_known = result->read_row >= 0;
    json_t *object = json_object();
    json_t *rows = json_array();

    for (uint32_t i = 0; i < result->done_count; i++)
        json_array_append_new(rows, json_row(&result->rows[i], read_known));
    const struct report_pair pairs[] = {
        {"source_bytes", json_known(result->source_bytes)},
        {"source_hole_bytes", report_json_number(result->source_hole_bytes)},
        {"sample_bytes", report_json_number(result->sample_bytes)},
        {"sample_zero_bytes", report_json_number(result->sample_zero_bytes)},
        {"cached_percent",
         result->cached_percent <= 100 ? json_integer(result->cached_percent) : json_null()},
        {"processor_percent", report_json_number(result->processor_percent)},
        {"chunk_bytes", report_json_number(result->chunk_bytes)},
        {"chunk_count", report_json_number(result->chunk_count)},
        {"chunk_hash", json_chunk_hash(result->chunk_hash)},
        {"thread_count", report_json_number(result->thread_count)},
        {"elapsed_ns", report_json_number(result->elapsed_ns)},
        {"rows", rows},
        {"read_bytes_per_second",
         read_known ? json_speed(&result->rows[result->read_row]) : json_null()},
        {"level_kept_up", json_level(result->level_kept_up)},
        {"advice", json_advice(advice)},
    };
    if (bench->options->operands[0] == NULL)
        json_object_set_new(object, "path", json_null());
    report_json_add(object, pairs, COUNT_OF(pairs));
    return object;
}

/* ---- The command ---------------------------------------------------------------------------- */

static void finish(struct bench *bench, struct report *report)
{
    struct bench_advice advice = {0};

    if (report->exit_code == EXIT_CODE_DONE)
        bench_table_advise(&bench->result, bench->options->operands[0], bench->job.bench_folder,
                           &advice);
    if (bench->table && advice.count > 0)
        printf("\n");
    for (unsigned i = 0; bench->table && i < advice.count; i++)
        streams_print("%s", advice.lines[i]);
    if (bench->table)
        return;
    report->details = json_bench(bench, &advice);
    report_print_json(report);
}

static int run(const struct options *options)
{
    struct report report = {.command = options->command->name, .options = options};
    struct bench bench;
    int rc;

    start(&bench, options);
    rc = imgz_bench(options->operands[0], &bench.job, &bench.result, &bench.error);
    if (bench.hint)
        fputs(ERASE_LINE, stderr);
    print_new_rows(&bench);
    if (rc < 0) {
        report.exit_code = runner_say_error(options, rc, &bench.error);
        report.error = &bench.error;
    }
    finish(&bench, &report);
    return report.exit_code;
}

const struct command cmd_bench = {
    .name = "bench",
    .bit = COMMAND_BENCH,
    .summary = "measure what this machine can do, alone or with a file or drive",
    .about = "Measures how fast FILE, a file or block device, is read. Also measures how fast all\n"
             "threads hash, capture (at each level) and decode a sample of it. Shows which level\n"
             "keeps up with the drive, and how long a capture would take and how large the image\n"
             "would be. Without FILE a synthetic mix of data is measured. Nothing is written\n"
             "unless --write-to names a folder.\n",
    .examples = "  imgz bench\n"
                "  imgz bench /dev/sda\n"
                "  imgz bench --chunk-hash sha256 /dev/sda\n"
                "  imgz bench --seconds 10 --write-to /mnt/backup disk.img\n",
    .operand_count = 1,
    .optional_count = 1,
    .operands = {{"FILE", "path", OPERAND_SAMPLE}},
    .run = run,
};
