/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <sys/stat.h>

#include "command.h"
#include "report.h"
#include "runner.h"
#include "streams.h"
#include "units.h"

/* Says which drive is about to be overwritten, so that a wrong one can be noticed. */
static void announce_device(const char *path)
{
    struct imgz_device *devices = NULL;
    struct stat target, listed;
    size_t count = 0;

    if (stat(path, &target) < 0 || !S_ISBLK(target.st_mode))
        return;
    if (imgz_devices_list(&devices, &count, NULL) < 0)
        return;
    for (size_t i = 0; i < count; i++) {
        const struct imgz_device *device = &devices[i];

        if (stat(device->path, &listed) == 0 && S_ISBLK(listed.st_mode) &&
            listed.st_rdev == target.st_rdev)
            streams_note("writing to %s: %s%s%s%s%s", device->path,
                         units_size(device->size_bytes).text, device->model[0] != '\0' ? ", " : "",
                         device->model, device->serial[0] != '\0' ? ", serial " : "",
                         device->serial);
    }
    imgz_devices_free(devices);
}

static void print_headline(const struct options *options, const struct imgz_report *report)
{
    streams_note("restored   %s (%s) to %s (%s, %s of it written as data)%s",
                 report_path(options->operands[0], OPERAND_IMAGE),
                 units_size(report->image_bytes).text,
                 report_path(options->operands[1], OPERAND_RAW_OUT),
                 units_size(report->raw_bytes).text, units_size(report->written_bytes).text,
                 options_has(options, OPTION_READ_BACK) ? ", read back: all equal" : "");
}

static void print_same(const struct imgz_report *report)
{
    streams_note("same       %s (%s) were there already, and were not written",
                 units_size(report->same_bytes).text,
                 units_share(report->same_bytes, report->raw_bytes).text);
}

static int run(const struct options *options)
{
    struct runner runner;
    int exit_code;
    int rc;

    if (runner_wants_summary(options))
        announce_device(options->operands[1]);
    runner_start(&runner, options);
    rc = imgz_restore(options->operands[0], options->operands[1], &runner.job, &runner.report,
                      &runner.error);
    exit_code = runner_finish(&runner, rc);
    if (rc == 0 && runner_wants_summary(options)) {
        print_headline(options, &runner.report);
        if (options_has(options, OPTION_ONLY_CHANGED))
            print_same(&runner.report);
        report_print_summary(options, &runner.report);
    }
    return exit_code;
}

const struct command cmd_restore = {
    .name = "restore",
    .summary = "write the disk in an image to a drive, file or pipe",
    .about = "Writes the disk in IMAGE to TARGET: a new sparse file, a block device at least as\n"
             "large, or '-' for standard output. Every chunk is checked before it is written.\n",
    .examples = "  imgz restore disk.img.gz /dev/sdb\n"
                "  imgz restore --read-back disk.img.gz /dev/sdb\n"
                "  imgz restore disk.img.gz copy.img\n"
                "  ssh host cat disk.img.gz | imgz restore - /dev/sdb\n",
    .options = OPTIONS_OF_JOBS | OPTION_FORCE | OPTION_ONLY_CHANGED | OPTION_READ_BACK |
               OPTION_MODE,
    .operand_count = 2,
    .operands = {{"IMAGE", "image", OPERAND_IMAGE}, {"TARGET", "target", OPERAND_RAW_OUT}},
    .run = run,
};
