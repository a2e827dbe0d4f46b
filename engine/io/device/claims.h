/* SPDX-License-Identifier: MIT */
/*
 * Who has a claim on a block device: what would be harmed, or would do harm, if it were written.
 *
 * Claims come from mounts, swap, devices and loop files stacked on it, programs that write to it,
 * the running system, and the image that is about to be read. Each may lie on the device through
 * partitions, device mapper, MD and loop devices in any order; a partition has no claim on its
 * neighbours.
 *
 * Place: asked before a device is written (target.h), and for the list of devices.
 *
 * Threads    any, each with a stack of its own.
 * Errors     what cannot be found out makes no claim but is an error: the device must not be
 *            written then. What programs hold exclusively, and mounts of other namespaces, only
 *            open(2) with O_EXCL shows.
 */
#ifndef IMGZ_CLAIMS_H
#define IMGZ_CLAIMS_H

#include <imgz/imgz.h>

#include "io/device/device_stack.h"

/* More than people read. */
#define IMGZ_CLAIMS_MAX 16u

struct imgz_claim {
    enum imgz_override kind; /* which override allows it */
    bool itself;             /* what is in use is the device itself, not a part of it */
    char device[96];         /* what is in use: "/dev/sdb1", "/dev/mapper/vg-home" */
    char on[64];             /* what part of the device that is, or lies on: "/dev/sdb1" */
    char by[256];            /* mount point, swap file, holder, or image */
    char file[256];          /* of a holder that is a loop device; "" otherwise */
    bool read_only;          /* of a mount: nothing is written through it */
    bool by_program;         /* that may write to it */
};

struct imgz_claims {
    uint32_t kinds; /* of enum imgz_override: of all claims */
    uint32_t count; /* of all claims; the list has the first of them */
    struct imgz_claim list[IMGZ_CLAIMS_MAX];
};

/* All claims on 'device' (st_rdev). 'image' (may be NULL) is the file that is being read. 0, or why
 * there may be more of them: -ENODEV if the system does not know the device, -ENOTSUP if it has no
 * /proc. */
IMGZ_MUST_CHECK int imgz_claims_find(struct imgz_device_stack *stack, dev_t device,
                                     const char *image, struct imgz_claims *claims);

/* For people. What: "/dev/sdb1 is mounted at /mnt"; use: "mounted at /mnt"; undo: "umount /mnt", or
 * "" where nothing can be done. */
void imgz_claim_what(const struct imgz_claim *claim, char *text, size_t text_bytes);
void imgz_claim_use(const struct imgz_claim *claim, char *text, size_t text_bytes);
void imgz_claim_undo(const struct imgz_claim *claim, char *text, size_t text_bytes);

#endif /* IMGZ_CLAIMS_H */
