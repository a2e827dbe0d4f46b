/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "command.h"
#include "confirm.h"
#include "dry_run.h"
#include "peek.h"
#include "report.h"
#include "runner.h"
#include "streams.h"
#include "units.h"

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
    streams_note("same       %s (%s) already there, and not written",
                 units_size(report->same_bytes).text,
                 units_share(report->same_bytes, report->raw_bytes).text);
}

/* What is not as somebody might expect, and what to do about it. */
static void print_device_notes(const struct options *options, const struct imgz_report *report)
{
    const char *path = options->operands[1];

    if (report->left_out_bytes > 0)
        streams_note("left out   the last %s of the disk (%" PRIu64
                     " bytes), all zeros: %s is too small",
                     units_size(report->left_out_bytes).text, report->left_out_bytes, path);
    if (options_has(options, OPTION_DISCARD) && report->discarded_bytes == 0)
        streams_note("discard    %s cannot discard; it was only overwritten", path);
    if (report->gpt_moved != 0)
        streams_note("moved      the backup of the partition table (GPT) to the end of %s", path);
    if (report->backup_gpt_offset != IMGZ_OFFSET_NONE)
        streams_note(
            "note       the backup of the partition table (GPT) lies at byte %" PRIu64
            ", not at the end of %s; 'sgdisk -e %s' moves it there, as --fix-gpt would have",
            report->backup_gpt_offset, path, path);
}

/* A drive to restore from, or the name of an image to restore to: the operands are swapped. */
static bool looks_swapped(const char *image, const char *target)
{
    struct stat status;

    return peek_is_image_name(target) || (stat(image, &status) == 0 && S_ISBLK(status.st_mode));
}

/* The first bytes of what should be an image show that it is not one. */
static bool is_no_image(int rc, const struct imgz_error *error)
{
    return rc == -EBADMSG && error->stage == IMGZ_STAGE_READ_IMAGE && error->offset == 0;
}

static int run(const struct options *options)
{
    struct runner runner;
    int exit_code;
    int rc;

    if (options_has(options, OPTION_DRY_RUN))
        return dry_run_restore(options);
    runner_start(&runner, options);
    runner.job.confirm_image = confirm_overwrite;
    runner.job.confirm_context = &runner;
    rc = imgz_restore(options->operands[0], options->operands[1], &runner.job, &runner.report,
                      &runner.error);
    exit_code = runner_finish(&runner, rc);
    if (is_no_image(rc, &runner.error) && runner_wants_summary(options) &&
        looks_swapped(options->operands[0], options->operands[1]))
        streams_note("Did you mean 'imgz capture %s %s'?", options->operands[0],
                     options->operands[1]);
    if (rc == 0 && runner_wants_summary(options)) {
        print_headline(options, &runner.report);
        if (options_has(options, OPTION_ONLY_CHANGED) || options_has(options, OPTION_RESUME))
            print_same(&runner.report);
        print_device_notes(options, &runner.report);
        report_print_summary(options, &runner.report);
    }
    return exit_code;
}

const struct command cmd_restore = {
    .name = "restore",
    .bit = COMMAND_RESTORE,
    .summary = "write the disk in an image to a drive, file or pipe",
    .about = "Writes the disk in IMAGE to TARGET: a new sparse file, a block device that is large\n"
             "enough, or '-' for standard output. Every chunk is checked before it is written.\n"
             "At a terminal, you must type the name of a device before imgz overwrites it; only\n"
             "--yes skips that.\n"
             "\n"
             "imgz refuses to write for these reasons. --override takes a list of them:\n"
             "  mounted      the device, or what is on it, is mounted\n"
             "  swap         ... is swap space in use\n"
             "  held         ... is used by LVM, MD, a loop device or another program\n"
             "  root         ... is the running system\n"
             "  image-disk   ... holds the image that is read\n"
             "  sector-size  the disk's GPT counts in sectors of another size\n"
             "  too-small    there is no room for zeros at the end of the disk\n"
             "  partition    the device is a partition, and the image is of a whole disk\n"
             "  no-room      the target is a file, and too little space is free for the data\n",
    .examples = "  imgz restore disk.img.gz /dev/sdb\n"
                "  imgz restore --read-back disk.img.gz /dev/sdb\n"
                "  imgz restore --yes --discard disk.img.gz /dev/sdb\n"
                "  imgz restore disk.img.gz copy.img\n"
                "  imgz restore --resume disk.img.gz copy.img\n"
                "  ssh host cat disk.img.gz | imgz restore - /dev/sdb\n",
    .overrides = IMGZ_OVERRIDE_ALL & ~IMGZ_OVERRIDE_CHANGED,
    .operand_count = 2,
    .operands = {{"IMAGE", "image", OPERAND_IMAGE}, {"TARGET", "target", OPERAND_RAW_OUT}},
    .run = run,
};
