/* SPDX-License-Identifier: MIT */
/*
 * Opens a block device to be written, unless that would be a mistake: it is in use,
 * write-protected, too small, or what is read. Most of it can be overruled by name (enum
 * imgz_override).
 *
 * A device is opened with O_EXCL: refused while it, or a partition of it, is held by anybody, and
 * nobody can mount it meanwhile (open(2)). Only when that very refusal is overruled is it opened
 * without.
 *
 * Place: used by the sink of devices (io/sink).
 *
 * Threads    the caller's.
 * Errors     raised on the first-error latch, and returned; nothing is written before or by then.
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
    uint64_t need_bytes; /* it must hold so much; IMGZ_SIZE_UNKNOWN: cannot tell yet */
    uint64_t data_bytes; /* of it, so much is not known to be zeros */
    int source_fd;       /* what is read meanwhile; -1: nothing */
};

struct imgz_target {
    int fd;
    uint64_t size_bytes;
    uint64_t left_out_bytes; /* zeros for which there is no room: TOO_SMALL is overruled */
};

/* On failure nothing is held. */
IMGZ_MUST_CHECK int imgz_target_open(const struct imgz_target_config *config,
                                     struct imgz_latch *latch, struct imgz_log *log,
                                     struct imgz_target *target);

/* Lets a device forget all it holds (BLKDISCARD). No promise: what it reads as afterwards is its
 * own business. Returns how many bytes it took; less than its size is reported in the log. */
uint64_t imgz_target_discard(int fd, const char *path, struct imgz_latch *latch,
                             struct imgz_log *log);

#endif /* IMGZ_TARGET_H */
