/* SPDX-License-Identifier: MIT */
/*
 * A loop device for a test in C, where the machine has them and lets us: a target that is a block
 * device.
 */
#ifndef IMGZ_LOOPDEV_H
#define IMGZ_LOOPDEV_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"

struct imgz_loopdev {
    char path[64]; /* "" if there is none */
};

/* Attaches 'backing', a file with whole sectors. */
static inline void imgz_loopdev_attach(struct imgz_loopdev *loop, const char *backing)
{
    char command[600];
    FILE *output;

    loop->path[0] = '\0';
    if (geteuid() != 0)
        return;
    snprintf(command, sizeof(command), "PATH=$PATH:/sbin:/usr/sbin losetup -f --show '%s' 2>&1",
             backing);
    output = popen(command, "r");
    if (output == NULL)
        return;
    if (fgets(loop->path, sizeof(loop->path), output) == NULL)
        loop->path[0] = '\0';
    loop->path[strcspn(loop->path, "\n")] = '\0';
    if (pclose(output) != 0)
        loop->path[0] = '\0';
}

static inline void imgz_loopdev_detach(struct imgz_loopdev *loop)
{
    char command[200];

    if (loop->path[0] == '\0')
        return;
    snprintf(command, sizeof(command), "PATH=$PATH:/sbin:/usr/sbin losetup -d '%s'", loop->path);
    IMGZ_ASSERT(system(command) == 0);
    loop->path[0] = '\0';
}

#endif /* IMGZ_LOOPDEV_H */
