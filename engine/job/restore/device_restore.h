/* SPDX-License-Identifier: MIT */
/*
 * What a restore does about a block device beside writing it: has it confirmed, looks at the first
 * chunk before that is written, for what only the disk itself can tell, and puts its partition
 * table in order at the end.
 *
 * Place: used by restore.
 *
 * Threads    allow() and end(): the job's; begin(): the drain's.
 * Errors     raised on the first-error latch, and returned; before end() nothing was written by
 *            then.
 */
#ifndef IMGZ_DEVICE_RESTORE_H
#define IMGZ_DEVICE_RESTORE_H

#include "image/image.h"
#include "io/sink/sink.h"
#include "job/common/job.h"

/* With image and output open, before the job runs: refuses options that make no sense for it, and
 * asks whoever started the job about a device. May wait for an answer. */
IMGZ_MUST_CHECK int imgz_device_restore_allow(struct imgz_job *job, const struct imgz_image *image,
                                              const struct imgz_sink *output);

/* With the disk's first item, checked, before anything is written: refuses a partition table made
 * for other sectors, or where the device is a partition itself. */
IMGZ_MUST_CHECK int imgz_device_restore_check(struct imgz_job *job, const struct imgz_sink *output,
                                              const struct imgz_slot *first);

/* The same, and discards the device if that is wanted. */
IMGZ_MUST_CHECK int imgz_device_restore_begin(struct imgz_job *job, struct imgz_sink *output,
                                              const struct imgz_slot *first);

/* When all of the disk is there, flushed and read back, with the device still held: moves the
 * backup of its partition table, and has the system look for partitions. That it does not is a
 * warning. */
IMGZ_MUST_CHECK int imgz_device_restore_end(struct imgz_job *job, struct imgz_sink *output);

#endif /* IMGZ_DEVICE_RESTORE_H */
