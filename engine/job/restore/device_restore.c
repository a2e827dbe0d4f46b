/* SPDX-License-Identifier: MIT */
#include "job/restore/device_restore.h"

#include <errno.h>
#include <string.h>

#include "io/device/device.h"
#include "io/device/gpt.h"
#include "io/device/gpt_move.h"
#include "io/device/partitions.h"
#include "io/device/target.h"
#include "job/common/warn.h"

/* ---- Before the job ----------------------------------------------------------------------- */

static int check_discard(const struct imgz_job *job, const struct imgz_sink *output)
{
    if (!imgz_job_has(job, IMGZ_FLAG_DISCARD))
        return 0;
    if (!imgz_sink_is(output, IMGZ_SINK_DEVICE))
        return imgz_latch_raise_cause(job->latch, imgz_cause_flags(IMGZ_FLAG_DISCARD), -EINVAL,
                                      imgz_sink_location(output, IMGZ_OFFSET_NONE),
                                      "%s is not a block device: there is nothing to discard",
                                      imgz_sink_path(output));
    return 0;
}

static int check_fix_gpt(const struct imgz_job *job, const struct imgz_sink *output)
{
    const struct imgz_location location = imgz_sink_location(output, IMGZ_OFFSET_NONE);

    if (!imgz_job_has(job, IMGZ_FLAG_FIX_GPT))
        return 0;
    if (!imgz_sink_is(output, IMGZ_SINK_DEVICE))
        return imgz_latch_raise_cause(job->latch, imgz_cause_flags(IMGZ_FLAG_FIX_GPT), -EINVAL,
                                      location,
                                      "%s is not a block device: its GPT backup needs no moving",
                                      imgz_sink_path(output));
    if (!imgz_gpt_move_built())
        return imgz_latch_raise_cause(
            job->latch, (struct imgz_cause){.reason = IMGZ_REASON_FLAG, .flags = IMGZ_FLAG_FIX_GPT},
            -EOPNOTSUPP, location,
            "this imgz was built without libfdisk; run 'sgdisk -e %s' after the restore",
            imgz_sink_path(output));
    return 0;
}

/* The end of the disk was left out, so it cannot be compared. */
static int check_read_back(const struct imgz_job *job, const struct imgz_sink *output)
{
    if (imgz_sink_left_out_bytes(output) == 0 || !imgz_job_has(job, IMGZ_FLAG_READ_BACK))
        return 0;
    return imgz_latch_raise_cause(
        job->latch, imgz_cause_flags(IMGZ_FLAG_READ_BACK), -EINVAL,
        imgz_sink_location(output, IMGZ_OFFSET_NONE),
        "%s is too small for the disk, so it cannot be compared with the image",
        imgz_sink_path(output));
}

static bool is_confirmed(const struct imgz_options *options, const struct imgz_image *image)
{
    if (options->confirm_image != NULL)
        return options->confirm_image(image, options->confirm_context) == 0;
    return options->confirm == NULL || options->confirm(options->confirm_context) == 0;
}

static int confirm(const struct imgz_job *job, const struct imgz_image *image,
                   const struct imgz_sink *output)
{
    if (!imgz_sink_is(output, IMGZ_SINK_DEVICE) || imgz_job_has(job, IMGZ_FLAG_DRY_RUN) ||
        is_confirmed(&job->options, image))
        return 0;
    return imgz_latch_raise(job->latch, -ECANCELED, imgz_sink_location(output, IMGZ_OFFSET_NONE),
                            "writing to %s was not confirmed; nothing was written",
                            imgz_sink_path(output));
}

int imgz_device_restore_allow(struct imgz_job *job, const struct imgz_image *image,
                              const struct imgz_sink *output)
{
    int rc = check_discard(job, output);

    if (rc == 0)
        rc = check_fix_gpt(job, output);
    if (rc == 0)
        rc = check_read_back(job, output);
    if (rc == 0)
        rc = confirm(job, image, output);
    job->report.left_out_bytes = imgz_sink_left_out_bytes(output);
    return rc;
}

/* ---- With the first item ------------------------------------------------------------------ */

static int check_sectors(struct imgz_job *job, const struct imgz_sink *output,
                         const struct imgz_slot *first)
{
    const uint32_t sector_bytes = imgz_device_sector_bytes(imgz_sink_local_fd(output));
    struct imgz_gpt gpt;

    if (first->kind != IMGZ_SLOT_DATA ||
        !imgz_gpt_find(first->raw, first->raw_bytes, sector_bytes, &gpt))
        return 0;
    if (gpt.sector_bytes == sector_bytes) {
        if (gpt.backup_offset + sector_bytes != imgz_sink_size(output))
            job->report.backup_gpt_offset = gpt.backup_offset;
        return 0;
    }
    if ((job->options.overrides & IMGZ_OVERRIDE_SECTOR_SIZE) != 0) {
        imgz_log_line(&job->log,
                      "overridden: the disk's partition table is for sectors of %u bytes",
                      gpt.sector_bytes);
        return 0;
    }
    return imgz_latch_raise_cause(
        job->latch, imgz_cause_overrides(IMGZ_OVERRIDE_SECTOR_SIZE), -EMEDIUMTYPE,
        imgz_sink_location(output, IMGZ_OFFSET_NONE),
        "%s has sectors of %u bytes, but the disk's partition table (GPT) is "
        "made for sectors of %u: no system would find the partitions; nothing was written; use a "
        "target with sectors of that size",
        imgz_sink_path(output), sector_bytes, gpt.sector_bytes);
}

