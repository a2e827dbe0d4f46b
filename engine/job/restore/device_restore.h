/* SPDX-License-Identifier: MIT */
/*
 * What a restore does with a block device besides writing it. It asks for confirmation, checks the
 * disk's first chunk before that is written, and puts the partition table in order at the end.
 *
 * Place: used by restore.
 *
 * Threads    allow() and end(): the job's; begin(): the drain's.
 * Errors     raised on the first-error latch, and returned. Except for end(), nothing was written
 *            then.
 */
#ifndef IMGZ_DEVICE_RESTORE_H
#define IMGZ_DEVICE_RESTORE_H

#include "image/image.h"
#include "io/sink/sink.h"
#include "job/common/job.h"

/* With image and output open, before the job runs: refuses options that make no sense for it, and
 * asks the program about a device. May wait for an answer. */
IMGZ_MUST_CHECK int imgz_device_restore_allow(struct imgz_job *job, const struct imgz_image *image,
                                              const struct imgz_sink *output);

/* With the disk's first item, checked, before anything is written: refuses a partition table made
 * for another sector size, or any if the device is a partition. */
IMGZ_MUST_CHECK int imgz_device_restore_check(struct imgz_job *job, const struct imgz_sink *output,
                                              const struct imgz_slot *first);

/* The same, and discards the device if that is wanted. */
IMGZ_MUST_CHECK int imgz_device_restore_begin(struct imgz_job *job, struct imgz_sink *output,
                                              const struct imgz_slot *first);

/* When all of the disk is there, flushed and read back, with the device still held: moves the
 * backup of its partition table, and has the system look for partitions. If that fails, it
 * warns. */
IMGZ_MUST_CHECK int imgz_device_restore_end(struct imgz_job *job, struct imgz_sink *output);

#endif /* IMGZ_DEVICE_RESTORE_H */
