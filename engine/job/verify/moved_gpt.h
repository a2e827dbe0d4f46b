/* SPDX-License-Identifier: MIT */
/*
 * Finds a backup GPT that was moved to the drive's end after a restore to a larger drive, as
 * 'restore --fix-gpt' does. That must not count as a difference from the image.
 *
 * Place: verify --against, before the comparison.
 *
 * Threads    the job's.
 * Errors     raised: -ENOMEM. If the drive's table is not valid in every part, nothing counts as
 *            moved.
 */
#ifndef IMGZ_MOVED_GPT_H
#define IMGZ_MOVED_GPT_H

#include "image/image.h"
#include "io/source/overlay.h"
#include "job/common/job.h"

/* Fills 'overlay' with what the disk had before its backup was moved, and sets the report's
 * gpt_moved; or does neither. What it covers: the fields of the header that tell where the backup
 * is, and its CRC-32; the size in a protective MBR; and the place of the old backup. The caller
 * ends it. */
IMGZ_MUST_CHECK int imgz_moved_gpt_find(struct imgz_job *job, const struct imgz_image *image,
                                        const struct imgz_source *source,
                                        struct imgz_overlay *overlay);

#endif /* IMGZ_MOVED_GPT_H */