/* Systems look for a partition table at the beginning of a disk, not of a partition. */
static int check_partition(struct imgz_job *job, const struct imgz_sink *output,
                           const struct imgz_slot *first)
{
    const struct imgz_location location = imgz_sink_location(output, IMGZ_OFFSET_NONE);
    struct imgz_device_part part;
    char table[16] = "";
    int rc = imgz_device_find_part(imgz_sink_local_fd(output), &part);

    if (rc == 0 && part.is_part && first->kind == IMGZ_SLOT_DATA)
        rc = imgz_partitions_find_table(first->raw, first->raw_bytes, job->raw_bytes_total, table);
    if (rc < 0)
        return imgz_latch_raise_system(job->latch, rc, location,
                                       "checking whether the disk in the image belongs on");
    if (table[0] == '\0')
        return 0;
    if ((job->options.overrides & IMGZ_OVERRIDE_PARTITION) != 0) {
        imgz_log_line(&job->log,
                      "overridden: %s is a partition, and the image has a partition table (%s)",
                      imgz_sink_path(output), table);
        return 0;
    }
    return imgz_latch_raise_cause(
        job->latch, imgz_cause_overrides(IMGZ_OVERRIDE_PARTITION), -EMEDIUMTYPE, location,
        "%s is a partition, but the image is of a whole disk with a partition table (%s), which no "
        "system looks for inside a partition; nothing was written; name the disk%s%s",
        imgz_sink_path(output), table, part.disk[0] != '\0' ? " " : "", part.disk);
}

int imgz_device_restore_check(struct imgz_job *job, const struct imgz_sink *output,
                              const struct imgz_slot *first)
{
    int rc;

    IMGZ_ASSERT(first->checked);
    if (!imgz_sink_is(output, IMGZ_SINK_DEVICE))
        return 0;
    rc = check_partition(job, output, first);
    return rc < 0 ? rc : check_sectors(job, output, first);
}

int imgz_device_restore_begin(struct imgz_job *job, struct imgz_sink *output,
                              const struct imgz_slot *first)
{
    int rc = imgz_device_restore_check(job, output, first);

    if (rc < 0 || !imgz_sink_is(output, IMGZ_SINK_DEVICE) || !imgz_job_has(job, IMGZ_FLAG_DISCARD))
        return rc;
    job->report.discarded_bytes = imgz_sink_discard(output);
    return 0;
}

/* ---- At the end --------------------------------------------------------------------------- */

static int move_backup(struct imgz_job *job, const struct imgz_sink *output)
{
    int rc;

    if (!imgz_job_has(job, IMGZ_FLAG_FIX_GPT) || job->report.backup_gpt_offset == IMGZ_OFFSET_NONE)
        return 0;
    rc = imgz_gpt_move(imgz_sink_local_fd(output), imgz_sink_path(output));
    if (rc < 0)
        return imgz_latch_raise(job->latch, rc == -EBADMSG ? -EIO : rc,
                                imgz_sink_location(output, IMGZ_OFFSET_NONE),
                                "moving the backup of the partition table (GPT) to the end of %s: "
                                "%s; check it with 'sgdisk -v %s'",
                                imgz_sink_path(output), strerrordesc_np(-rc),
                                imgz_sink_path(output));
    imgz_log_line(&job->log, "moved the backup of the partition table to the end of %s",
                  imgz_sink_path(output));
    job->report.backup_gpt_offset = IMGZ_OFFSET_NONE;
    job->report.gpt_moved = true;
    return 0;
}

/* The system keeps the partitions that it found before, until it is asked to look again. */
static void reread_table(struct imgz_job *job, const struct imgz_sink *output)
{
    struct imgz_device_part part;
    int rc = imgz_device_find_part(imgz_sink_local_fd(output), &part);

    if (rc == 0 && !part.is_part)
        rc = imgz_device_reread(imgz_sink_local_fd(output));
    if (rc == 0 || rc == -EINVAL || rc == -ENOTTY)
        imgz_log_line(&job->log, "%s: %s", imgz_sink_path(output),
                      rc == 0 ? "the system has read its partition table again"
                              : "the system does not look for partitions there");
    else
        imgz_warn(job, "table-not-read",
                  "the system still has the old partitions of %s: %s; %s, then run 'blockdev "
                  "--rereadpt %s'",
                  imgz_sink_path(output), strerrordesc_np(-rc),
                  rc == -EBUSY ? "release those that are in use" : "run as root",
                  imgz_sink_path(output));
}

int imgz_device_restore_end(struct imgz_job *job, struct imgz_sink *output)
{
    int rc;

    if (!imgz_sink_is(output, IMGZ_SINK_DEVICE))
        return 0;
    imgz_sink_set_whole(output);
    rc = move_backup(job, output);
    if (rc == 0)
        reread_table(job, output);
    return rc;
}
