/* SPDX-License-Identifier: MIT */
/*
 * Opens a block device to be written, unless that would be a mistake: it is in use,
 * write-protected, too small, or what is read. Most refusals can be overridden by name (enum
 * imgz_override).
 *
 * A device is opened with O_EXCL (open(2)): that fails while anybody holds it or a partition of it,
 * and nobody can mount it meanwhile. Only if that very refusal is overridden is it opened without.
 *
 * Place: used by the sink of devices (io/sink).
 *
 * Threads    the caller's.
 * Errors     raised on the first-error latch, and returned; nothing has been written then.
 */
#ifndef IMGZ_TARGET_H
#define IMGZ_TARGET_H

#include "io/device/claims.h"
#include "pipeline/latch.h"
#include "pipeline/log.h"

struct imgz_target_config {
    const char *path;
    int handle; /* of the device (handle.h) */
    enum imgz_stage stage;
    uint32_t overrides;  /* of enum imgz_override */
    uint64_t need_bytes; /* it must hold this; IMGZ_SIZE_UNKNOWN: not known yet */
    uint64_t data_bytes; /* of these, not known to be zeros */
    int source_fd;       /* what is read meanwhile; -1: nothing */
};

struct imgz_target {
    int fd;
    uint64_t size_bytes;
    uint64_t left_out_bytes; /* zeros that do not fit, with TOO_SMALL overridden */
};

/* On failure nothing is held. */
IMGZ_MUST_CHECK int imgz_target_open(const struct imgz_target_config *config,
                                     struct imgz_latch *latch, struct imgz_log *log,
                                     struct imgz_target *target);

/* Discards all that a device holds (BLKDISCARD). What it reads as afterwards is up to the device.
 * Returns how many bytes it discarded; if that is less than its size, the log says so. */
uint64_t imgz_target_discard(int fd, const char *path, struct imgz_latch *latch,
                             struct imgz_log *log);

#endif /* IMGZ_TARGET_H */
