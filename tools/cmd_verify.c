/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "peek.h"
#include "report.h"
#include "runner.h"
#include "streams.h"
#include "units.h"

/* Somebody who names a digest wants it compared. */
static void print_not_recorded(const struct options *options, const struct imgz_report *report)
{
    const char *image = report_path(options->operands[0], OPERAND_IMAGE);

    for (uint32_t i = 0; i < report->digest_count; i++)
        if ((report->compared_digests >> i & 1) == 0)
            streams_note("note       %s records no %s, so there was nothing to compare with; 'imgz "
                         "capture --digest %s' records one",
                         image, report->digests[i].name, report->digests[i].name);
}

static void print_rest(const struct options *options, const struct imgz_report *report)
{
    const struct units_text size = units_size(report->rest_bytes);

    switch (report->rest) {
    case IMGZ_REST_NONE:
        break;
    case IMGZ_REST_ZEROS:
        streams_note("after it   %s has %s more, all zeros", options->against, size.text);
        break;
    case IMGZ_REST_DATA:
        streams_note(
            "after it   %s has %s more, not all zeros: the first other byte is at %" PRIu64,
            options->against, size.text, report->raw_bytes + report->rest_zero_bytes);
        break;
    case IMGZ_REST_UNKNOWN:
        streams_note("after it   %s has %s more, zeros in the first %s; the rest was not read",
                     options->against, size.text, units_size(report->rest_zero_bytes).text);
        break;
    }
}

static void print_good(const struct options *options, const struct imgz_report *report)
{
    const char *image = report_path(options->operands[0], OPERAND_IMAGE);

    if (options->against != NULL)
        streams_note("compared   %s%s with %s: %s, %s, all equal",
                     report->against_image != 0 ? "the disk in " : "",
                     report_path(options->against, OPERAND_SOURCE), image,
                     units_size(report->raw_bytes).text,
                     units_count(report->chunk_count, "chunk").text);
    else
        streams_note("%-9s  %s (%s): %s, %s, all good",
                     options_has(options, OPTION_SCRUB) ? "scrubbed" : "verified", image,
                     units_size(report->image_bytes).text, units_size(report->raw_bytes).text,
                     units_count(report->chunk_count, "chunk").text);
    if (report->gpt_moved != 0)
        streams_note("note       the backup of the partition table (GPT) was moved to the end of "
                     "%s, where it belongs; what the move changes was not compared",
                     options->against);
    print_rest(options, report);
    if (!options->is_one_of_several || options_has(options, OPTION_VERBOSE))
        report_print_summary(options, report);
    print_not_recorded(options, report);
}

/* The error of an image that is damaged speaks of the first bad chunk only. */
static void print_bad(const struct imgz_report *report)
{
    streams_note("found      %s bad, the first at byte %" PRIu64 " of the disk",
                 units_count(report->bad_chunk_count, "chunk").text, report->bad_offset);
}

static int verify_one(const struct options *options)
{
    struct runner runner;
    int exit_code;
    int rc;

    if (options->against != NULL && strcmp(options->against, "-") == 0 &&
        strcmp(options->operands[0], "-") == 0)
        return command_refuse(options, "IMAGE and SOURCE cannot both be standard input");
    runner_start(&runner, options);
    rc = imgz_verify(options->operands[0], options->against, &runner.job, &runner.report,
                     &runner.error);
    exit_code = runner_finish(&runner, rc);
    if (rc == 0 && runner_wants_summary(options))
        print_good(options, &runner.report);
    else if (runner.report.bad_chunk_count > 1 && options->against == NULL &&
             runner_wants_summary(options))
        print_bad(&runner.report);
    return exit_code;
}

/* Somebody who names a drive beside an image means to compare them: said before an hour is spent on
 * the image. */
static int check_operands(const struct options *options, struct options_problem *problem)
{
    for (unsigned i = 0; i < options->operand_count && options->operand_count > 1; i++) {
        const char *path = options->operands[i];

        if (strcmp(path, "-") == 0 || !peek_is_raw_disk(path))
            continue;
        snprintf(problem->text, sizeof(problem->text),
                 "%s is not an image; to compare it with one: imgz verify %s --against %s", path,
                 options->operands[i > 0 ? 0 : 1], path);
        return -EINVAL;
    }
    return 0;
}

static int run(const struct options *options)
{
    struct options_problem problem;
    unsigned failed_count;
    int exit_code;

    if (check_operands(options, &problem) < 0)
        return command_refuse(options, problem.text);
    exit_code = command_each(options, verify_one, &failed_count);
    if (options->operand_count == 1 || !runner_wants_summary(options))
        return exit_code;
    if (failed_count == 0)
        streams_note("%-9s  %u images, all good",
                     options_has(options, OPTION_SCRUB) ? "scrubbed" : "verified",
                     options->operand_count);
    else if (exit_code < EXIT_CODE_SIGNAL)
        streams_note("failed     %u of %u images", failed_count, options->operand_count);
    return exit_code;
}

const struct command cmd_verify = {
    .name = "verify",
    .bit = COMMAND_VERIFY,
    .summary = "check an image, or compare a drive with it",
    .about = "Decodes IMAGE and checks everything in it: structure, hashes, CRC-32, size, and the\n"
             "digests named by --digest. '-' is standard input. Each of several images gets a\n"
             "line, or a JSON object on a line; the exit code is the highest of all.\n"
             "\n"
             "With --against, SOURCE is read and compared with the hashes in the image, and\n"
             "nothing is decoded. If SOURCE is an image itself, it is decoded, and the disk in it\n"
             "is compared. With --scrub every chunk is checked as it is stored, without decoding\n"
             "it: as fast as IMAGE can be read.\n"
             "\n"
             "The hashes find accidents. Three things find tampering with SOURCE: a --digest that\n"
             "IMAGE records, --paranoid, and an IMAGE captured with --chunk-hash sha256.\n",
    .examples = "  imgz verify disk.img.gz\n"
                "  imgz verify *.img.gz\n"
                "  imgz verify disk.img.gz --against /dev/sda\n"
                "  imgz verify --scrub disk.img.gz\n"
                "  imgz verify --digest sha256 disk.img.gz\n",
    .operand_count = 1,
    .several = true,
    .operands = {{"IMAGE", "image", OPERAND_IMAGE}},
    .run = run,
};
