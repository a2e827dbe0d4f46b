/* SPDX-License-Identifier: MIT */
/*
 * What is on a block device, or in a part of a file, as libblkid sees it.
 *
 * Threads    any. A process of its own reads the device, so a device that hangs does not hang the
 *            caller.
 * Errors     none: what cannot be read is "".
 * Blocking   IMGZ_CONTENTS_WAIT_MS at most: longer than a drive takes to spin up.
 */
#ifndef IMGZ_CONTENTS_H
#define IMGZ_CONTENTS_H

#include "base/base.h"

struct imgz_contents {
    char type[64];  /* a file system or a partition table: "ext4", "gpt" */
    char label[64]; /* of the file system, or of the partition */
};

#define IMGZ_CONTENTS_WAIT_MS 10000u

/* The type of a device that does not answer in time is "does not answer". */
void imgz_contents_probe(const char *path, struct imgz_contents *contents);

/* What is in 'bytes' of a file, from 'offset' on. Not for devices that may hang: the caller
 * reads. */
void imgz_contents_probe_part(int fd, uint64_t offset, uint64_t bytes,
                              struct imgz_contents *contents);

#endif /* IMGZ_CONTENTS_H */
