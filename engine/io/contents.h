/* SPDX-License-Identifier: MIT */
/*
 * What is on a block device, as libblkid sees it.
 *
 * Threads    any.
 * Errors     none: what cannot be read is "".
 */
#ifndef IMGZ_CONTENTS_H
#define IMGZ_CONTENTS_H

#include "base/base.h"

struct imgz_contents {
    char type[64];  /* a file system or a partition table: "ext4", "gpt" */
    char label[64]; /* of the file system, or of the partition */
};

void imgz_contents_probe(const char *path, struct imgz_contents *contents);

#endif /* IMGZ_CONTENTS_H */
