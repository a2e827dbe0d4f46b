/* SPDX-License-Identifier: MIT */
#include "command.h"
#include "dry_run.h"
#include "report.h"
#include "runner.h"
#include "streams.h"
#include "units.h"

static void print_headline(const struct options *options, const struct imgz_report *report)
{
    streams_note("captured   %s (%s, %s zero) to %s (%s, %s)",
                 report_path(options->operands[0], OPERAND_SOURCE),
                 units_size(report->raw_bytes).text,
                 units_share(report->zero_bytes, report->raw_bytes).text,
                 report_path(options->operands[1], OPERAND_IMAGE_OUT),
                 units_size(report->image_bytes).text,
                 units_ratio(report->raw_bytes, report->image_bytes).text);
}

static void print_resumed(const struct imgz_report *report)
{
    streams_note("resumed    after %s (%s), captured before and not read again",
                 units_size(report->resumed_bytes).text,
                 units_share(report->resumed_bytes, report->raw_bytes).text);
}

/* For a capture that only read what the image lacked. */
static void print_mended(const struct options *options, const struct imgz_report *report)
{
    const char *image = options->operands[1];

    if (report->missing_bytes == 0)
        streams_note("mended     nothing: %s and its map have all of %s", image,
                     options->operands[0]);
    else if (report->regained_bytes == 0)
        streams_note(
            "mended     nothing: the %s that %s lacks still cannot be read; it is unchanged",
            units_size(report->missing_bytes).text, image);
    else
        streams_note("mended     %s, with %s of %s that it lacked", image,
                     units_size(report->regained_bytes).text,
                     units_size(report->missing_bytes).text);
}

static int run(const struct options *options)
{
    struct runner runner;
    int exit_code;
    int rc;

    if (options_has(options, OPTION_DRY_RUN))
        return dry_run_capture(options);
    runner_start(&runner, options);
    rc = imgz_capture(options->operands[0], options->operands[1], &runner.job, &runner.report,
                      &runner.error);
    exit_code = runner_finish(&runner, rc);
    if (rc == 0 && runner_wants_summary(options)) {
        if (runner.report.mended != 0)
            print_mended(options, &runner.report);
        else
            print_headline(options, &runner.report);
        if (runner.report.resumed_bytes > 0)
            print_resumed(&runner.report);
        report_print_summary(options, &runner.report);
    }
    return exit_code;
}

const struct command cmd_capture = {
    .name = "capture",
    .bit = COMMAND_CAPTURE,
    .summary = "read a drive, file or pipe into an image",
    .about = "Reads SOURCE and writes it to IMAGE, a plain .gz file that any gunzip opens. The\n"
             "image appears under its name once it is complete and flushed. '-' is standard\n"
             "input or output.\n"
             "\n"
             "--resume and --map go on with an incomplete image. If the source has changed since,\n"
             "imgz refuses; --override changed overrides that.\n",
    .examples = "  imgz capture /dev/sda disk.img.gz\n"
                "  imgz capture -6 --digest sha256 disk.img disk.img.gz\n"
                "  imgz capture --resume /dev/sda disk.img.gz\n"
                "  ssh host imgz capture /dev/xvda - > disk.img.gz\n"
                "  imgz capture --on-error=zero --map disk.map /dev/sdb disk.img.gz\n",
    .overrides = IMGZ_OVERRIDE_CHANGED,
    .operand_count = 2,
    .operands = {{"SOURCE", "source", OPERAND_SOURCE}, {"IMAGE", "image", OPERAND_IMAGE_OUT}},
    .unreadable_code = EXIT_CODE_UNREADABLE,
    .run = run,
};
